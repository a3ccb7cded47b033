import { Goal, Phase, takesPlace } from "./actors.js";
import { breaks } from "./configuration.js";
import type { Configuration } from "./configuration.js";
import { MAX_FRAMES } from "./segment.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";

// Taking the place of the head: whether a new segment does, when the head is left for it, and when there is no room to.

/**
 * Whether the first segment of this writer takes the place of the head: the head is small and reads as planned, and the segment
 * before it is part of the history.
 */
export function mayTakePlace(state: State, configuration: Configuration): boolean {
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

/** The segment holds what the head holds. It takes its place when a frame behind the copies is durable: until then the head stays. */
export function leaveHead(steps: Steps, next: State): void {
  const { writer } = next;
  const { predecessor, predecessorEnd, predecessorLastSeq } = next.segment(writer.current);
  writer.head = predecessor;
  writer.headEnd = predecessorEnd;
  writer.headLastSeq = predecessorLastSeq;
  writer.goal = Goal.append;
  writer.isEstablished = breaks(steps.configuration, "head removed before its copies are vouched for");
}

/** There is no room for the copies of the head as well: what was begun is left as it is, and the next segment follows the head. */
export function leaveHeadInPlace(steps: Steps): void {
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
