import { ReaderPhase, Role, WriterPhase } from "./actors.js";
import type { Reader } from "./actors.js";
import { breaks } from "./configurations.js";
import { describe, isClaim, isCommit, nameOfWriter, NOTHING, seqOf } from "./content.js";
import { commitWithSeq, recordsOf, recordsThrough } from "./history.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";
import { findPack, firstPositionFrom, floorOf, furthestPack } from "./store.js";

/** What a reader may do next: a follower, or the recovery of a writer. It lists floors, then packs, then objects, and reads. */
export function takeReaderSteps(steps: Steps, reader: Reader): void {
  switch (reader.phase) {
    case ReaderPhase.listingFloors:
      listFloors(steps, reader);
      return;
    case ReaderPhase.listingPacks:
      listPacks(steps, reader);
      return;
    case ReaderPhase.listingObjects:
      listObjects(steps, reader);
      return;
    case ReaderPhase.readingObject:
      readObject(steps, reader);
      return;
    case ReaderPhase.readingPack:
      readPack(steps, reader);
      return;
  }
}

/** A follower whose next record was trimmed ends with an error. A recovery starts again at the new floor, from a snapshot. */
function listFloors(steps: Steps, { role }: Reader): void {
  const floor = floorOf(steps.now);
  take(steps, role, () => `LIST trim/, the floor is ${floor}`, (next, reader) => {
    const firstSeq = recordsThrough(next, floor) + 1;
    if (firstSeq > reader.nextSeq && role === Role.follower) {
      steps.count("reader: trimmed");
      if (breaks(steps.configuration, "reader goes on at the floor silently")) steps.violation("records skipped without an error");
      reader.phase = ReaderPhase.trimmed;
      return;
    }
    reader.phase = ReaderPhase.listingPacks;
    if (firstSeq > reader.nextSeq || reader.position <= floor) {
      reader.position = reader.goodPosition = floor + 1;
      reader.nextSeq = Math.max(reader.nextSeq, firstSeq);
    }
    endRecovery(steps, next, reader);
  });
}

function listPacks(steps: Steps, { role, position }: Reader): void {
  const pack = furthestPack(steps.now, position);
  const { first, last } = pack ?? { first: 0, last: 0 };
  take(steps, role, () => `LIST pack/ for ${position}, ${pack === undefined ? "nothing" : `${last}-${first}`}`, (_, reader) => {
    reader.packFirst = first;
    reader.packLast = last;
    reader.phase = pack === undefined ? ReaderPhase.listingObjects : ReaderPhase.readingPack;
  });
}

/** Only an empty listing is the end. If the first key is not the one it waits for, that one is in a pack or trimmed. */
function listObjects(steps: Steps, { role, position }: Reader): void {
  const { now, configuration } = steps;
  const first = firstPositionFrom(now, position);
  take(steps, role, () => `LIST log/ from ${position}, ${first === 0 ? "nothing" : `first is ${first}`}`, (next, reader) => {
    reader.phase = first === position ? ReaderPhase.readingObject : ReaderPhase.listingFloors;
    if (first === 0) {
      concludeEnd(steps, next, reader);
    } else if (first !== position && breaks(configuration, "reader steps over a hole")) {
      reader.phase = ReaderPhase.readingObject;
      reader.position = first;
    }
  });
}

function readObject(steps: Steps, { role, position }: Reader): void {
  const content = steps.now.objectAt(position);
  take(steps, role, () => `GET log/${position}, ${describe(content)}`, (next, reader) => {
    if (content === NOTHING) {
      reader.phase = ReaderPhase.listingFloors;
      if (role === Role.follower && breaks(steps.configuration, "missing object taken as the end")) concludeEnd(steps, next, reader);
    } else if (isClaim(content)) {
      if (isBeyond(steps, reader, content)) goBack(steps, reader);
      else reader.position++;
    } else if (deliver(steps, next, reader, content)) {
      reader.position++;
      reader.goodPosition = reader.position;
      endRecovery(steps, next, reader);
    } else {
      goBack(steps, reader);
    }
  });
}

/** Delivers what the pack holds, and tries the object behind it without a listing. */
function readPack(steps: Steps, { role, packFirst, packLast }: Reader): void {
  const pack = findPack(steps.now, packFirst, packLast);
  take(steps, role, () => `GET pack/${packLast}-${packFirst}${pack === undefined ? ", 404" : ""}`, (next, reader) => {
    reader.packFirst = reader.packLast = 0;
    if (pack === undefined) {
      reader.phase = ReaderPhase.listingFloors;
      return;
    }
    const seqBefore = reader.nextSeq;
    for (let position = packFirst; position <= packLast; position++) {
      const content = next.historyAt(position);
      if (!isCommit(content) || !pack.holds(position)) continue;
      if (deliver(steps, next, reader, content)) continue;
      goBack(steps, reader);
      return;
    }
    reader.phase = ReaderPhase.readingObject;
    reader.position = packLast + 1;
    if (reader.nextSeq > seqBefore) reader.goodPosition = packLast + 1;
    endRecovery(steps, next, reader);
  });
}

/** The record of `commit`, unless it was delivered before. Returns false if a record before it is missing. */
function deliver(steps: Steps, next: State, reader: Reader, commit: number): boolean {
  const seq = seqOf(commit);
  if (seq < reader.nextSeq) return true;
  if (seq > reader.nextSeq && !breaks(steps.configuration, "reader ignores sequence numbers")) return false;
  if (commitWithSeq(next, reader.nextSeq) !== commit) steps.violation("reader delivered a gap, a repeat or a wrong record");
  reader.nextSeq++;
  return true;
}

/** The claim was written when there were records that this reader has not seen: it read a ghost in place of one. */
function isBeyond({ configuration }: Steps, reader: Reader, claim: number): boolean {
  const ignored =
    breaks(configuration, "reader ignores the sequence numbers of claims") || breaks(configuration, "reader ignores sequence numbers");
  return seqOf(claim) > reader.nextSeq && !ignored;
}

/** A ghost was read in place of records: back to where these were last seen. */
function goBack(steps: Steps, reader: Reader): void {
  reader.phase = ReaderPhase.listingFloors;
  reader.position = reader.goodPosition;
  steps.count("reader: back from a ghost");
}

function concludeEnd(steps: Steps, next: State, { role, nextSeq }: Reader): void {
  if (role === Role.recovery) steps.violation("recovery found no object at or above its position");
  else if (nextSeq !== recordsOf(next) + 1) steps.violation("follower concluded that it is at the end, but records exist");
}

/** A recovery ends when it reaches the sequence number that the writer begins with. */
function endRecovery(steps: Steps, next: State, reader: Reader): void {
  if (reader.role !== Role.recovery) return;
  const writer = next.writer(recovererOf(steps));
  if (reader.nextSeq > writer.nextSeq) steps.violation("recovery read more records than there were before its claim");
  if (reader.nextSeq !== writer.nextSeq) return;
  reader.phase = ReaderPhase.done;
  writer.phase = WriterPhase.open;
}

/** One step of the reader with `role`. */
function take(steps: Steps, role: number, label: () => string, change: (next: State, reader: Reader) => void): void {
  steps.take(
    () => `${role === Role.follower ? "follower" : `recovery of ${nameOfWriter(recovererOf(steps))}`}: ${label()}`,
    (next) => { change(next, next.reader(role)); },
  );
}

function recovererOf({ configuration }: Steps): number {
  return configuration.recovers ?? 0;
}
