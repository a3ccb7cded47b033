import { Goal, Phase } from "./actors.js";
import { hasRoom, isSynced } from "./appending.js";
import { breaks } from "./configuration.js";
import { removeFile } from "./disk.js";
import { FrameKind } from "./frame.js";
import { makeSegment } from "./making.js";
import type { Segment } from "./segment.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";
import { writeFrame } from "./writing.js";

// Giving records up, and removing the files that nobody needs any more.

/** First the floor is written, by a frame or, without a segment of one's own, by a begin; then files are removed. */
export function trim(steps: Steps): void {
  const { now, configuration } = steps;
  const { writer, budget } = now;
  if (budget.trims === 0 || !isSynced(steps)) return;
  trimAgain(steps);
  const writesNothing = breaks(configuration, "trim without control frame");
  const writesLater = breaks(configuration, "trim removes before its frame is durable");
  for (let floorSeq = writer.floorSeq + 1; floorSeq <= writer.nextSeq; floorSeq++) {
    if (writesNothing || writesLater) {
      steps.take(() => `trim to ${floorSeq} without a frame`, (next) => {
        next.budget.trims--;
        setFloor(next, floorSeq, writer.current === 0 ? writer.head : writer.current);
        if (writesNothing) next.promises.floorSeq = floorSeq;
        next.writer.phase = Phase.removing;
      });
    } else if (hasRoom(steps)) {
      const floorNumber = lowestKept(now, floorSeq, writer.current);
      writeFrame(steps, { kind: FrameKind.trim, seq: floorSeq, value: floorNumber }, (next) => {
        next.budget.trims--;
        next.writer.floorSeq = floorSeq;
        next.writer.floorNumber = floorNumber;
        next.writer.goal = Goal.append;
      });
    } else if (writer.current === 0) {
      steps.take(() => `trim to ${floorSeq} by a begin`, (next) => {
        next.budget.trims--;
        setFloor(next, floorSeq, writer.head);
        makeSegment(next.writer, Goal.trim);
      });
    }
  }
}

/**
 * A trim at or below the floor of this writer, which nobody was promised yet: where it is known to be durable it is answered, and
 * nothing is written. Where it was only read, it is written. Lower floors promise less, and change nothing else.
 */
function trimAgain(steps: Steps): void {
  const { writer, promises } = steps.now;
  const { floorSeq, durableFloorSeq } = writer;
  const answered = breaks(steps.configuration, "a floor that is only seen is answered") ? floorSeq : durableFloorSeq;
  if (answered > Math.max(promises.floorSeq, NO_FLOOR)) {
    steps.take(() => `trim to ${answered}, where the floor stands`, (next) => {
      next.budget.trims--;
      next.promises.floorSeq = answered;
      steps.count("trim answered without a write");
    });
  }
  if (floorSeq <= answered || floorSeq <= promises.floorSeq) return;
  // Where this writer has a segment its begin states the floor.
  steps.take(() => `trim to ${floorSeq}, which was only read, by a begin`, (next) => {
    next.budget.trims--;
    makeSegment(next.writer, Goal.trim);
    steps.count("floor written again");
  });
}

/** Makes `floorSeq` the writer's floor. `newest` is the number of the newest segment of its chain. */
export function setFloor(next: State, floorSeq: number, newest: number): void {
  next.writer.floorSeq = floorSeq;
  next.writer.floorNumber = lowestKept(next, floorSeq, newest);
}

/** After a trim: the files below its floor go, one after the other. */
export function removeBelowFloor(steps: Steps): void {
  const segment = steps.now.segments.find(({ number, inView }) => inView && number < steps.now.writer.floorNumber);
  if (segment !== undefined) {
    takeRemoval(steps, segment, "segment trimmed");
    return;
  }
  steps.take("trim done", ({ writer }) => {
    if (writer.goal === Goal.trimAndCopy) {
      writer.goal = Goal.copy;
      writer.phase = Phase.copying;
    } else {
      writer.phase = Phase.open;
    }
  });
}

/** This writer's begin has restated the floor: what an earlier one left below it can go. */
export function removeTrimmedLater(steps: Steps): void {
  const segment = steps.now.segments.find(({ number, inView }) => inView && number < steps.now.writer.floorNumber);
  if (segment !== undefined) takeRemoval(steps, segment, "trimmed segment removed later");
}

/** A head whose place was taken can be left below the present one; everything else that is void lies above it. */
export function removeVoid(steps: Steps): void {
  const { now, configuration } = steps;
  const { head, current } = now.writer;
  const above = configuration.takesPlace ? 0 : head;
  const segment = now.segments.find(({ number, inView }) => inView && number > above && number < current && isVoid(now, number));
  if (segment !== undefined) takeRemoval(steps, segment, "void removed");
}

/** The newest segment of the chain down from `newest` whose first sequence number is at most `floorSeq`. */
function lowestKept(state: State, floorSeq: number, newest: number): number {
  let number = newest;
  while (number !== 0) {
    const { predecessor, predecessorLastSeq } = state.segment(number);
    if (predecessorLastSeq + 1 <= floorSeq || predecessor === 0) return number;
    number = predecessor;
  }
  return 1;
}

/** The floor of a log that was never trimmed. */
const NO_FLOOR = 1;

/** No segment of the chain has this number. */
function isVoid(state: State, number: number): boolean {
  let link = state.writer.current;
  while (link > number) link = state.segment(link).predecessor;
  return link !== number;
}

function takeRemoval(
  steps: Steps,
  { number }: Segment,
  event: "segment trimmed" | "trimmed segment removed later" | "void removed",
): void {
  steps.take(() => `remove file ${number}: ${event}`, (next) => {
    removeFile(next.segment(number));
    steps.count(event);
  });
}
