import { isCommit, nextSeqOf, NOTHING, seqOf } from "./content.js";
import { recordsOf, recordsThrough } from "./history.js";
import { MAX_POSITION } from "./state.js";
import type { Pack, State } from "./state.js";
import { floorOf, furthestPack, newestPosition } from "./store.js";

/**
 * What must hold after every step, asked of clients that nobody disturbs: a reader gets exactly the log above the floor, also
 * after a cleanup, and an open goes on where the log ends. Returns the first promise that is broken. `scratch` is overwritten.
 */
export function brokenPromise(state: State, scratch: State): string | undefined {
  const now = readingOrOpeningFails(state);
  if (now !== undefined) return now;
  scratch.words.set(state.words);
  cleanUp(scratch);
  const then = readingOrOpeningFails(scratch);
  return then === undefined ? undefined : `after a cleanup: ${then}`;
}

function readingOrOpeningFails(state: State): string | undefined {
  const unreadable = unreadableBecause(state);
  return unreadable === undefined ? openingFailsBecause(state) : `log unreadable: ${unreadable}`;
}

/** Reads from the floor to the end, packs before objects, as a reader does that trusts what it finds. */
function unreadableBecause(state: State): string | undefined {
  const floor = floorOf(state);
  let position = floor + 1;
  let nextSeq = recordsThrough(state, floor) + 1;
  for (;;) {
    const pack = furthestPack(state, position);
    if (pack !== undefined) {
      const after = nextSeqAfterPack(state, pack, nextSeq);
      if (after === undefined) return "a pack lacks a record";
      nextSeq = after;
      position = pack.last + 1;
      continue;
    }
    const content = state.objectAt(position);
    if (content === NOTHING) {
      if (newestPosition(state) > position || position <= state.lastPosition) return "a position above the floor is in no object";
      return nextSeq === recordsOf(state) + 1 ? undefined : "records missing at the end";
    }
    if (isCommit(content)) {
      if (content !== state.historyAt(position)) return "an object that is not the log's is read as part of it";
      if (seqOf(content) > nextSeq) return "records missing before this object";
      if (seqOf(content) === nextSeq) nextSeq++;
    }
    position++;
  }
}

/** The sequence number that a reader waits for after the pack, undefined if a record is missing. */
function nextSeqAfterPack(state: State, pack: Pack, nextSeqBefore: number): number | undefined {
  const { first, last } = pack;
  let nextSeq = nextSeqBefore;
  for (let position = first; position <= last; position++) {
    const content = state.historyAt(position);
    if (!isCommit(content) || !pack.holds(position)) continue;
    if (seqOf(content) > nextSeq) return undefined;
    if (seqOf(content) === nextSeq) nextSeq++;
  }
  return nextSeq;
}

/** Removes all that may be removed: packs at or below the floor, commits that a floor or pack covers, floors below the greatest. */
function cleanUp(state: State): void {
  const floor = floorOf(state);
  for (const pack of state.packs) if (pack.exists && pack.last <= floor) pack.erase();
  for (let position = 1; position <= MAX_POSITION; position++) {
    if (!isCommit(state.objectAt(position))) continue;
    if (position <= floor || furthestPack(state, position) !== undefined) state.objects[position] = NOTHING;
  }
  if (floor > 0) state.floors = 1 << (floor - 1);
}

function openingFailsBecause(state: State): string | undefined {
  const newest = newestPosition(state);
  if (newest !== state.lastPosition) return "the newest object is gone: the next opener claims a used position";
  if (newest === 0 || nextSeqOf(state.objectAt(newest)) === recordsOf(state) + 1) return undefined;
  return "the next opener would start with a wrong sequence number";
}
