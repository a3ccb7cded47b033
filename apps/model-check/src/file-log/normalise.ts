import { Phase } from "./actors.js";
import { Block } from "./block.js";
import { FrameKind } from "./frame.js";
import type { State } from "./state.js";

/**
 * Brings states that no future can tell apart to one form: a process that is gone knows nothing, a block that reads as zeros
 * says nothing.
 */
export function normalise(state: State): void {
  const { writer } = state;
  if (writer.phase === Phase.off || writer.phase === Phase.refused) writer.forget();
  for (const segment of state.segments) {
    if (!segment.inView && !segment.onDisk) continue;
    if (segment.begin === Block.zero) segment.eraseBeginContent();
    for (const frame of segment.frames) {
      if (frame.kind === FrameKind.none || frame.isTouched) continue;
      // A frame in flight whose blocks are all lost is still to be answered: the writer knows what it wrote.
      const inFlight =
        writer.phase === Phase.frameInFlight && writer.current === segment.number && writer.frames === frame.index;
      if (!inFlight) frame.kind = frame.seq = frame.value = frame.durableThrough = 0;
    }
  }
}
