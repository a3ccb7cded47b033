import { Role, WriterPhase } from "./actors.js";
import type { Writer } from "./actors.js";
import { putCommit, resolveCommit } from "./committing.js";
import { checkClaim, findNewest, putClaim, readNewest, resolveClaim } from "./opening.js";
import { takeReaderSteps } from "./reader.js";
import type { Steps } from "./steps.js";

/** What a writer may do next. Each request is one step, so that everything can happen between two of them. */
export function takeWriterSteps(steps: Steps, writer: Writer): void {
  switch (writer.phase) {
    case WriterPhase.finding:
      findNewest(steps, writer);
      return;
    case WriterPhase.readingNewest:
      readNewest(steps, writer);
      return;
    case WriterPhase.claiming:
      putClaim(steps, writer);
      return;
    case WriterPhase.resolvingClaim:
      resolveClaim(steps, writer);
      return;
    case WriterPhase.checkingClaim:
      checkClaim(steps, writer);
      return;
    case WriterPhase.recovering:
      takeReaderSteps(steps, steps.now.reader(Role.recovery));
      return;
    case WriterPhase.open:
      putCommit(steps, writer);
      return;
    case WriterPhase.resolvingCommit:
      resolveCommit(steps, writer);
      return;
  }
}
