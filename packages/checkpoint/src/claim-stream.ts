import { createOrAdopt, hasCode } from "@holdfast/storage";
import { CheckpointError } from "./errors.js";
import { encodeEntry, ENTRY_ID_OFFSET, type CommittedCheckpoint } from "./format/entry.js";
import { decodeHint, type Hint } from "./format/hint.js";
import { checkpointKey, entryKey, type CheckpointName } from "./layout.js";
import type { StreamContext } from "./stream-context.js";
import { listEntries, listStates, lookAt, newestOf } from "./stream-names.js";

/** A stream that was taken over: nobody else's save counts from its claim on. */
export interface ClaimedStream {
  /** 16 random bytes, in every entry of this owner. */
  readonly ownerId: Uint8Array;
  /** Of the claim. */
  readonly position: number;
  /** The checkpoint with the highest sequence. */
  readonly latest: CheckpointName | undefined;
}

/**
 * Takes a stream over: creates a claim behind its newest entry. Where that is the hint says, and the storage whether it is so: a
 * claim counts only after a listing showed nothing behind it. Claims are never removed, and the newest entry is not; so nobody who was superseded finds
 * the next position of his free.
 *
 * In the usual case three requests: the hint, the claim, the listing.
 */
export async function claimStream(context: StreamContext, signal: AbortSignal | undefined): Promise<ClaimedStream> {
  const ownerId = context.random.bytes(16);
  let guess = await readHint(context, signal);
  for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts += 1) {
    const position = guess.position + 1;
    const isCreated = await createEntry(context, { ownerId, position, term: position }, undefined).catch(async (error: unknown) => {
      // Whosever it is, and although it cannot be read, the position is taken.
      if ((await context.storage.stat(entryKey(context.place, position), { signal })) === undefined) throw error;
      return false;
    });
    if (isCreated && newestOf(await listEntries(context, position, signal, 1)) === 0) return { ownerId, position, latest: guess.latest };
    guess = await lookBehind(context, guess, signal);
  }
  const { streamId, entries } = context.place;
  throw new CheckpointError("CHECKPOINT_FENCED", `other owners were faster ${MAX_ATTEMPTS} times`, { operation: "open", key: entries, streamId, outcome: "unknown", retryable: true });
}

/** Who creates an entry, and where. */
export interface EntryOwner {
  readonly ownerId: Uint8Array;
  readonly position: number;
  readonly term: number;
}

/** Creates a claim, or with `commit` a commit. False: the position is another entry's. Throws what the storage says, with `outcome`. */
export async function createEntry({ storage, place, clock, random }: StreamContext, owner: EntryOwner, commit: CommittedCheckpoint | undefined): Promise<boolean> {
  const { ownerId, position, term } = owner;
  const bytes = encodeEntry({ objectId: random.bytes(16), ownerId, position, term, createdAtMs: Math.max(0, Math.floor(clock.now())), commit }, place.idBytes);
  try {
    await createOrAdopt(storage, entryKey(place, position), bytes, { idOffset: ENTRY_ID_OFFSET });
    return true;
  } catch (error) {
    if (hasCode(error, "STORAGE_ALREADY_EXISTS")) return false;
    throw error;
  }
}

const MAX_ATTEMPTS = 100;

async function readHint({ storage, place }: StreamContext, signal: AbortSignal | undefined): Promise<Hint> {
  const bytes = await storage.read(place.hint, { signal });
  return (bytes && decodeHint(bytes, place.idBytes)) ?? { position: 0, latest: undefined };
}

/** What has come since somebody saw `before`. */
async function lookBehind(context: StreamContext, before: Hint, signal: AbortSignal | undefined): Promise<Hint> {
  const entries = await listEntries(context, before.position, signal);
  const newer = (await listStates(context, before.latest, signal)).filter(({ position }) => entries.get(position) === "commit");
  const position = newestOf(entries);
  const latest = newer.at(-1) ?? before.latest;
  // What was the latest then may have been removed since; then nothing of it is known.
  const isThere = latest === undefined || newer.length > 0 || (await context.storage.stat(checkpointKey(context.place, latest), { signal })) !== undefined;
  if (position > 0 && isThere && before.position > 0) return { position, latest };
  const names = await lookAt(context, signal);
  return { position: names.newest, latest: names.counted.at(-1) };
}
