/* eslint-disable @typescript-eslint/require-await -- the interface waits, and what is in memory does not. */
import { encodeKeyPart, systemClock } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { CheckpointError, invalidArgument } from "./errors.js";
import { encodeCheckpoint, isSameContent, type EncodedCheckpoint } from "./encoded-checkpoint.js";
import { HEADER_BYTES } from "./format/envelope.js";
import { decodeMetadata } from "./format/metadata.js";
import { MAX_NAMES, type CheckpointState } from "./checkpoint-state.js";
import { decodeCheckpointState } from "./oxigdal/decode-state.js";
import type { Checkpoint, CheckpointEntry, CheckpointStore, LatestCheckpoint, SaveOptions, SaveResult } from "./store-types.js";

/** Options of {@link memoryCheckpointStore}. */
export interface MemoryCheckpointStoreOptions {
  /** How many of a stream are kept, those with the highest sequences: at least 1. Default 3. */
  readonly keep?: number | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * A store in memory, for tests and for what may be lost. It answers as the durable one does, but that nobody can take its streams over.
 *
 * @throws CHECKPOINT_INVALID_ARGUMENT.
 */
export function memoryCheckpointStore({ keep = 3, clock = systemClock }: MemoryCheckpointStoreOptions = {}): CheckpointStore {
  requireKeep(keep);
  return new MemoryStore(keep, clock);
}

/** @throws CHECKPOINT_INVALID_ARGUMENT. */
export function requireKeep(keep: number): void {
  if (keep === Infinity || (Number.isSafeInteger(keep) && keep >= 1)) return;
  // The original's words, which it says of 0.
  throw invalidArgument("checkpointStore", keep === 0 ? "max_per_stream must be at least 1" : `keep is ${String(keep)}; it must be a whole number from 1 on, or Infinity`);
}

interface Kept {
  readonly encoded: EncodedCheckpoint;
  readonly revision: number;
  readonly createdAtMs: number;
}

class MemoryStore implements CheckpointStore {
  readonly #keep: number;
  readonly #clock: Clock;
  readonly #streams = new Map<string, Map<bigint, Kept>>();
  #revision = 0;
  #isClosed = false;

  constructor(keep: number, clock: Clock) {
    this.#keep = keep;
    this.#clock = clock;
  }

  async open(streamId: string): Promise<{ readonly latestSequence: bigint | undefined }> {
    return { latestSequence: this.#ascending("open", streamId).at(-1)?.encoded.sequence };
  }

  async save(state: CheckpointState, { ifExists = "refuse" }: SaveOptions = {}): Promise<SaveResult> {
    const encoded = encodeCheckpoint(state);
    const { streamId, sequence } = encoded;
    const kept = this.#ascending("save", streamId);
    const before = kept.find((it) => it.encoded.sequence === sequence);
    if (before !== undefined) {
      if (isSameContent(encoded, partsOf(before.encoded))) return { stored: true, duplicate: true };
      if (ifExists === "refuse") {
        throw new CheckpointError("CHECKPOINT_CONFLICT", `another state is stored under sequence ${sequence}`, { operation: "save", streamId, sequence, outcome: "not_applied" });
      }
    } else if (kept.filter((it) => it.encoded.sequence > sequence).length >= this.#keep) {
      return { stored: false, duplicate: false };
    }
    const stream = this.#streams.get(streamId) ?? new Map<bigint, Kept>();
    this.#streams.set(streamId, stream);
    this.#revision += 1;
    stream.set(sequence, { encoded, revision: this.#revision, createdAtMs: Math.max(0, Math.floor(this.#clock.now())) });
    for (const it of this.#ascending("save", streamId).reverse().slice(this.#keep)) stream.delete(it.encoded.sequence);
    return { stored: true, duplicate: false };
  }

  async latest(streamId: string): Promise<LatestCheckpoint> {
    const latest = this.#ascending("latest", streamId).at(-1);
    return { checkpoint: latest && checkpointOf(latest), skipped: [] };
  }

  async get(streamId: string, sequence: bigint): Promise<Checkpoint | undefined> {
    const found = this.#ascending("get", streamId).find((it) => it.encoded.sequence === sequence);
    return found && checkpointOf(found);
  }

  async list(streamId: string): Promise<readonly CheckpointEntry[]> {
    return this.#ascending("list", streamId).map(entryOf);
  }

  async count(streamId: string): Promise<number> {
    return this.#ascending("count", streamId).length;
  }

  async deleteBefore(streamId: string, sequence: bigint): Promise<number> {
    const below = this.#ascending("deleteBefore", streamId).filter((it) => it.encoded.sequence < sequence);
    for (const { encoded } of below) this.#streams.get(streamId)?.delete(encoded.sequence);
    return below.length;
  }

  async streams(): Promise<readonly string[]> {
    this.#requireOpen("streams");
    return Array.from(this.#streams).flatMap(([streamId, kept]) => (kept.size === 0 ? [] : [streamId]));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #ascending(operation: string, streamId: string): Kept[] {
    this.#requireOpen(operation);
    // The ids that a durable store takes.
    encodeKeyPart(streamId);
    const kept = [...(this.#streams.get(streamId)?.values() ?? [])];
    return kept.sort((one, other) => (one.encoded.sequence < other.encoded.sequence ? -1 : 1));
  }

  #requireOpen(operation: string): void {
    if (this.#isClosed) throw new CheckpointError("CHECKPOINT_CLOSED", "the store is closed", { operation, outcome: "not_applied" });
  }
}

function entryOf({ encoded, revision }: Kept): CheckpointEntry {
  return { sequence: encoded.sequence, revision, size: encoded.body.bytes.length };
}

function checkpointOf(kept: Kept): Checkpoint {
  const { metadata, state } = partsOf(kept.encoded);
  // The bytes belong to who gets them.
  const decoded = decodeCheckpointState(state.slice(), { streamId: kept.encoded.streamId });
  return { ...entryOf(kept), createdAtMs: kept.createdAtMs, state: { ...decoded.state, metadata: decodeMetadata(metadata, MAX_NAMES) ?? new Map<string, string>() } };
}

function partsOf({ body }: EncodedCheckpoint): { readonly metadata: Uint8Array; readonly state: Uint8Array } {
  const metadataAt = HEADER_BYTES + body.streamId.length;
  const stateAt = metadataAt + body.metadata.length;
  return { metadata: body.bytes.subarray(metadataAt, stateAt), state: body.bytes.subarray(stateAt, stateAt + body.stateBytes) };
}
