import { MergerPhase } from "./actors.js";
import type { Merger } from "./actors.js";
import { breaks } from "./configurations.js";
import { describe, isCommit, NOTHING } from "./content.js";
import { addPack, loseAnswer, takeDelete } from "./requests.js";
import { MAX_POSITION, RequestKind } from "./state.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";
import { findPack, floorOf, hasRoomForPack, newestPosition } from "./store.js";

/** What a merger may do next: choose a range, read it, look whether anything covers it, make the pack, delete the commits. */
export function takeMergerSteps(steps: Steps, merger: Merger): void {
  switch (merger.phase) {
    case MergerPhase.idle:
      if (merger.rounds > 0) chooseRange(steps, merger);
      return;
    case MergerPhase.reading:
      readNext(steps, merger);
      return;
    case MergerPhase.listingPacks:
      lookForPacks(steps, merger);
      return;
    case MergerPhase.listingFloors:
      lookForFloor(steps, merger);
      return;
    case MergerPhase.packing:
      putPack(steps, merger);
      return;
    case MergerPhase.resolving:
      resolvePack(steps, merger);
      return;
    case MergerPhase.deleting:
      deleteNext(steps, merger);
      return;
  }
}

function chooseRange(steps: Steps, merger: Merger): void {
  const { memory, cleanup } = steps.configuration;
  beginReading(steps, merger);
  if (memory) packFromMemory(steps, merger);
  if (cleanup) cleanUp(steps, merger);
}

/** Any range of positions below the newest that begins with an object, which is read at once. */
function beginReading(steps: Steps, { id }: Merger): void {
  const { now, configuration } = steps;
  const newest = newestPosition(now);
  const end = breaks(configuration, "merge takes the newest object") ? newest : newest - 1;
  for (let first = 1; first <= MAX_POSITION; first++) {
    if (now.objectAt(first) === NOTHING) continue;
    for (let last = first + 1; last <= Math.min(end, first + configuration.packed - 1); last++) {
      steps.take(() => `merger ${id}: GET log/${first} for ${first} to ${last}`, (next) => {
        const reading = next.merger(id);
        chose(reading, MergerPhase.reading, first, last);
        reading.position = first + 1;
        noteGhost(next, reading, first);
      });
    }
  }
}

/** A writer packs its own objects: it knows that they are the log's, wherever they lie by now. */
function packFromMemory(steps: Steps, { id }: Merger): void {
  const { now, configuration } = steps;
  for (let first = 1; first < now.lastPosition; first++) {
    for (let last = first + 1; last < now.lastPosition && last < first + configuration.packed; last++) {
      steps.take(() => `merger ${id}: packs ${first} to ${last} from memory`, (next) => {
        chose(next.merger(id), MergerPhase.packing, first, last);
      });
    }
  }
}

/** Finishes what a merger left: a pack beside the commits that it covers. */
function cleanUp(steps: Steps, { id }: Merger): void {
  for (const { first, last, exists } of steps.now.packs) {
    if (!exists) continue;
    steps.take(() => `merger ${id}: finds pack/${last}-${first}`, (next) => { chose(next.merger(id), MergerPhase.deleting, first, last); });
  }
}

function chose(merger: Merger, phase: number, first: number, last: number): void {
  merger.phase = phase;
  merger.first = first;
  merger.last = last;
  merger.position = first;
}

function readNext(steps: Steps, { id, position }: Merger): void {
  const content = steps.now.objectAt(position);
  steps.take(() => `merger ${id}: GET log/${position}, ${describe(content)}`, (next) => {
    const merger = next.merger(id);
    if (content === NOTHING) {
      merger.end();
      return;
    }
    noteGhost(next, merger, position);
    if (position < merger.last) merger.position++;
    else merger.phase = breaks(steps.configuration, "merge without a check after reading") ? MergerPhase.packing : MergerPhase.listingPacks;
  });
}

/** The merger cannot see it, but what it read may not be the log's. */
function noteGhost(next: State, merger: Merger, position: number): void {
  if (next.objectAt(position) !== next.historyAt(position)) merger.ghosts |= 1 << (position - 1);
}

/** A pack over its range: something there may have been deleted before it was read. */
function lookForPacks(steps: Steps, { id, first, last }: Merger): void {
  const found = steps.now.packs.some((pack) => pack.overlaps(first, last));
  steps.take(() => `merger ${id}: LIST pack/, ${found ? "one overlaps" : "none overlaps"}`, (next) => {
    if (found) giveUp(steps, next.merger(id));
    else next.merger(id).phase = MergerPhase.listingFloors;
  });
}

/** The same for the floor. */
function lookForFloor(steps: Steps, { id, first }: Merger): void {
  const floor = floorOf(steps.now);
  steps.take(() => `merger ${id}: LIST trim/, the floor is ${floor}`, (next) => {
    const merger = next.merger(id);
    if (floor >= first) giveUp(steps, merger);
    else if (breaks(steps.configuration, "merge deletes before the pack exists")) beginDeleting(merger);
    else merger.phase = MergerPhase.packing;
  });
}

function giveUp(steps: Steps, merger: Merger): void {
  merger.end();
  steps.count("merger: gave up");
}

function putPack(steps: Steps, { id, first, last, ghosts }: Merger): void {
  const label = (): string => `merger ${id}: PUT pack/${last}-${first}`;
  if (hasRoomForPack(steps.now, first, last)) {
    steps.take(label, (next) => {
      addPack(steps, next, first, last, ghosts);
      beginDeleting(next.merger(id));
    });
  }
  loseAnswer(steps, label, { kind: RequestKind.createPack, position: first, detail: last, ghosts }, (next) => {
    const merger = next.merger(id);
    merger.phase = MergerPhase.resolving;
    merger.position = first;
    merger.ghosts = 0;
  });
}

/** If it is not there, it may still come, which does no harm; but nothing may be deleted for it. */
function resolvePack(steps: Steps, { id, first, last }: Merger): void {
  const found = findPack(steps.now, first, last) !== undefined;
  steps.take(() => `merger ${id}: GET pack/${last}-${first} back, ${found ? "found" : "404"}`, (next) => {
    const merger = next.merger(id);
    if (found) beginDeleting(merger);
    else merger.end();
  });
}

function beginDeleting(merger: Merger): void {
  merger.phase = MergerPhase.deleting;
  merger.position = merger.first;
  merger.ghosts = 0;
}

/** Commits only. In the bucket they are told from claims by their size. */
function deleteNext(steps: Steps, { id, position, last }: Merger): void {
  const { now, configuration } = steps;
  for (let candidate = position; candidate <= last; candidate++) {
    const content = now.objectAt(candidate);
    if (content === NOTHING || !(isCommit(content) || breaks(configuration, "merge deletes claims"))) continue;
    const request = { kind: RequestKind.deleteObject, position: candidate, detail: 0, ghosts: 0 };
    takeDelete(steps, () => `merger ${id}: DELETE log/${candidate}`, request, (next) => { next.merger(id).position = candidate + 1; });
    return;
  }
  steps.take(() => `merger ${id}: done`, (next) => { next.merger(id).end(); });
}
