import { Phase } from "./actors.js";
import { Block } from "./block.js";
import type { BlockPlace } from "./block.js";
import { breaks } from "./configuration.js";
import { takePowerLosses } from "./disk.js";
import { FrameKind } from "./frame.js";
import type { Frame } from "./frame.js";
import { contradicts, forgetRelaxed, isVouchedFor, promiseDurable, releaseFrom } from "./promises.js";
import { MAX_FRAMES } from "./segment.js";
import type { Segment } from "./segment.js";
import { MAX_SEQ } from "./state.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";

/** Everything that happens to a log from outside: crashes, power loss, a cache that forgets, damage. */
export function takeEnvironmentSteps(steps: Steps): void {
  const { now } = steps;
  crashProcess(steps);
  if (now.budget.powerLosses > 0 && now.writer.phase !== Phase.refused) losePower(steps);
  for (const segment of now.segments) {
    if (!segment.inView) continue;
    for (const place of segment.places) changeBlock(steps, place);
  }
  appendByZombie(steps);
}

function crashProcess(steps: Steps): void {
  const { writer, budget } = steps.now;
  if (writer.phase === Phase.off || writer.phase === Phase.refused || budget.processCrashes === 0) return;
  steps.take("process crash", (next) => {
    next.writer.end();
    next.budget.processCrashes--;
    steps.count("process crash");
  });
}

function losePower(steps: Steps): void {
  takePowerLosses(steps, (next) => {
    next.writer.end();
    next.zombie.end();
    forgetRelaxed(next);
    next.budget.powerLosses--;
    next.reader.segment = 0;
    // The reader is a new one, which starts at the beginning.
    if (next.reader.nextSeq !== 0) next.reader.nextSeq = 1;
    steps.count("power loss");
  });
}

function changeBlock(steps: Steps, place: BlockPlace): void {
  const { now, configuration } = steps;
  switch (now.block(place)) {
    case Block.phantom:
      steps.take(() => `evicted: ${nameOf(place)}`, (next) => {
        next.setBlock(place, Block.zero);
        steps.count("evicted");
      });
      return;
    case Block.cached:
      if (!configuration.writeBackFails || now.budget.failures === 0 || now.writer.phase !== Phase.off || place.frame === undefined) return;
      steps.take(() => `writing back fails: ${nameOf(place)}`, (next) => {
        next.budget.failures--;
        next.setBlock(place, Block.phantom);
        forgetRelaxed(next);
      });
      return;
    case Block.durable:
      if (now.budget.damages > 0) damage(steps, place);
      return;
  }
}

/** A durable block becomes unreadable. What can then not be told from a torn tail is released from the promises. */
function damage(steps: Steps, place: BlockPlace): void {
  steps.take(() => `damage: ${nameOf(place)}`, (next) => {
    next.budget.damages--;
    next.budget.damaged = true;
    next.setBlock(place, Block.damaged);
    const segment = next.segment(place.segment);
    if (place.frame === undefined) damagedBeforeFrames(next, segment);
    else damagedFrame(steps, next, segment, segment.frame(place.frame), place);
  });
}

/** Of a begin with nothing durable behind it, the floor can be lost. A header or begin with something behind it is never missed. */
function damagedBeforeFrames(next: State, segment: Segment): void {
  if (!segment.frames.some((frame) => frame.header === Block.durable)) next.promises.floorSeq = 0;
}

/** The stated window: nothing that proves the frame was written durably behind it. */
function damagedFrame(steps: Steps, next: State, segment: Segment, frame: Frame, place: BlockPlace): void {
  const isProven = isVouchedFor(next, segment, frame);
  if (breaks(steps.configuration, "marker in the block of the commit") && place.part === "body") {
    const behind = segment.frames[frame.index + 1];
    if (behind?.kind === FrameKind.marker && behind.header !== Block.zero) behind.header = Block.damaged;
  }
  if (isProven) {
    steps.count("damage outside the window");
    return;
  }
  if (frame.kind === FrameKind.commit) {
    // In synced mode this is one commit, in relaxed mode all since the last statement.
    releaseFrom(next, frame.seq);
    steps.count("damage in the stated window");
  }
  if (frame.kind === FrameKind.trim) next.promises.floorSeq = 0;
}

/** Only without the rule of the lock: the first writer goes on in its segment, and each of its appends is durable at once. */
function appendByZombie(steps: Steps): void {
  const { zombie, promises } = steps.now;
  if (zombie.segment === 0 || zombie.frames >= MAX_FRAMES || promises.nextValue > steps.configuration.appends) return;
  const value = promises.nextValue;
  const seq = zombie.nextSeq;
  if (steps.now.segment(zombie.segment).frame(zombie.frames).kind !== FrameKind.none || seq > MAX_SEQ) return;
  steps.take(() => `the first writer appends ${value} as ${seq}`, (next) => {
    const frame = next.segment(zombie.segment).frame(zombie.frames);
    frame.kind = FrameKind.commit;
    frame.seq = seq;
    frame.value = value;
    frame.durableThrough = zombie.durableFrames;
    frame.setBlocks(Block.durable);
    next.zombie.frames++;
    next.zombie.nextSeq++;
    next.zombie.durableFrames++;
    next.promises.nextValue++;
    if (contradicts(next, seq, value)) steps.violation("two writers acknowledged the same sequence number");
    promiseDurable(next, seq, value);
  });
}

function nameOf({ segment, frame, part }: BlockPlace): string {
  return frame === undefined ? `${part} of segment ${segment}` : `${part} of frame ${frame} in segment ${segment}`;
}
