import { CHECKSUM_HEADER, checksumOf } from "./checksum.js";
import { takeEtag } from "./client.js";
import { RequestFailure, storageError, toStorageError, type Failure } from "./errors.js";
import { newWriteId, WRITE_ID_HEADER, type ObjectStore } from "./object-store.js";
import { tryHead } from "./reading.js";

/** An object that is to be written. */
export interface Writing {
  readonly store: ObjectStore;
  /** In the bucket. */
  readonly name: string;
  readonly failure: Failure;
  readonly signal: AbortSignal | undefined;
  /** Only if there is no object of that key. */
  readonly ifAbsent: boolean;
}

/** The last step of a write: the request by which the object appears. */
export type Commit = (signal: AbortSignal) => Promise<void>;

/** Puts an object of a whole body by one PUT. @throws As {@link commit}. */
export async function putObject(writing: Writing, bytes: Uint8Array): Promise<void> {
  const writeId = newWriteId(writing.store.random);
  await commit(writing, writeId, (signal) => tryPut(writing, writeId, bytes, signal));
}

/** The PUT of an object, in one attempt. */
export async function tryPut(writing: Writing, writeId: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  const headers = { ...conditionOf(writing), ...objectHeaders(writeId), [CHECKSUM_HEADER]: checksumOf(bytes) };
  await writing.store.client.attempt({ method: "PUT", key: writing.name, headers, body: bytes }, signal, takeEtag);
}

/**
 * Does the last step of a write until it is known what came of it. An attempt whose answer was lost may have made the object, and
 * so may one that a proxy sent twice; the store then says that the key is taken. Who took it is read back: every call writes a
 * random id into the object's metadata, so that two calls with the same body are told apart too.
 *
 * @throws STORAGE_ALREADY_EXISTS and other StorageErrors, with the outcome over all attempts; `signal.reason`.
 */
export async function commit(writing: Writing, writeId: string, tryCommit: Commit): Promise<void> {
  const { store, failure, signal: caller } = writing;
  const state = { isDoubtful: false };
  try {
    await store.client.retry(caller, async (signal) => {
      try {
        await tryCommit(signal);
      } catch (error) {
        if (!(error instanceof RequestFailure)) throw error;
        if (isTaken(error) || error.code === "NoSuchUpload") {
          const wasDoubtful = state.isDoubtful;
          // As long as it is not known who was first.
          state.isDoubtful = true;
          await requireOurs(writing, writeId, error, wasDoubtful, signal);
          return;
        }
        if (error.outcome === "unknown") state.isDoubtful = true;
        throw error;
      }
    });
  } catch (error) {
    caller?.throwIfAborted();
    throw toStorageError(error, { ...failure, outcome: state.isDoubtful ? "unknown" : failure.outcome });
  }
}

/** The header that makes a write fail where there is an object; none where it may replace one. */
export function conditionOf({ ifAbsent }: Pick<Writing, "ifAbsent">): Record<string, string> {
  return ifAbsent ? { "if-none-match": "*" } : {};
}

/** The headers that an object keeps. @param writeId - Tells by whose call it was made. */
export function objectHeaders(writeId: string): Record<string, string> {
  return { "content-type": "application/octet-stream", [WRITE_ID_HEADER]: writeId };
}

/** Whether a conditional write says that the key is taken. */
export function isTaken({ code, status }: RequestFailure): boolean {
  return code === "PreconditionFailed" || status === 412;
}

/** The store says that somebody was first: who? @throws Unless it was this call. */
async function requireOurs(writing: Writing, writeId: string, refusal: RequestFailure, isDoubtful: boolean, signal: AbortSignal): Promise<void> {
  const { store, name, failure, ifAbsent } = writing;
  const head = await tryHead(store, name, signal);
  if (head?.writeId === writeId) return;
  // Ours may have been there, and have been removed since, where an answer was lost; or where a proxy sent it twice, as long as nobody else's object shows that it did not.
  const outcome = isDoubtful || head === undefined ? "unknown" : "not_applied";
  if (!isDoubtful && refusal.code === "NoSuchUpload") throw uploadIsGone({ ...failure, outcome }, refusal);
  if (ifAbsent && (head !== undefined || !isDoubtful)) throw alreadyExists({ ...failure, outcome }, refusal);
  throw storageError("STORAGE_WRITE_FAILED", "an answer was lost, and the object of that time is not there any more", {
    ...failure,
    outcome: "unknown",
    cause: refusal,
  });
}

function alreadyExists(failure: Failure, cause: RequestFailure): Error {
  return storageError("STORAGE_ALREADY_EXISTS", "there is an object of this key", { ...failure, cause });
}

/** Stores do this too where a conditional completion met another write. */
function uploadIsGone(failure: Failure, cause: RequestFailure): Error {
  return storageError("STORAGE_WRITE_FAILED", "the store has given up the upload; write the object again", { ...failure, retryable: true, cause });
}
