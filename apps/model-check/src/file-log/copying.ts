import { Goal, Phase, takesPlace } from "./actors.js";
import { breaks } from "./configuration.js";
import { FrameKind } from "./frame.js";
import { resolveOpen } from "./opening.js";
import { leaveHead } from "./replacing.js";
import type { Steps } from "./steps.js";
import { writeFrame } from "./writing.js";

/**
 * One frame after the other, each read again and checked: those of a head whose place is taken, as far as they are proven, then
 * the unproven ones.
 */
export function copyNext(steps: Steps): void {
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
