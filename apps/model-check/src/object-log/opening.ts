import { Role, WriterPhase } from "./actors.js";
import type { Writer } from "./actors.js";
import { breaks } from "./configurations.js";
import { claimOf, describe, isClaim, nextSeqOf, NOTHING, writerOf } from "./content.js";
import { createObject } from "./history.js";
import { loseAnswer } from "./requests.js";
import { RequestKind } from "./state.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";
import { newestPosition } from "./store.js";

// Opening: find the newest object, claim the position behind it, and list once more.

/** Lists for the newest object. There is none in a new log, which begins at position 1. */
export function findNewest(steps: Steps, writer: Writer): void {
  const newest = newestPosition(steps.now);
  steps.take(() => `${writer.name}: LIST log/, the newest is ${newest}`, (next) => {
    const opener = next.writer(writer.id);
    opener.attempts++;
    opener.position = newest;
    opener.nextSeq = 1;
    opener.phase = newest === 0 ? WriterPhase.claiming : WriterPhase.readingNewest;
  });
}

/** The end of the newest object gives the next sequence number. */
export function readNewest(steps: Steps, writer: Writer): void {
  const { position } = writer;
  const content = steps.now.objectAt(position);
  steps.take(() => `${writer.name}: GET log/${position}, ${describe(content)}`, (next) => {
    const opener = next.writer(writer.id);
    if (content === NOTHING) {
      opener.phase = WriterPhase.finding;
      return;
    }
    opener.nextSeq = nextSeqOf(content);
    opener.phase = WriterPhase.claiming;
  });
}

/** A position that is taken leads to the one behind it, without another listing. */
export function putClaim(steps: Steps, writer: Writer): void {
  const { id, nextSeq } = writer;
  const position = writer.position + 1;
  const content = claimOf(id, nextSeq);
  const label = (): string => `${writer.name}: PUT claim log/${position}`;
  steps.take(label, (next) => {
    if (!createObject(steps, next, position, content)) goOnBehind(next.writer(id), position);
    else if (breaks(steps.configuration, "no listing after the claim")) acceptClaim(steps, next, id);
    else next.writer(id).phase = WriterPhase.checkingClaim;
  });
  loseAnswer(steps, label, { kind: RequestKind.createObject, position, detail: content, ghosts: 0 }, (next) => {
    next.writer(id).phase = WriterPhase.resolvingClaim;
  });
}

/** There was no answer to the claim: GET it back. It is one's own, not there, or another's. */
export function resolveClaim(steps: Steps, writer: Writer): void {
  const { id, nextSeq } = writer;
  const position = writer.position + 1;
  const content = steps.now.objectAt(position);
  steps.take(() => `${writer.name}: GET log/${position} back, ${describe(content)}`, (next) => {
    const opener = next.writer(id);
    if (content === claimOf(id, nextSeq)) opener.phase = WriterPhase.checkingClaim;
    else if (content === NOTHING) opener.phase = WriterPhase.claiming;
    else goOnBehind(opener, position);
  });
}

/** Nothing behind the claim: the log was never longer, since its newest object is never deleted. Otherwise all starts again. */
export function checkClaim(steps: Steps, writer: Writer): void {
  const position = writer.position + 1;
  const isLast = newestPosition(steps.now) === position;
  steps.take(() => `${writer.name}: LIST log/ behind ${position}, ${isLast ? "nothing" : "something"}`, (next) => {
    if (isLast || breaks(steps.configuration, "no listing after the claim")) {
      steps.count("claim accepted");
      acceptClaim(steps, next, writer.id);
    } else {
      steps.count("claim refused by the listing");
      next.writer(writer.id).phase = WriterPhase.finding;
    }
  });
}

function goOnBehind(opener: Writer, position: number): void {
  opener.position = position;
  opener.phase = WriterPhase.readingNewest;
}

function acceptClaim(steps: Steps, next: State, id: number): void {
  const { configuration } = steps;
  const writer = next.writer(id);
  const position = writer.position + 1;
  const content = next.historyAt(position);
  // Without the listing this is what goes wrong first; what users lose by it is found after that.
  if (!breaks(configuration, "no listing after the claim") && (!isClaim(content) || writerOf(content) !== id)) {
    steps.violation("open accepted a claim that is not in the log");
  }
  writer.position = position;
  writer.phase = WriterPhase.open;
  if (configuration.recovers !== id) return;
  writer.phase = WriterPhase.recovering;
  next.reader(Role.recovery).start();
}
