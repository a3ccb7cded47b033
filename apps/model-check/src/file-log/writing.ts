import { Goal, Phase, takesPlace } from "./actors.js";
import { Block } from "./block.js";
import { breaks } from "./configuration.js";
import { takeFailures } from "./disk.js";
import { FrameKind } from "./frame.js";
import type { Frame } from "./frame.js";
import { contradicts, promiseDurable } from "./promises.js";
import { MAX_FRAMES } from "./segment.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";

// Writing a frame. One synced write at a time; any part of it can be seen before it is durable.

/** What a frame says, field by field as in {@link Frame}. */
export interface FrameContent {
  readonly kind: number;
  readonly seq: number;
  readonly value: number;
}

/** Writes `content` behind the last frame of the current segment. `then` is what else the step does. */
export function writeFrame(steps: Steps, content: FrameContent, then: (next: State) => void): void {
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

/** The frame in flight is durable, or its write fails and the writer ends. */
export function finishFrame(steps: Steps): void {
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

/** Fills in a frame. `durableThrough`: how many frames before it its writer knows to be durable. */
export function setFrame(frame: Frame, { kind, seq, value }: FrameContent, durableThrough: number): void {
  frame.kind = kind;
  frame.seq = seq;
  frame.value = value;
  frame.durableThrough = durableThrough;
}

const COMMIT_VISIBLE = [
  { label: "all of it", header: Block.cached, body: Block.cached },
  { label: "its header", header: Block.cached, body: Block.zero },
  { label: "its body", header: Block.zero, body: Block.cached },
];

const OTHERS_VISIBLE = [{ label: "all of it", header: Block.cached, body: Block.zero }];

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
      writer.durableFloorSeq = seq;
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
