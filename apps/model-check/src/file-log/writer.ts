import { breaks } from "./configurations.js";
import type { Configuration } from "./configurations.js";
import { removeFile, syncDirectory, syncFrames, takeFailures, unsyncedPlaces } from "./disk.js";
import { planRecovery } from "./plan.js";
import { contradicts, forgetRelaxed, promiseDurable, promiseRelaxedDurable, reportGone } from "./promises.js";
import { scanSegment } from "./scan.js";
import { Block, Fill, Goal, isReadable, FrameKind, MAX_FRAMES, MAX_SEGMENTS, MAX_SEQ, Phase, takesPlace } from "./state.js";
import type { Frame, Segment, State, Writer } from "./state.js";
import type { Steps } from "./steps.js";

/** What the process with the lock may do next: open, recover, make a segment, append, rotate, mark, trim, close. */
export function takeWriterSteps(steps: Steps): void {
  switch (steps.now.writer.phase) {
    case Phase.off:
      steps.take("open", (next) => { open(steps, next); });
      return;
    case Phase.readOnly:
      waitForRoom(steps);
      return;
    case Phase.creating:
      createFile(steps);
      leaveHeadInPlace(steps);
      return;
    case Phase.headerInFlight:
      finishHeader(steps);
      return;
    case Phase.directoryUnsynced:
      finishEntry(steps);
      return;
    case Phase.filling:
      fillOrGoOn(steps);
      return;
    case Phase.beginDue:
      writeBegin(steps);
      return;
    case Phase.beginInFlight:
      finishBegin(steps);
      return;
    case Phase.copying:
      copyNext(steps);
      leaveHeadInPlace(steps);
      return;
    case Phase.frameInFlight:
      finishFrame(steps);
      return;
    case Phase.removing:
      removeBelowFloor(steps);
      return;
    case Phase.open:
      useOpenLog(steps);
      return;
  }
}

// Opening. The whole directory is read in one step; what recovery writes is the same steps that an append takes.

function open(steps: Steps, next: State): void {
  const { configuration } = steps;
  const { writer } = next;
  const plan = planRecovery(next, configuration);
  if (plan.refusal !== undefined) {
    writer.phase = Phase.refused;
    steps.count("refused: damage");
    return;
  }
  writer.head = plan.head;
  writer.headEnd = plan.end;
  writer.headLastSeq = plan.lastSeq;
  writer.copyThrough = plan.copyThrough;
  writer.source = plan.source;
  writer.nextSeq = plan.copyThrough + 1;
  writer.floorSeq = plan.floorSeq;
  writer.floorNumber = plan.floorNumber;
  writer.making = plan.newNumber;

  if (breaks(configuration, "new segment names the newest file")) nameNewestFile(next);
  if (breaks(configuration, "number reused") && plan.newNumber - 1 > plan.head) writer.making = plan.newNumber - 1;
  if (breaks(configuration, "removes for a floor that is only seen")) {
    for (const segment of next.segments) if (segment.number < plan.floorNumber && segment.inView) removeFile(segment);
  }

  if (plan.copyThrough === plan.lastSeq) {
    resolveOpen(steps, next);
    return;
  }
  const syncs = breaks(configuration, "recovery syncs and trusts the view");
  if (syncs || breaks(configuration, "unproven tail is not copied")) {
    const source = next.segment(plan.source);
    writer.head = plan.source;
    writer.headEnd = scanSegment(source, configuration).end;
    writer.headLastSeq = plan.copyThrough;
    if (syncs) syncFrames(next, source);
    resolveOpen(steps, next);
    return;
  }
  writer.goal = mayTakePlace(next, configuration) ? Goal.replace : Goal.copy;
  writer.phase = configuration.fullDisk && writer.goal === Goal.copy ? Phase.readOnly : Phase.creating;
  steps.count("copy needed");
}

/**
 * Whether the first segment of this writer takes the place of the head: the head is small and reads as planned, and the segment
 * before it is part of the history.
 */
function mayTakePlace(state: State, configuration: Configuration): boolean {
  const { writer } = state;
  if (!configuration.takesPlace || writer.head === 0) return false;
  const head = state.segment(writer.head);
  const { predecessor } = head;
  // Small enough for a frame behind the copies.
  if (writer.copyThrough - head.predecessorLastSeq >= MAX_FRAMES) return false;
  for (const frame of head.frames) if (frame.index < writer.headEnd && !frame.isValid) return false;
  if (predecessor === 0) return breaks(configuration, "place of the first segment taken");
  return predecessor >= writer.floorNumber || breaks(configuration, "place taken on a predecessor that was trimmed");
}

/** What the log shows is delivered, and so promised; what it does not show is reported as not kept. */
function resolveOpen(steps: Steps, next: State): void {
  const { writer, promises } = next;
  writer.phase = Phase.open;
  const plan = planRecovery(next, steps.configuration);
  if (plan.refusal !== undefined) return;
  // If a fresh copy was damaged meanwhile, what it showed is not delivered as durable.
  const deliveredThrough = writer.current !== 0 && plan.source !== writer.current ? plan.lastSeq : plan.copyThrough;
  for (let seq = plan.floorSeq; seq <= MAX_SEQ; seq++) {
    const value = plan.values[seq] ?? 0;
    if (value !== 0 && seq <= deliveredThrough) {
      if (contradicts(next, seq, value)) steps.violation("another value delivered");
      promiseDurable(next, seq, value);
    }
    promises.relaxed[seq] = 0;
  }
  reportGone(next, plan);
}

function nameNewestFile(next: State): void {
  const newest = next.newestFirst.find((segment) => segment.inView && isReadable(segment.header));
  if (newest === undefined || newest.number === next.writer.head) return;
  next.writer.head = newest.number;
  next.writer.headEnd = 0;
}

/** The disk is full: the log can be read and trimmed, until there is room again. */
function waitForRoom(steps: Steps): void {
  const { writer, budget } = steps.now;
  steps.take("there is room again", (next) => {
    next.writer.phase = Phase.creating;
  });
  if (budget.trims === 0) return;
  for (let floorSeq = writer.floorSeq + 1; floorSeq <= writer.headLastSeq + 1; floorSeq++) {
    steps.take(() => `trim to ${floorSeq} on a full disk`, (next) => {
      next.budget.trims--;
      setFloor(next, floorSeq, writer.head);
      makeSegment(next.writer, Goal.trimAndCopy);
    });
  }
}

/**
 * One frame after the other, each read again and checked: those of a head whose place is taken, as far as they are proven, then
 * the unproven ones.
 */
function copyNext(steps: Steps): void {
  const { now, configuration } = steps;
  const { writer } = now;
  const { goal } = writer;
  const copiesHead = takesPlace(goal) && !breaks(configuration, "a segment in the head's place holds only the unproven");
  const target = now.segment(writer.current);
  const copiedBefore = copiesHead ? target.predecessorLastSeq : writer.headLastSeq;
  const lastCopied = writer.frames === 0 ? copiedBefore : target.frame(writer.frames - 1).seq;
  const frame = now
    .segment(copiesHead && lastCopied < writer.headLastSeq ? writer.head : writer.source)
    .frames.find((it) => it.index >= writer.sourceIndex && it.kind === FrameKind.commit && it.seq === lastCopied + 1);
  if (frame?.isValid === true && frame.seq <= writer.copyThrough) {
    const { index, seq, value } = frame;
    writeFrame(steps, { kind: FrameKind.commit, seq, value }, (next) => {
      // Of two sources each is read from its start.
      if (!copiesHead) next.writer.sourceIndex = index + 1;
      next.writer.goal = takesPlace(goal) ? goal : Goal.copy;
    });
    return;
  }
  if (lastCopied !== writer.copyThrough && !breaks(configuration, "source read again without a check")) {
    steps.take("the source no longer reads as planned: plan again", (next) => {
      next.writer.end();
      steps.count("source changed: planned again");
    });
    return;
  }
  steps.take("all copies are durable: the log is open", (next) => {
    if (takesPlace(goal)) leaveHead(steps, next);
    else next.writer.isEstablished = true;
    next.writer.nextSeq = next.writer.copyThrough + 1;
    if (goal === Goal.replaceForAppend) next.writer.phase = Phase.open;
    else resolveOpen(steps, next);
  });
}

/** The segment holds what the head holds. It takes its place when a frame behind the copies is durable: until then the head stays. */
function leaveHead(steps: Steps, next: State): void {
  const { writer } = next;
  const { predecessor, predecessorEnd, predecessorLastSeq } = next.segment(writer.current);
  writer.head = predecessor;
  writer.headEnd = predecessorEnd;
  writer.headLastSeq = predecessorLastSeq;
  writer.goal = Goal.append;
  writer.isEstablished = breaks(steps.configuration, "head removed before its copies are vouched for");
}

/** There is no room for the copies of the head as well: what was begun is left as it is, and the next segment follows the head. */
function leaveHeadInPlace(steps: Steps): void {
  const { goal } = steps.now.writer;
  if (!steps.configuration.fullDisk || !takesPlace(goal)) return;
  steps.take("no room to take the head's place", ({ writer }) => {
    writer.current = 0;
    writer.frames = 0;
    writer.durableFrames = 0;
    writer.goal = goal === Goal.replace ? Goal.copy : Goal.append;
    writer.phase = goal === Goal.replace ? Phase.readOnly : Phase.creating;
  });
}

// Making a segment: header, directory entry, zeros, begin, in this order; each step only after the one before is answered.

function makeSegment(writer: Writer, goal: number): void {
  writer.goal = goal;
  writer.phase = Phase.creating;
}

function createFile(steps: Steps): void {
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

function finishHeader(steps: Steps): void {
  const { making } = steps.now.writer;
  steps.take("header durable", (next) => {
    next.segment(making).header = Block.durable;
    next.writer.phase = Phase.directoryUnsynced;
  });
  takeFailures(steps, [steps.now.segment(making).headerPlace], endWriter);
}

function finishEntry(steps: Steps): void {
  steps.take("directory synced", (next) => {
    if (!breaks(steps.configuration, "directory entry not synced")) syncDirectory(next);
    next.writer.phase = Phase.filling;
  });
}

function fillOrGoOn(steps: Steps): void {
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

function writeBegin(steps: Steps): void {
  const number = steps.now.writer.making;
  steps.take(() => `begin of segment ${number} in flight`, (next) => {
    const segment = next.segment(number);
    fillInBegin(segment, next);
    segment.begin = Block.cached;
    next.writer.phase = Phase.beginInFlight;
    if (breaks(steps.configuration, "begin and commit in one sync")) enterSegment(steps, next, number);
  });
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

function finishBegin(steps: Steps): void {
  const number = steps.now.writer.making;
  steps.take("begin durable", (next) => {
    next.segment(number).begin = Block.durable;
    enterSegment(steps, next, number);
  });
  takeFailures(steps, [steps.now.segment(number).beginPlace], endWriter);
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

// Frames. One synced write at a time; any part of it can be seen before it is durable.

interface FrameContent {
  readonly kind: number;
  readonly seq: number;
  readonly value: number;
}

/** Writes `content` behind the last frame of the current segment. `then` is what else the step does. */
function writeFrame(steps: Steps, content: FrameContent, then: (next: State) => void): void {
  const { current, frames, durableFrames } = steps.now.writer;
  if (frames >= MAX_FRAMES) return;
  const durableThrough = breaks(steps.configuration, "frame vouches for itself") ? frames + 1 : durableFrames;
  for (const visible of content.kind === FrameKind.commit ? COMMIT_VISIBLE : OTHERS_VISIBLE) {
    steps.take(() => `${describe(content)} in flight, to be seen: ${visible.label}`, (next) => {
      const frame = next.segment(current).frame(frames);
      setFrame(frame, content, durableThrough);
      frame.header = visible.header;
      frame.body = visible.body;
      then(next);
      next.writer.phase = Phase.frameInFlight;
    });
  }
}

const COMMIT_VISIBLE = [
  { label: "all of it", header: Block.cached, body: Block.cached },
  { label: "its header", header: Block.cached, body: Block.zero },
  { label: "its body", header: Block.zero, body: Block.cached },
];
const OTHERS_VISIBLE = [{ label: "all of it", header: Block.cached, body: Block.zero }];

function setFrame(frame: Frame, { kind, seq, value }: FrameContent, durableThrough: number): void {
  frame.kind = kind;
  frame.seq = seq;
  frame.value = value;
  frame.durableThrough = durableThrough;
}

function describe({ kind, seq, value }: FrameContent): string {
  switch (kind) {
    case FrameKind.commit:
      return `commit of ${value} as ${seq}`;
    case FrameKind.trim:
      return `trim to ${seq}, segment ${value}`;
    default:
      return kind === FrameKind.marker ? "marker" : "seal";
  }
}

function finishFrame(steps: Steps): void {
  const { now, configuration } = steps;
  const { current, frames, goal } = now.writer;
  const frame = now.segment(current).frame(frames);
  steps.take("frame durable", (next) => {
    next.segment(current).frame(frames).setBlocks(Block.durable);
    acknowledgeFrame(steps, next);
  });
  const isAppend = frame.kind === FrameKind.commit && goal === Goal.append;
  if (isAppend && breaks(configuration, "two commits in flight")) letNextCommitOvertake(steps);
  const acknowledges = breaks(configuration, "failed write acknowledged after a second sync");
  takeFailures(steps, frame.places, (next) => {
    if (acknowledges) acknowledgeFrame(steps, next);
    else next.writer.end();
  });
}

/** The write was answered ok. */
function acknowledgeFrame(steps: Steps, next: State): void {
  const { writer } = next;
  const { kind, seq, value } = next.segment(writer.current).frame(writer.frames);
  writer.frames++;
  writer.durableFrames = writer.frames;
  if (writer.goal === Goal.copy || takesPlace(writer.goal)) {
    writer.phase = Phase.copying;
    return;
  }
  writer.phase = Phase.open;
  writer.isEstablished = true;
  switch (kind) {
    case FrameKind.commit:
      if (contradicts(next, seq, value)) steps.violation("sequence number acknowledged twice");
      promiseDurable(next, seq, value);
      writer.nextSeq = seq + 1;
      return;
    case FrameKind.seal:
      writer.end();
      steps.count("closed");
      return;
    case FrameKind.trim:
      next.promises.floorSeq = seq;
      writer.phase = Phase.removing;
      return;
  }
}

/** Only without the rule of one commit in flight: the commit behind is durable first, then the process crashes. */
function letNextCommitOvertake(steps: Steps): void {
  const { current, frames, durableFrames } = steps.now.writer;
  const { nextValue } = steps.now.promises;
  if (frames + 1 >= MAX_FRAMES || nextValue > steps.configuration.appends) return;
  steps.take("the next commit is durable first, then the process crashes", (next) => {
    const segment = next.segment(current);
    const seq = segment.frame(frames).seq + 1;
    const overtaking = segment.frame(frames + 1);
    setFrame(overtaking, { kind: FrameKind.commit, seq, value: nextValue }, durableFrames);
    overtaking.setBlocks(Block.durable);
    promiseDurable(next, seq, nextValue);
    next.promises.nextValue++;
    next.writer.end();
  });
}

// The open log.

function useOpenLog(steps: Steps): void {
  if (steps.now.writer.isEstablished) {
    removeTrimmedLater(steps);
    removeVoid(steps);
  }
  append(steps);
  sync(steps);
  markOrSeal(steps);
  prepareAhead(steps);
  trim(steps);
  letGoOfLock(steps);
}

/** The writer has a segment, and it is not full. */
function hasRoom({ now, configuration }: Steps): boolean {
  return now.writer.current !== 0 && now.writer.frames < configuration.framesPerSegment;
}

/** Everything written is durable. */
function isSynced({ now, configuration }: Steps): boolean {
  return !configuration.relaxed || now.writer.durableFrames === now.writer.frames;
}

function append(steps: Steps): void {
  const { now, configuration } = steps;
  const seq = now.writer.nextSeq;
  const value = now.promises.nextValue;
  if (value > configuration.appends || seq > MAX_SEQ) return;
  if (!hasRoom(steps)) {
    if (isSynced(steps) || breaks(configuration, "rotation before the old segment is synced")) takeNextSegment(steps);
  } else if (configuration.relaxed) {
    appendRelaxed(steps, seq, value);
  } else {
    writeFrame(steps, { kind: FrameKind.commit, seq, value }, (next) => {
      next.promises.nextValue++;
      next.writer.goal = Goal.append;
    });
  }
}

function takeNextSegment(steps: Steps): void {
  steps.take("the next append needs a segment", (next) => {
    const { writer } = next;
    if (writer.prepared === 0) {
      const replaces = writer.current === 0 && mayTakePlace(next, steps.configuration);
      makeSegment(writer, replaces ? Goal.replaceForAppend : Goal.append);
      return;
    }
    writer.making = writer.prepared;
    writer.prepared = 0;
    writer.goal = Goal.append;
    writer.phase = Phase.beginDue;
    steps.count("rotation");
  });
}

/** A plain write, acknowledged at once. */
function appendRelaxed(steps: Steps, seq: number, value: number): void {
  const { current, frames, durableFrames } = steps.now.writer;
  const { configuration } = steps;
  const write = (next: State, durableThrough: number, block: number): void => {
    const frame = next.segment(current).frame(frames);
    setFrame(frame, { kind: FrameKind.commit, seq, value }, durableThrough);
    frame.setBlocks(block);
    next.writer.frames++;
    next.writer.nextSeq++;
    next.promises.nextValue++;
  };
  steps.take(() => `append of ${value} as ${seq}, not synced`, (next) => {
    write(next, breaks(configuration, "frame vouches for itself") ? frames + 1 : durableFrames, Block.cached);
    next.promises.relaxed[seq] = value;
    if (breaks(configuration, "head removed for a frame that is not synced")) next.writer.isEstablished = true;
  });
  if (breaks(configuration, "synced append in relaxed mode by O_DSYNC alone")) {
    steps.take(() => `append of ${value} as ${seq} by O_DSYNC`, (next) => {
      write(next, durableFrames, Block.durable);
      promiseDurable(next, seq, value);
    });
  }
}

function sync(steps: Steps): void {
  const { now } = steps;
  if (isSynced(steps)) return;
  const { current } = now.writer;
  steps.take("sync", (next) => {
    syncFrames(next, next.segment(current));
    next.writer.durableFrames = next.writer.frames;
    if (steps.configuration.takesPlace) next.writer.isEstablished = true;
    promiseRelaxedDurable(next);
  });
  takeFailures(steps, unsyncedPlaces(now, now.segment(current)), (next) => {
    next.writer.end();
    forgetRelaxed(next);
  });
}

/** Frames without records, each at most once behind a frame of another kind. */
function markOrSeal(steps: Steps): void {
  const { now, configuration } = steps;
  const { writer } = now;
  if (!hasRoom(steps) || !isSynced(steps) || writer.frames === 0) return;
  const lastKind = now.segment(writer.current).frame(writer.frames - 1).kind;
  for (const kind of [FrameKind.marker, FrameKind.seal]) {
    const isEnabled = kind === FrameKind.marker ? configuration.marker : configuration.seal;
    if (isEnabled && lastKind !== kind) writeFrame(steps, { kind, seq: 0, value: 0 }, (next) => { next.writer.goal = Goal.append; });
  }
}

function prepareAhead(steps: Steps): void {
  const { now, configuration } = steps;
  if (!configuration.ahead || now.writer.current === 0 || now.writer.prepared !== 0 || now.newestNumber >= MAX_SEGMENTS) return;
  steps.take("make the next segment ahead", ({ writer }) => { makeSegment(writer, Goal.ahead); });
}

/** First the floor is written, by a frame or, without a segment of one's own, by a begin; then files are removed. */
function trim(steps: Steps): void {
  const { now, configuration } = steps;
  const { writer, budget } = now;
  if (budget.trims === 0 || !isSynced(steps)) return;
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

function setFloor(next: State, floorSeq: number, newest: number): void {
  next.writer.floorSeq = floorSeq;
  next.writer.floorNumber = lowestKept(next, floorSeq, newest);
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

function removeBelowFloor(steps: Steps): void {
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
function removeTrimmedLater(steps: Steps): void {
  const segment = steps.now.segments.find(({ number, inView }) => inView && number < steps.now.writer.floorNumber);
  if (segment !== undefined) takeRemoval(steps, segment, "trimmed segment removed later");
}

/** A head whose place was taken can be left below the present one; everything else that is void lies above it. */
function removeVoid(steps: Steps): void {
  const { now, configuration } = steps;
  const { head, current } = now.writer;
  const above = configuration.takesPlace ? 0 : head;
  const segment = now.segments.find(({ number, inView }) => inView && number > above && number < current && isVoid(now, number));
  if (segment !== undefined) takeRemoval(steps, segment, "void removed");
}

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

/** Only without the rule of the lock: a rotation lets go of it, and a second writer opens while the first lives on. */
function letGoOfLock(steps: Steps): void {
  const { writer, zombie } = steps.now;
  if (!breaks(steps.configuration, "lock on the segment") || writer.current === 0 || writer.head === 0 || zombie.segment !== 0) return;
  steps.take("a second writer is let in, the first one lives on", (next) => {
    next.zombie.segment = writer.current;
    next.zombie.frames = writer.frames;
    next.zombie.nextSeq = writer.nextSeq;
    next.zombie.durableFrames = writer.durableFrames;
    next.writer.end();
  });
}

/** The writer is poisoned and lets go of the lock. */
function endWriter(next: State): void {
  next.writer.end();
}
