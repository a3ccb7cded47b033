import { hasCode, isHoldfastError, systemClock, storagePrefix, type HoldfastError } from "@holdfast/storage";
import type { Clock, FsPort, RandomSource } from "@holdfast/storage/ports";
import { fsBackend } from "@holdfast/storage-fs";
import { encodeKinesisEntry, encodeKinesisState } from "./codec.js";
import { KinesisError } from "./errors.js";
import type { KinesisState } from "./format/model.js";
import { loadKinesisState, type KinesisLoad, type KinesisRecovery } from "./load.js";
import { RetainedLimit } from "./retained-limit.js";
import { snapshotIsDamaged, StateWriter } from "./state-writer.js";

/** Options of {@link openKinesisDirectory}. */
export interface KinesisDirectoryOptions {
  /** `strict` (default) or `recover`, as in `loadKinesisState`. What `recover` gives up is kept under another name before the first write. */
  readonly mode?: "strict" | "recover" | undefined;
  /** As in `loadKinesisState`. */
  readonly maxFileBytes?: number | undefined;
  /** A snapshot is written behind the append that comes so long after the last one: 0 to 86,400; 0 is never. Default 30. */
  readonly snapshotIntervalSeconds?: number | undefined;
  /** States that retain more are refused: 1 to 2^64 − 1. Default: no limit. */
  readonly maxRetainedBytes?: bigint | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Of `fsBackend`. */
  readonly port?: FsPort | undefined;
  /** Of `fsBackend`. */
  readonly random?: RandomSource | undefined;
  /** Of `fsBackend`: permission bits of files. Default 0o600. */
  readonly fileMode?: number | undefined;
  /** Of `fsBackend`: permission bits of a directory that is made. Default 0o700. */
  readonly directoryMode?: number | undefined;
}

/** A state without its time, which is given to it when it is appended. */
export type KinesisContents = Omit<KinesisState, "createdAtMs">;

/** How a {@link KinesisDirectory} is. */
export interface KinesisHealth {
  /** `poisoned`: a write failed, and nobody knows what it left. Close, and open again. */
  readonly status: "ready" | "poisoned" | "closed";
  /** What poisoned it. */
  readonly lastError: HoldfastError | undefined;
  /** Why the last snapshot failed, if it did. Appends go on; the next one that is due tries again. */
  readonly snapshotError: HoldfastError | undefined;
  /** `createdAtMs` of the last snapshot that was written by this handle. */
  readonly lastSnapshotMs: bigint | undefined;
}

/** A state directory that is open for writing. */
export interface KinesisDirectory extends AsyncDisposable {
  /** The last state that is durable; `undefined` if there never was one. What was found when opening counts for durable. */
  readonly state: KinesisState | undefined;
  /** What was found when opening. */
  readonly recovery: KinesisRecovery;
  readonly health: KinesisHealth;
  /**
   * Makes a state durable: the whole of it, as one entry of the log. Its time is now, and always later than every time before. One at a
   * time, in the order of calls; `contents` must not change until then.
   *
   * @returns the state with its time.
   * @throws with outcome `not_applied`: KINESIS_INVALID_STATE, KINESIS_RETAINED_LIMIT, KINESIS_CHANGED, KINESIS_POISONED, KINESIS_CLOSED. Errors
   * of the storage with their outcome; unless it is `not_applied`, the directory is poisoned.
   */
  append(contents: KinesisContents): Promise<KinesisState>;
  /** Writes the present state as the snapshot and empties the log. Does nothing where there is no state. @throws as `append`. */
  snapshot(): Promise<void>;
  /**
   * Refuses what would go over `maxRetainedBytes`: the state's retained bytes and so many more. With 0, whether it is over already.
   *
   * @throws KINESIS_RETAINED_LIMIT.
   */
  checkRetained(addedBytes: bigint): void;
  /** Waits for what is under way, and releases the lock. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the state directory of a ferrokinesis, or a new one, for reading and writing. Takes its lock, which keeps away other processes that
 * use this package; the original takes none and must not run on it meanwhile. Changes nothing in the files before the first write.
 *
 * @param path - The directory; made if missing.
 * @throws as `loadKinesisState` and `fsBackend`; STORAGE_LOCKED; STORAGE_ACCESS_DENIED for a directory that cannot be written to.
 */
export async function openKinesisDirectory(path: string, options: KinesisDirectoryOptions = {}): Promise<KinesisDirectory> {
  const { clock = systemClock, snapshotIntervalSeconds = 30, mode, maxFileBytes } = options;
  checkInterval(snapshotIntervalSeconds);
  const limit = new RetainedLimit(options.maxRetainedBytes);
  const { port, random, fileMode, directoryMode } = options;
  const storage = await fsBackend({ root: path, clock, port, random, fileMode, directoryMode });
  try {
    await storage.appendable.lock(storagePrefix(""));
    // Without the entries, which hold the whole log.
    const { state, lastCreatedAtMs, recovery } = await loadKinesisState({ storage, mode, maxFileBytes });
    const writer = new StateWriter(storage, recovery);
    return new OpenDirectory({ found: { state, lastCreatedAtMs, recovery }, writer, clock, limit, snapshotIntervalMs: BigInt(snapshotIntervalSeconds) * 1000n, release: () => storage.close() });
  } catch (error) {
    await storage.close();
    throw error;
  }
}

interface Parts {
  readonly found: Pick<KinesisLoad, "state" | "lastCreatedAtMs" | "recovery">;
  readonly writer: StateWriter;
  readonly clock: Clock;
  readonly limit: RetainedLimit;
  readonly snapshotIntervalMs: bigint;
  /** Closes the backend, which lets go of the lock. */
  readonly release: () => Promise<void>;
}

class OpenDirectory implements KinesisDirectory {
  readonly recovery: KinesisRecovery;
  readonly #parts: Parts;
  #state: KinesisState | undefined;
  #lastCreatedAtMs: bigint;
  /** What the interval counts from: after opening, the state that was found. */
  #intervalFromMs: bigint;
  #snapshotIsOwed: boolean;
  #lastSnapshotMs: bigint | undefined;
  #snapshotError: HoldfastError | undefined;
  #poison: HoldfastError | undefined;
  #snapshotIsQueued = false;
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    const { state, lastCreatedAtMs, recovery } = parts.found;
    this.#parts = parts;
    this.recovery = recovery;
    this.#state = state;
    this.#lastCreatedAtMs = lastCreatedAtMs;
    this.#intervalFromMs = state?.createdAtMs ?? 0n;
    // A damaged one would be refused again by the next strict opening.
    this.#snapshotIsOwed = snapshotIsDamaged(recovery);
  }

  get state(): KinesisState | undefined {
    return this.#state;
  }

  get health(): KinesisHealth {
    return {
      status: this.#closing !== undefined ? "closed" : this.#poison !== undefined ? "poisoned" : "ready",
      lastError: this.#poison,
      snapshotError: this.#snapshotError,
      lastSnapshotMs: this.#lastSnapshotMs,
    };
  }

  append(contents: KinesisContents): Promise<KinesisState> {
    return this.#inTurn("append", async () => {
      this.#parts.limit.checkState(this.#state, contents);
      const state = await this.#append(contents);
      if (this.#snapshotIsDue()) this.#snapshotBehind();
      return state;
    });
  }

  snapshot(): Promise<void> {
    return this.#inTurn("snapshot", () => this.#snapshot());
  }

  checkRetained(addedBytes: bigint): void {
    this.#parts.limit.checkAdded(this.#state?.retainedBytes ?? 0n, addedBytes);
  }

  close(): Promise<void> {
    this.#closing ??= this.#turn.then(async () => {
      try {
        await this.#parts.writer.close();
      } finally {
        await this.#parts.release();
      }
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #append(contents: KinesisContents): Promise<KinesisState> {
    const state: KinesisState = { ...contents, createdAtMs: this.#nextTime() };
    const entry = encodeKinesisEntry(state);
    await this.#parts.writer.prepare();
    await this.#poisonedBy(() => this.#parts.writer.append(entry));
    this.#state = state;
    this.#lastCreatedAtMs = state.createdAtMs;
    return state;
  }

  async #snapshot(): Promise<void> {
    if (this.#state === undefined) return;
    // A state is appended before it becomes the snapshot: so it is found in a log that a crash leaves behind.
    const { createdAtMs, ...contents } = this.#state;
    const state = this.#parts.writer.begun ? { ...contents, createdAtMs } : await this.#append(contents);
    await this.#parts.writer.replaceSnapshot(encodeKinesisState(state));
    await this.#poisonedBy(() => this.#parts.writer.emptyLog());
    this.#snapshotIsOwed = false;
    this.#snapshotError = undefined;
    this.#lastSnapshotMs = state.createdAtMs;
    this.#intervalFromMs = state.createdAtMs;
  }

  /** Behind the append that made it due, which does not wait for it and does not fail with it. */
  #snapshotBehind(): void {
    if (this.#snapshotIsQueued) return;
    this.#snapshotIsQueued = true;
    void this.#inTurn("snapshot", () => this.#snapshot())
      .catch((error: unknown) => {
        if (hasCode(error, "KINESIS_CLOSED")) return; // Closed in between: the log has everything.
        this.#snapshotError = asHoldfastError(error);
        this.#intervalFromMs = this.#lastCreatedAtMs;
      })
      .finally(() => {
        this.#snapshotIsQueued = false;
      });
  }

  #snapshotIsDue(): boolean {
    if (this.#snapshotIsOwed) return true;
    const { snapshotIntervalMs } = this.#parts;
    return snapshotIntervalMs > 0n && this.#lastCreatedAtMs - this.#intervalFromMs >= snapshotIntervalMs;
  }

  /** Now, but later than every time there is in the files, whatever the clock says. */
  #nextTime(): bigint {
    const now = BigInt(Math.max(0, Math.trunc(this.#parts.clock.now())));
    const next = now > this.#lastCreatedAtMs ? now : this.#lastCreatedAtMs + 1n;
    return next < MAX_U64 ? next : MAX_U64;
  }

  /** One at a time, in the order of calls. */
  #inTurn<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(new KinesisError("KINESIS_CLOSED", `${operation}: the directory is closed`, { operation, outcome: "not_applied" }));
    const result = this.#turn.then(() => {
      if (this.#poison === undefined) return work();
      const message = `${operation}: an earlier write failed; open the directory again`;
      throw new KinesisError("KINESIS_POISONED", message, { operation, outcome: "not_applied", cause: this.#poison });
    });
    this.#turn = result.catch(() => undefined); // Who called is told; the next in turn is not concerned.
    return result;
  }

  async #poisonedBy(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isHoldfastError(error) || error.outcome !== "not_applied") this.#poison = asHoldfastError(error);
      throw error;
    }
  }
}

const MAX_U64 = 2n ** 64n - 1n;

function checkInterval(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= 86_400) return;
  const message = `snapshotIntervalSeconds must be an integer from 0 to 86400, got ${seconds}`;
  throw new KinesisError("KINESIS_INVALID_ARGUMENT", message, { operation: "open" });
}

function asHoldfastError(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  return new KinesisError("KINESIS_POISONED", "an unexpected error", { operation: "append", outcome: "unknown", cause: error });
}
