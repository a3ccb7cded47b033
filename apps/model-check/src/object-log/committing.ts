import { WriterPhase } from "./actors.js";
import type { Writer } from "./actors.js";
import { breaks } from "./configurations.js";
import { commitOf, describe, isCommit, NOTHING, writerOf } from "./content.js";
import { createObject, hasRecord } from "./history.js";
import { loseAnswer } from "./requests.js";
import { MAX_POSITION, RequestKind } from "./state.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";

// Committing: one record, one PUT, one in flight; and what becomes of a PUT without an answer.

/** Creates the object of the next record, or fails to because the position is taken, or gets no answer. */
export function putCommit(steps: Steps, writer: Writer): void {
  const { id, record, nextSeq, isAmbiguous } = writer;
  const position = writer.position + 1;
  const content = commitOf(id, record, nextSeq);
  const label = (): string => `${writer.name}: PUT record ${record} as log/${position}`;
  if (breaks(steps.configuration, "two commits in flight")) overtake(steps, writer);
  steps.take(label, (next) => {
    if (createObject(steps, next, position, content)) acknowledge(steps, next, id);
    // After an attempt without an answer, the object that is there may be one's own.
    else if (isAmbiguous) next.writer(id).phase = WriterPhase.resolvingCommit;
    else fence(steps, next, id);
  });
  loseAnswer(steps, label, { kind: RequestKind.createObject, position, detail: content, ghosts: 0 }, (next) => {
    const committer = next.writer(id);
    committer.isAmbiguous = true;
    committer.phase = WriterPhase.resolvingCommit;
    if (breaks(steps.configuration, "ambiguous answer taken as success")) acknowledge(steps, next, id);
  });
}

/** GET it back: one's own bytes, nothing, or another's. */
export function resolveCommit(steps: Steps, writer: Writer): void {
  const { configuration, now } = steps;
  const { id, record, nextSeq } = writer;
  const position = writer.position + 1;
  const content = now.objectAt(position);
  const looksOwn = breaks(configuration, "own object recognised by its writer only") && isCommit(content) && writerOf(content) === id;
  const isOwn = content === commitOf(id, record, nextSeq) || looksOwn;
  steps.take(() => `${writer.name}: GET log/${position} back, ${describe(content)}`, (next) => {
    if (isOwn) acknowledge(steps, next, id);
    else if (content === NOTHING) next.writer(id).phase = WriterPhase.open;
    else fence(steps, next, id);
  });
  if (content === NOTHING) giveUpRecord(steps, writer);
}

/** Every record of the commit is reported as durable. */
function acknowledge(steps: Steps, next: State, id: number): void {
  const writer = next.writer(id);
  const position = writer.position + 1;
  if (next.historyAt(position) !== commitOf(id, writer.record, writer.nextSeq)) {
    steps.violation("acknowledged a record that is not in the log at its position");
  }
  if (position < next.lastPosition) steps.count("ack behind a later claim");
  writer.position = position;
  writer.nextSeq++;
  writer.record++;
  writer.isAmbiguous = false;
  writer.phase = WriterPhase.open;
}

/** Final. The record was certainly not applied only if its first attempt was answered. */
function fence(steps: Steps, next: State, id: number): void {
  const writer = next.writer(id);
  const { record, isAmbiguous } = writer;
  writer.phase = WriterPhase.stopped;
  steps.count(isAmbiguous ? "fenced, outcome unknown" : "fenced, not applied");
  if (isAmbiguous && !breaks(steps.configuration, "fenced after an ambiguous attempt means not applied")) return;
  writer.notApplied |= 1 << record;
  if (hasRecord(next, id, record)) steps.violation("reported as not applied, but it is in the log");
}

/** Only without the rule of one in flight: the next commit arrives first. */
function overtake(steps: Steps, writer: Writer): void {
  const { id, record, nextSeq } = writer;
  const position = writer.position + 2;
  if (record + 1 >= recordsOf(steps, writer) || position > MAX_POSITION) return;
  steps.take(() => `${writer.name}: PUT record ${record + 1} as log/${position}, before the one below it`, (next) => {
    createObject(steps, next, position, commitOf(id, record + 1, nextSeq + 1));
  });
}

/** Only without the rules of the same bytes: another record is sent to the position. */
function giveUpRecord(steps: Steps, writer: Writer): void {
  const { configuration } = steps;
  const reportsIt = breaks(configuration, "retry of a position with other bytes");
  if (!reportsIt && !breaks(configuration, "own object recognised by its writer only")) return;
  const { id, record } = writer;
  if (record + 1 >= recordsOf(steps, writer)) return;
  steps.take(() => `${writer.name}: gives up record ${record}, the next one takes its position`, (next) => {
    const committer = next.writer(id);
    committer.phase = WriterPhase.open;
    committer.record++;
    if (!reportsIt) return;
    committer.notApplied |= 1 << record;
    committer.isAmbiguous = false;
  });
}

/** How many records the writer may append. */
function recordsOf({ configuration }: Steps, { id }: Writer): number {
  return configuration.writers[id] ?? 0;
}
