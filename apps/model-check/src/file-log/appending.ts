import { Goal, Phase } from "./actors.js";
import { Block } from "./block.js";
import { breaks } from "./configuration.js";
import { syncFrames, takeFailures, unsyncedPlaces } from "./disk.js";
import { FrameKind } from "./frame.js";
import { makeSegment } from "./making.js";
import { forgetRelaxed, promiseDurable, promiseRelaxedDurable } from "./promises.js";
import { mayTakePlace } from "./replacing.js";
import { MAX_SEGMENTS, MAX_SEQ } from "./state.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";
import { setFrame, writeFrame } from "./writing.js";

// What the open log writes: commits, markers, a seal; and the segments for them.

/** Appends the next record, or makes a segment for it if there is none with room. */
export function append(steps: Steps): void {
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

/** In relaxed mode: what was written becomes durable, or the sync fails and the writer ends. */
export function sync(steps: Steps): void {
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
export function markOrSeal(steps: Steps): void {
  const { now, configuration } = steps;
  const { writer } = now;
  if (!hasRoom(steps) || !isSynced(steps) || writer.frames === 0) return;
  const lastKind = now.segment(writer.current).frame(writer.frames - 1).kind;
  for (const kind of [FrameKind.marker, FrameKind.seal]) {
    const isEnabled = kind === FrameKind.marker ? configuration.marker : configuration.seal;
    if (isEnabled && lastKind !== kind) writeFrame(steps, { kind, seq: 0, value: 0 }, (next) => { next.writer.goal = Goal.append; });
  }
}

/** Makes the next segment before it is needed. */
export function prepareAhead(steps: Steps): void {
  const { now, configuration } = steps;
  if (!configuration.ahead || now.writer.current === 0 || now.writer.prepared !== 0 || now.newestNumber >= MAX_SEGMENTS) return;
  steps.take("make the next segment ahead", ({ writer }) => { makeSegment(writer, Goal.ahead); });
}

/** The writer has a segment, and it is not full. */
export function hasRoom({ now, configuration }: Steps): boolean {
  return now.writer.current !== 0 && now.writer.frames < configuration.framesPerSegment;
}

/** Everything written is durable. */
export function isSynced({ now, configuration }: Steps): boolean {
  return !configuration.relaxed || now.writer.durableFrames === now.writer.frames;
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
