import { storagePrefix, systemClock, systemRandom, type CallOptions, type StorageBackend, type StoragePrefix } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { CheckpointState } from "./checkpoint-state.js";
import { claimStream } from "./claim-stream.js";
import { announceClaimed } from "./diagnostics.js";
import { encodeCheckpoint } from "./encoded-checkpoint.js";
import { CheckpointError, invalidArgument, requireU64 } from "./errors.js";
import { streamOfCheckpoint, streamPlace } from "./layout.js";
import { requireKeep } from "./memory-store.js";
import { latestOf, OwnedStream } from "./owned-stream.js";
import { entryOf, readStored, withoutParts } from "./read-stored.js";
import type { Checkpoint, CheckpointEntry, CheckpointStore, LatestCheckpoint, SaveOptions, SaveResult } from "./store-types.js";
import type { StreamContext } from "./stream-context.js";
import { lookAt } from "./stream-names.js";

/** Options of {@link checkpointStore}. */
export interface CheckpointStoreOptions {
  /** Where the checkpoints live. Not closed by the store. */
  readonly storage: StorageBackend;
  /** Their own directory, for example `"checkpoints"`. */
  readonly prefix: string;
  /**
   * How many of a stream are kept, those with the highest sequences: at least 1, or `Infinity`. Default 3. Older ones are removed behind a save,
   * and only when the newest one was read back whole. Those that were found unreadable do not count, and are not removed.
   */
  readonly keep?: number | ((streamId: string) => number) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomSource | undefined;
}

/**
 * A durable store on any storage. Reading needs no ownership: a stream that this store has not opened is read as it is there at that time. What was
 * opened is known without asking the storage again.
 *
 * @throws CHECKPOINT_INVALID_ARGUMENT, STORAGE_INVALID_KEY.
 */
export function checkpointStore(options: CheckpointStoreOptions): CheckpointStore {
  return new DurableStore(options);
}

/** A stream that is being taken over, or was. */
interface Claiming {
  readonly stream: Promise<OwnedStream>;
  /** Of the call that began it. */
  readonly signal: AbortSignal | undefined;
}

class DurableStore implements CheckpointStore {
  readonly #storage: StorageBackend;
  readonly #prefix: StoragePrefix;
  readonly #keepOf: (streamId: string) => number;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  /** Streams that were taken over, or are being. */
  readonly #owned = new Map<string, Claiming>();
  #isClosed = false;

  constructor({ storage, prefix, keep = 3, clock = systemClock, random = systemRandom }: CheckpointStoreOptions) {
    requireStorage(storage);
    if (typeof keep === "number") requireKeep(keep);
    this.#storage = storage;
    this.#prefix = storagePrefix(prefix);
    this.#keepOf = typeof keep === "number" ? () => keep : keep;
    this.#clock = clock;
    this.#random = random;
  }

  async open(streamId: string, { signal }: CallOptions = {}): Promise<{ readonly latestSequence: bigint | undefined }> {
    const { latestSequence } = await this.#own("open", streamId, signal);
    return { latestSequence };
  }

  async save(state: CheckpointState, options: SaveOptions = {}): Promise<SaveResult> {
    const encoded = encodeCheckpoint(state);
    return (await this.#own("save", encoded.streamId)).save(encoded, options);
  }

  async latest(streamId: string, { signal }: CallOptions = {}): Promise<LatestCheckpoint> {
    const owned = await this.#ownedAlready("latest", streamId);
    return owned === undefined ? latestOf(this.#context(streamId), signal) : owned.latest(signal);
  }

  async get(streamId: string, sequence: bigint, { signal }: CallOptions = {}): Promise<Checkpoint | undefined> {
    requireU64("get", "sequence", sequence);
    const owned = await this.#ownedAlready("get", streamId);
    if (owned !== undefined) return owned.get(sequence, signal);
    const context = this.#context(streamId);
    const name = (await lookAt(context, signal)).counted.find((it) => it.sequence === sequence);
    const found = name && (await readStored(context, name, signal));
    return found && withoutParts(found);
  }

  async list(streamId: string, { signal }: CallOptions = {}): Promise<readonly CheckpointEntry[]> {
    const owned = await this.#ownedAlready("list", streamId);
    const context = this.#context(streamId);
    const names = owned === undefined ? (await lookAt(context, signal)).counted : await owned.list();
    return names.map((name) => entryOf(context.place, name, name.size));
  }

  async count(streamId: string, options: CallOptions = {}): Promise<number> {
    return (await this.list(streamId, options)).length;
  }

  async deleteBefore(streamId: string, sequence: bigint): Promise<number> {
    requireU64("deleteBefore", "sequence", sequence);
    return (await this.#own("deleteBefore", streamId)).deleteBefore(sequence);
  }

  async streams({ signal }: CallOptions = {}): Promise<readonly string[]> {
    this.#requireOpen("streams");
    const streams = new Set<string>();
    for await (const { key } of this.#storage.list(this.#prefix, { signal })) {
      const streamId = streamOfCheckpoint(this.#prefix, key);
      if (streamId !== undefined) streams.add(streamId);
    }
    return [...streams];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const claims = [...this.#owned.values()].map(({ stream }) => stream);
    for (const claim of await Promise.allSettled(claims)) if (claim.status === "fulfilled") await claim.value.close();
  }

  async #own(operation: string, streamId: string, signal?: AbortSignal): Promise<OwnedStream> {
    for (;;) {
      this.#requireOpen(operation);
      const owned = await this.#ifNotAbandoned(this.#owned.get(streamId) ?? this.#begin(streamId, signal), signal);
      if (owned !== undefined) return owned;
    }
  }

  #begin(streamId: string, signal: AbortSignal | undefined): Claiming {
    const stream = this.#claim(streamId, signal);
    const claiming = { stream, signal };
    this.#owned.set(streamId, claiming);
    // Who comes next tries again.
    stream.catch(() => this.#owned.delete(streamId));
    return claiming;
  }

  /** `undefined`: the call that began it was abandoned, which says nothing to another one. */
  async #ifNotAbandoned({ stream, signal }: Claiming, ownSignal?: AbortSignal): Promise<OwnedStream | undefined> {
    try {
      return await stream;
    } catch (error) {
      if (signal?.aborted !== true || signal === ownSignal) throw error;
      return undefined;
    }
  }

  async #claim(streamId: string, signal: AbortSignal | undefined): Promise<OwnedStream> {
    const keep = this.#keepOf(streamId);
    requireKeep(keep);
    const context = this.#context(streamId);
    const stream = new OwnedStream(context, await claimStream(context, signal), keep);
    announceClaimed({ streamId, latestSequence: stream.latestSequence });
    return stream;
  }

  async #ownedAlready(operation: string, streamId: string): Promise<OwnedStream | undefined> {
    this.#requireOpen(operation);
    const claiming = this.#owned.get(streamId);
    return claiming && this.#ifNotAbandoned(claiming);
  }

  #context(streamId: string): StreamContext {
    return { storage: this.#storage, place: streamPlace(this.#prefix, streamId), clock: this.#clock, random: this.#random };
  }

  #requireOpen(operation: string): void {
    if (this.#isClosed) throw new CheckpointError("CHECKPOINT_CLOSED", "the store is closed", { operation, outcome: "not_applied" });
  }
}

/** Callers in plain JavaScript are told what the type would have told them. */
function requireStorage(storage: unknown): void {
  if (typeof storage !== "object" || storage === null) throw invalidArgument("checkpointStore", "storage is none; it must be a storage backend");
}
