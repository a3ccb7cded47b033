import type { StorageKey } from "@holdfast/storage";
import { CLAIM_BYTES } from "./format/entry.js";
import { checkpointKey, entryKey, parseCheckpointKey, parseEntryKey, type CheckpointName, type StreamPlace } from "./layout.js";
import type { StreamContext } from "./stream-context.js";

/** A checkpoint that was listed. */
export interface StoredName extends CheckpointName {
  readonly size: number;
}

/** Entries by their position: whether each is a claim. */
export type ListedEntries = ReadonlyMap<number, "claim" | "commit">;

/** What is there of a stream, by its names. */
export interface StreamNames {
  /** Position of the newest entry; 0: there is none. */
  readonly newest: number;
  /** The checkpoints that count, one for each sequence, ascending. */
  readonly counted: readonly StoredName[];
  /** Older ones with the same sequence as one of these. */
  readonly superseded: readonly StoredName[];
  /** What nobody needs: checkpoints whose save was never finished and never will be, and commits of checkpoints that are gone. */
  readonly useless: readonly StorageKey[];
}

/**
 * Lists a stream. Entries first: a checkpoint that is removed in between because of a newer one shows in that one being there, ahead of
 * all entries. Then it is looked again.
 */
export async function lookAt(context: StreamContext, signal: AbortSignal | undefined): Promise<StreamNames> {
  let before: string | undefined;
  for (let looks = 1; ; looks += 1) {
    const entries = await listEntries(context, 0, signal);
    const states = await listStates(context, undefined, signal);
    const newest = newestOf(entries);
    const ahead = states.filter(({ position }) => position > newest).map(({ position }) => String(position)).join();
    // One that stays ahead was left behind by a save that was interrupted.
    if (ahead === "" || ahead === before || looks === MAX_LOOKS) return countStates(context.place, entries, states);
    before = ahead;
  }
}

/** Which of the listed checkpoints count: those whose entry is there and is no claim, and of one sequence the newest. */
function countStates(place: StreamPlace, entries: ListedEntries, states: readonly StoredName[]): StreamNames {
  const newest = newestOf(entries);
  const counted: StoredName[] = [];
  const superseded: StoredName[] = [];
  const useless: StorageKey[] = [];
  const committed = new Set<number>();
  for (const state of states) {
    const entry = entries.get(state.position);
    if (entry === "claim") useless.push(checkpointKey(place, state));
    if (entry !== "commit") continue;
    committed.add(state.position);
    const last = counted.at(-1);
    if (last?.sequence === state.sequence) {
      superseded.push(last);
      counted.pop();
    }
    counted.push(state);
  }
  for (const [position, kind] of entries) {
    // The newest entry is never removed, so that no position is used twice.
    if (kind === "commit" && position < newest && !committed.has(position)) useless.push(entryKey(place, position));
  }
  return { newest, counted, superseded, useless };
}

/** Entries behind a position. */
export async function listEntries({ storage, place }: StreamContext, behind: number, signal: AbortSignal | undefined, limit?: number): Promise<ListedEntries> {
  const entries = new Map<number, "claim" | "commit">();
  const after = behind === 0 ? undefined : entryKey(place, behind);
  for await (const { key, size } of storage.list(place.entries, { after, limit, signal })) {
    const position = parseEntryKey(place, key);
    if (position !== undefined) entries.set(position, size === CLAIM_BYTES ? "claim" : "commit");
  }
  return entries;
}

/** Checkpoints by name, ascending by sequence and position, from behind `after` on. */
export async function listStates({ storage, place }: StreamContext, after: CheckpointName | undefined, signal: AbortSignal | undefined): Promise<readonly StoredName[]> {
  const states: StoredName[] = [];
  for await (const { key, size } of storage.list(place.states, { after: after && checkpointKey(place, after), signal })) {
    const name = parseCheckpointKey(place, key);
    if (name !== undefined) states.push({ ...name, size });
  }
  return states;
}

/** The highest position of a listing, which is ascending; 0: it is empty. */
export function newestOf(entries: ListedEntries): number {
  return Array.from(entries.keys()).at(-1) ?? 0;
}

const MAX_LOOKS = 10;
