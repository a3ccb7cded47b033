import { hasCode, isHoldfastError } from "@holdfast/storage";
import { MAX_NAMES, type CheckpointState } from "./checkpoint-state.js";
import { announceUnreadable } from "./diagnostics.js";
import { CheckpointError } from "./errors.js";
import { isUnsound, readCheckpoint, type ReadCheckpoint, type Unsound } from "./format/envelope.js";
import { decodeMetadata } from "./format/metadata.js";
import { checkpointKey, type CheckpointName, type StreamPlace } from "./layout.js";
import { decodeCheckpointState } from "./oxigdal/decode-state.js";
import type { Checkpoint, CheckpointEntry, LatestCheckpoint, SkippedCheckpoint } from "./store-types.js";
import type { StreamContext } from "./stream-context.js";

/** A checkpoint that was read, and its parts as they are stored. */
export interface StoredCheckpoint extends Checkpoint {
  readonly stored: Pick<ReadCheckpoint, "metadata" | "state">;
}

/**
 * Reads one checkpoint and checks all of it. `undefined`: it is not there.
 *
 * @throws CHECKPOINT_CORRUPT, CHECKPOINT_UNSUPPORTED_VERSION, or what the storage says.
 */
export async function readStored({ storage, place }: StreamContext, name: CheckpointName, signal: AbortSignal | undefined): Promise<StoredCheckpoint | undefined> {
  const key = checkpointKey(place, name);
  const bytes = await storage.read(key, { signal });
  if (bytes === undefined) return undefined;
  const read = readCheckpoint(bytes);
  if (isUnsound(read)) throw unsound(place, name, read);
  if (read.streamId !== place.streamId) throw corrupt(place, name, 0, "it is a checkpoint of another stream");
  if (read.sequence !== name.sequence || read.position !== name.position) throw corrupt(place, name, 0, "its header is that of another checkpoint");
  const { createdAtMs, metadata, state } = read;
  return { ...entryOf(place, name, bytes.length), createdAtMs, state: stateOf(place, name, read), stored: { metadata, state } };
}

/**
 * The first of these that can be read. Those before it are reported. `undefined`: one of them is gone, so that they have to be listed anew.
 *
 * @param names - The highest sequence first.
 */
export async function readNewest(context: StreamContext, names: readonly (CheckpointName & { readonly size: number })[], signal: AbortSignal | undefined): Promise<LatestCheckpoint | undefined> {
  const skipped: SkippedCheckpoint[] = [];
  for (const name of names) {
    try {
      const checkpoint = await readStored(context, name, signal);
      return checkpoint === undefined ? undefined : { checkpoint: withoutParts(checkpoint), skipped };
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const entry = entryOf(context.place, name, name.size);
      skipped.push({ entry, error });
      announceUnreadable({ streamId: context.place.streamId, entry, error });
    }
  }
  return { checkpoint: undefined, skipped };
}

/** Whether the error means that a checkpoint can not be read, now and later: it is passed over. */
export function isUnreadable(error: unknown): boolean {
  if (hasCode(error, "CHECKPOINT_CORRUPT") || hasCode(error, "STORAGE_UNSAFE_PATH")) return true;
  return isHoldfastError(error) && error.code === "STORAGE_READ_FAILED" && !error.retryable;
}

/** A checkpoint as a listing shows it, by its name and the bytes of its object. */
export function entryOf(place: StreamPlace, name: CheckpointName, size: number): CheckpointEntry {
  return { sequence: name.sequence, revision: name.position, size, key: checkpointKey(place, name) };
}

/** What is answered to the user of a checkpoint that was read: without the parts that only the store needs. */
export function withoutParts({ sequence, revision, size, key, state, createdAtMs }: StoredCheckpoint): Checkpoint {
  return { sequence, revision, size, key, state, createdAtMs };
}

function stateOf(place: StreamPlace, name: CheckpointName, read: ReadCheckpoint): CheckpointState {
  const metadata = decodeMetadata(read.metadata, MAX_NAMES);
  if (metadata === undefined) throw corrupt(place, name, 0, "its metadata cannot be read");
  let state: CheckpointState;
  try {
    ({ state } = decodeCheckpointState(read.state, { streamId: place.streamId }));
  } catch (error) {
    if (hasCode(error, "CHECKPOINT_MALFORMED") || hasCode(error, "CHECKPOINT_TOO_LARGE")) throw corrupt(place, name, error.offset ?? 0, `its state: ${error.message}`, error);
    throw error;
  }
  if (state.id.sequence !== name.sequence) throw corrupt(place, name, 0, "its state is that of another sequence");
  return { ...state, metadata };
}

function unsound(place: StreamPlace, name: CheckpointName, { problem, offset, reason }: Unsound): CheckpointError {
  if (problem === "damaged") return corrupt(place, name, offset, reason);
  const key = checkpointKey(place, name);
  return new CheckpointError("CHECKPOINT_UNSUPPORTED_VERSION", `${key}: ${reason}`, { operation: "read", key, offset, streamId: place.streamId, sequence: name.sequence });
}

function corrupt(place: StreamPlace, name: CheckpointName, offset: number, reason: string, cause?: unknown): CheckpointError {
  const key = checkpointKey(place, name);
  return new CheckpointError("CHECKPOINT_CORRUPT", `${key} is damaged at ${offset}: ${reason}`, { operation: "read", key, offset, streamId: place.streamId, sequence: name.sequence, cause });
}
