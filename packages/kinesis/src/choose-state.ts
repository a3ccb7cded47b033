/** A snapshot, as far as the choice needs it. */
export interface SnapshotCandidate {
  readonly createdAtMs: bigint;
}

/** An entry of the log, as far as the choice needs it. */
export interface EntryCandidate {
  readonly createdAtMs: bigint;
  /** Whether the bytes of its state are those of the snapshot. */
  readonly isSnapshot: boolean;
}

/**
 * Which state counts.
 *
 * - `none`: there is none.
 * - `snapshot`: that of the snapshot. `superseded` entries of the log were in it.
 * - `log`: that of the last entry. The first `superseded` ones were in the snapshot.
 * - `conflict`: that of the snapshot, and nobody can tell whether the log's entries are from before it: they are older by their
 *   times, and none of them is the snapshot. They must be kept.
 */
export type StateChoice =
  | { readonly source: "none" }
  | { readonly source: "snapshot"; readonly superseded: number }
  | { readonly source: "log"; readonly superseded: number }
  | { readonly source: "conflict" };

/**
 * Chooses between a snapshot and a log that may be older: a crash between writing the snapshot and emptying the log leaves both.
 * Whoever writes appends a state before it becomes the snapshot, so that the snapshot is found in the log that was to be emptied.
 * Where it is not, times decide; but an entry is never passed over because a clock stepped back behind it.
 */
export function chooseState(snapshot: SnapshotCandidate | undefined, entries: readonly EntryCandidate[]): StateChoice {
  const last = entries.at(-1);
  if (snapshot === undefined) return last === undefined ? { source: "none" } : { source: "log", superseded: 0 };
  const superseded = entries.findLastIndex(({ isSnapshot }) => isSnapshot) + 1;
  if (superseded === entries.length || last === undefined) return { source: "snapshot", superseded };
  if (superseded > 0 || last.createdAtMs >= snapshot.createdAtMs) return { source: "log", superseded };
  return { source: "conflict" };
}
