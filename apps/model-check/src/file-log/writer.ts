import { Phase } from "./actors.js";
import { append, markOrSeal, prepareAhead, sync } from "./appending.js";
import { breaks } from "./configuration.js";
import { copyNext } from "./copying.js";
import { createFile, fillOrGoOn, finishBegin, finishEntry, finishHeader, writeBegin } from "./making.js";
import { open, waitForRoom } from "./opening.js";
import { leaveHeadInPlace } from "./replacing.js";
import type { Steps } from "./steps.js";
import { removeBelowFloor, removeTrimmedLater, removeVoid, trim } from "./trimming.js";
import { finishFrame } from "./writing.js";

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
