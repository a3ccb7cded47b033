import { Goal, Phase, takesPlace } from "./actors.js";
import type { Writer } from "./actors.js";
import { Block, Fill } from "./block.js";
import { breaks } from "./configuration.js";
import { removeFile, syncDirectory, takeFailures } from "./disk.js";
import type { Segment } from "./segment.js";
import { MAX_SEGMENTS } from "./state.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";

// Making a segment: header, directory entry, zeros, begin, in this order; each step only after the one before is answered.

/** What the writer does next is to make a segment. `goal` is one of {@link Goal}. */
export function makeSegment(writer: Writer, goal: number): void {
  writer.goal = goal;
  writer.phase = Phase.creating;
}

/** Creates the file of the next number, or takes over one that is there; its header may be seen from now on, or not yet. */
export function createFile(steps: Steps): void {
  const { now, configuration } = steps;
  const { writer } = now;
  const reusesNumber = breaks(configuration, "number reused");
  const goesOn = writer.current !== 0 || writer.goal === Goal.ahead;
  const number = goesOn ? now.newestNumber + 1 : Math.max(writer.making, reusesNumber ? 0 : now.newestNumber + 1);
  if (number > MAX_SEGMENTS) return;
  if (now.segment(number).inView) {
    steps.take(() => `take over file ${number}`, (next) => {
      next.writer.making = number;
      next.writer.phase = Phase.beginDue;
    });
    return;
  }
  steps.take(() => `create file ${number} for ${GOAL_NAMES[writer.goal] ?? ""}`, (next) => {
    const segment = startFile(next, number);
    segment.header = Block.cached;
    if (breaks(configuration, "header not synced before the file grows")) {
      segment.fill = configuration.fill ? Fill.inFlight : Fill.none;
      next.writer.phase = Phase.directoryUnsynced;
    }
  });
  steps.take(() => `create file ${number}, header not yet to be seen`, (next) => {
    startFile(next, number);
  });
}

/** The header is durable, or its write fails and the writer ends. */
export function finishHeader(steps: Steps): void {
  const { making } = steps.now.writer;
  steps.take("header durable", (next) => {
    next.segment(making).header = Block.durable;
    next.writer.phase = Phase.directoryUnsynced;
  });
  takeFailures(steps, [steps.now.segment(making).headerPlace], endWriter);
}

/** The directory entry is durable. */
export function finishEntry(steps: Steps): void {
  steps.take("directory synced", (next) => {
    if (!breaks(steps.configuration, "directory entry not synced")) syncDirectory(next);
    next.writer.phase = Phase.filling;
  });
}

/** Zeros are written behind the header, or the segment is made without. */
export function fillOrGoOn(steps: Steps): void {
  const { writer } = steps.now;
  const number = writer.making;
  const { fill } = steps.now.segment(number);
  steps.take(() => `segment ${number} is made`, (next) => {
    if (writer.goal === Goal.ahead) {
      next.writer.prepared = number;
      next.writer.phase = Phase.open;
    } else {
      next.writer.phase = Phase.beginDue;
    }
  });
  if (steps.configuration.fill && fill === Fill.none) {
    steps.take("zeros in flight", (next) => { next.segment(number).fill = Fill.inFlight; });
  }
  if (fill === Fill.inFlight) {
    steps.take("zeros durable", (next) => { next.segment(number).fill = Fill.none; });
  }
}

/** Writes the begin: from now on it can be seen. */
export function writeBegin(steps: Steps): void {
  const number = steps.now.writer.making;
  steps.take(() => `begin of segment ${number} in flight`, (next) => {
    const segment = next.segment(number);
    fillInBegin(segment, next);
    segment.begin = Block.cached;
    next.writer.phase = Phase.beginInFlight;
    if (breaks(steps.configuration, "begin and commit in one sync")) enterSegment(steps, next, number);
  });
}

/** The begin is durable and the segment is the current one, or the write fails and the writer ends. */
export function finishBegin(steps: Steps): void {
  const number = steps.now.writer.making;
  steps.take("begin durable", (next) => {
    next.segment(number).begin = Block.durable;
    enterSegment(steps, next, number);
  });
  takeFailures(steps, [steps.now.segment(number).beginPlace], endWriter);
}

/** By {@link Goal}. */
const GOAL_NAMES = [
  "an append",
  "copies",
  "later use",
  "a trim",
  "a trim and copies",
  "copies, in the place of the head",
  "an append, in the place of the head",
];

function startFile(next: State, number: number): Segment {
  const segment = next.segment(number);
  segment.inView = true;
  next.writer.making = number;
  next.writer.phase = Phase.headerInFlight;
  return segment;
}

/** The current segment is left for the new one, or the head that was found at open is, or the new one takes the head's place. */
function fillInBegin(segment: Segment, next: State): void {
  const { writer } = next;
  if (writer.current !== 0) {
    segment.predecessor = writer.current;
    segment.predecessorEnd = writer.frames;
    segment.predecessorLastSeq = writer.nextSeq - 1;
    segment.inheritedThrough = writer.nextSeq - 1;
  } else if (takesPlace(writer.goal)) {
    const head = next.segment(writer.head);
    segment.predecessor = head.predecessor;
    segment.predecessorEnd = head.predecessorEnd;
    segment.predecessorLastSeq = head.predecessorLastSeq;
    segment.inheritedThrough = writer.copyThrough;
  } else {
    segment.predecessor = writer.head;
    segment.predecessorEnd = writer.headEnd;
    segment.predecessorLastSeq = writer.headLastSeq;
    segment.inheritedThrough = writer.copyThrough;
  }
  segment.floorSeq = writer.floorSeq;
  segment.floorNumber = writer.floorNumber;
}

/** The begin is durable, and so is the floor that it states. */
function enterSegment(steps: Steps, next: State, number: number): void {
  const { writer } = next;
  const { goal } = writer;
  const trims = goal === Goal.trim || goal === Goal.trimAndCopy;
  if (trims) next.promises.floorSeq = writer.floorSeq;
  if (writer.current !== 0) {
    writer.head = writer.current;
    writer.headEnd = writer.frames;
    writer.headLastSeq = writer.copyThrough = writer.nextSeq - 1;
  }
  writer.durableFloorSeq = writer.floorSeq;
  writer.current = number;
  writer.frames = 0;
  writer.durableFrames = 0;
  writer.isEstablished = false;
  if (breaks(steps.configuration, "voids removed before the copies are durable")) removeBetween(next, writer.head, number);
  if (takesPlace(goal)) {
    steps.count("takes the head's place");
    if (breaks(steps.configuration, "head removed when its place is begun")) removeFile(next.segment(writer.head));
  }
  writer.phase = goal === Goal.copy || takesPlace(goal) ? Phase.copying : trims ? Phase.removing : Phase.open;
}

function removeBetween(next: State, above: number, below: number): void {
  for (const segment of next.segments) {
    if (segment.number > above && segment.number < below && segment.inView) removeFile(segment);
  }
}

/** The writer is poisoned and lets go of the lock. */
function endWriter(next: State): void {
  next.writer.end();
}
