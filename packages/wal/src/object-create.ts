import { hasCode, isHoldfastError, StorageError, type HoldfastError, type StorageKey } from "@holdfast/storage";
import { WalError } from "./errors.js";
import { isSameId } from "./format/object.js";
import type { LogObjects } from "./log-objects.js";
import { Retry, type RetryPolicy } from "./retry.js";

/**
 * What became of an object that only its writer can have made: `created`, or its key is another object's. Then it never was
 * created if the first attempt was answered so (`not_applied`); after an attempt without an answer it may have been, and have
 * been removed again, so that what lies there now is a claim that came late (`unknown`).
 */
export type OwnCreation = { readonly state: "created" } | { readonly state: "taken"; readonly outcome: "not_applied" | "unknown" };

/**
 * Creates a commit or claim. After an attempt without an answer the key is read back: its own bytes, all of them, mean success,
 * other bytes mean that it is taken, and absence that the same bytes are sent again. Never others: what was sent may arrive at any
 * time.
 *
 * @throws what the storage says, outcome `not_applied`, if the first attempt was certainly not applied. STORAGE_WRITE_FAILED
 * with outcome `unknown` when the time is over, or it makes no sense to go on. `signal.reason`.
 */
export async function createOwn(objects: LogObjects, key: StorageKey, bytes: Uint8Array, policy: RetryPolicy, signal?: AbortSignal): Promise<OwnCreation> {
  const retry = new Retry(policy, signal);
  for (let isAmbiguous = false; ; ) {
    const answer = await tryCreate(objects, key, bytes, signal);
    if (answer.state === "created") return answer;
    if (answer.state === "taken" && !isAmbiguous) return { state: "taken", outcome: "not_applied" };
    if (answer.state === "refused" && !isAmbiguous) throw answer.error;
    isAmbiguous = true;
    const found = await readBack(objects, key, signal);
    if (found instanceof Uint8Array) return isSameId(found, bytes) ? { state: "created" } : { state: "taken", outcome: "unknown" };
    const isHopeless = answer.state === "refused" && !answer.error.retryable;
    if (isHopeless || retry.isOver) throw undecided(objects, key, answer.error);
    await retry.pause();
  }
}

/**
 * Creates a pack or floor, which has the same bytes whoever makes it. Resolves when it is certainly there: created, or read back.
 *
 * @throws WAL_CORRUPT if something else is there under this key. The storage's error, if it is not known to be there; it may come later.
 */
export async function createShared(objects: LogObjects, key: StorageKey, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
  const answer = await tryCreate(objects, key, bytes, signal);
  if (answer.state === "created") return;
  if (answer.state === "refused") throw answer.error;
  const found = await readBack(objects, key, signal);
  if (!(found instanceof Uint8Array)) throw undecided(objects, key, answer.error);
  // It is about to be what the log rests on, instead of what it was made from.
  if (isSameId(found, bytes)) return;
  throw new WalError("WAL_CORRUPT", "another object lies under this key than the one that belongs there", { operation: "create", key, offset: 0 });
}

/** An answer to one attempt: `taken` and `refused` are definite, `unknown` is not. */
type Answer =
  | { readonly state: "created" }
  | { readonly state: "taken" | "unknown"; readonly error: unknown }
  | { readonly state: "refused"; readonly error: HoldfastError };

async function tryCreate(objects: LogObjects, key: StorageKey, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Answer> {
  try {
    await objects.storage.create(key, bytes, { signal });
    return { state: "created" };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isHoldfastError(error) || error.outcome === "unknown") return { state: "unknown", error };
    if (hasCode(error, "STORAGE_ALREADY_EXISTS")) return { state: "taken", error };
    return error.outcome === "not_applied" ? { state: "refused", error } : { state: "unknown", error };
  }
}

/** The object under a key, `undefined` if there is none or that cannot be told now. */
async function readBack(objects: LogObjects, key: StorageKey, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  try {
    return await objects.readSound(key, signal);
  } catch {
    // As good as absent: what is created again has the same bytes. If the storage stays away, the attempts' own error is told.
    signal?.throwIfAborted();
    return undefined;
  }
}

function undecided(objects: LogObjects, key: StorageKey, cause: unknown): StorageError {
  return new StorageError("STORAGE_WRITE_FAILED", `create ${key}: the storage did not say whether it was done, and it may still be`, {
    operation: "create",
    key,
    backend: objects.storage.name,
    outcome: "unknown",
    retryable: true,
    cause,
  });
}
