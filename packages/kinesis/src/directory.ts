import { hasCode, isHoldfastError, storagePrefix, systemClock, type HoldfastError } from "@holdfast/storage";
import type { Clock, FsPort, RandomSource } from "@holdfast/storage/ports";
import { fsBackend, type FsBackend } from "@holdfast/storage-fs";
import { openFkwal2Log } from "@holdfast/wal/fkwal2";
import { encodeKinesisEntry, encodeKinesisState } from "./codec.js";
import { announceAppend, announceClosed, announceOpened, announcePoisoned, announceProblem, announceRejected, announceSnapshot } from "./diagnostics.js";
import { KinesisError } from "./errors.js";
import type { KinesisState } from "./format/model.js";
import { healthOf, type KinesisHealth, type KinesisStatus } from "./health.js";
import { loadThrough, readSnapshotFile, type KinesisLoad, type KinesisRecovery } from "./load.js";
import { planResumption, type Resumption } from "./resumption.js";
import { RetainedLimit } from "./retained-limit.js";
import { snapshotIsDamaged, StateWriter } from "./state-writer.js";

/** Options of {@link openKinesisDirectory}. */
export interface KinesisDirectoryOptions {
  /** `strict` (default) or `recover`, as in `loadKinesisState`. What `recover` gives up is kept under another name before the first write. */
  readonly mode?: "strict" | "recover" | undefined;
  /** As in `loadKinesisState`. */
  readonly maxStateBytes?: number | undefined;
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

/** A state directory that is open for writing. */
export interface KinesisDirectory extends AsyncDisposable {
  /**
   * The last state that this handle has made durable, or what was found when opening; `undefined` if there never was one. What was found
   * is whole, but a process that died while it appended may have left it in a cache only: the first `append` makes it durable.
   */
  readonly state: KinesisState | undefined;
  /** What was found when opening. */
  readonly recovery: KinesisRecovery;
  /** What became of the changes that were under way in the state that was found, by the clock when it was opened. */
  readonly resumption: Resumption;
  readonly health: KinesisHealth;
  /**
   * Makes a state durable: the whole of it, as one entry of the log. Its time is now, and always later than every time before. One at a
   * time, in the order of calls; `contents` must not change until then.
   *
   * @returns the state with its time.
   * @throws with outcome `not_applied`: KINESIS_INVALID_STATE, KINESIS_RETAINED_LIMIT, KINESIS_TOO_LARGE, KINESIS_CHANGED, KINESIS_POISONED,
   * KINESIS_CLOSED. Errors of the storage with their outcome; after a write whose outcome is `unknown` the directory is poisoned.
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
  const { clock = systemClock, snapshotIntervalSeconds = 30, mode, maxStateBytes } = options;
  checkInterval(snapshotIntervalSeconds);
  const limit = new RetainedLimit(options.maxRetainedBytes);
  const { port, random, fileMode, directoryMode } = options;
  const storage = await fsBackend({ root: path, clock, port, random, fileMode, directoryMode });
  try {
    const opened = await openFiles(storage, { mode, maxStateBytes });
    const resumption = planResumption(opened.found.state ?? NOTHING, BigInt(Math.max(0, Math.trunc(clock.now()))));
    const directory = new OpenDirectory({ path, ...opened, resumption, clock, limit, snapshotIntervalMs: BigInt(snapshotIntervalSeconds) * 1000n, release: () => storage.close() });
    announceOpened({ path, recovery: directory.recovery, resumption });
    return directory;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** What there is, under the lock, and who writes behind it. */
async function openFiles(storage: FsBackend, options: Pick<KinesisDirectoryOptions, "mode" | "maxStateBytes">): Promise<Pick<Parts, "found" | "writer">> {
  const lock = await storage.appendable.lock(storagePrefix(""));
  const snapshot = await readSnapshotFile({ storage, ...options });
  const { found, log } = await loadThrough({ storage, ...options }, snapshot, (reading) => openFkwal2Log({ ...reading, storage, lock }));
  const { state, lastCreatedAtMs, recovery } = found; // Without the entries, which are as many as the log has.
  return { found: { state, lastCreatedAtMs, recovery }, writer: new StateWriter(storage, recovery, log) };
}

/** What there is nothing to resume of. */
const NOTHING = { streams: [], consumers: [], pendingTransitions: [], accountSettingsJson: new Uint8Array() };

interface Parts {
  readonly path: string;
  readonly found: Pick<KinesisLoad, "state" | "lastCreatedAtMs" | "recovery">;
  readonly resumption: Resumption;
  readonly writer: StateWriter;
  readonly clock: Clock;
  readonly limit: RetainedLimit;
  readonly snapshotIntervalMs: bigint;
  /** Closes the backend, which lets go of the lock. */
  readonly release: () => Promise<void>;
}

class OpenDirectory implements KinesisDirectory {
  readonly recovery: KinesisRecovery;
  readonly resumption: Resumption;
  readonly #parts: Parts;
  #state: KinesisState | undefined;
  #lastCreatedAtMs: bigint;
  /** What the interval counts from: after opening, the state that was found. */
  #intervalFromMs: bigint;
  /** The same by the monotonic clock: a wall clock that is set back would hold snapshots up until it is where it was, and the log would grow. */
  #intervalFromMonotonicMs: number;
  #snapshotIsOwed: boolean;
  #lastSnapshotMs: bigint | undefined;
  #snapshotError: HoldfastError | undefined;
  #snapshotIsQueued = false;
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    const { state, lastCreatedAtMs, recovery } = parts.found;
    this.#parts = parts;
    this.recovery = recovery;
    this.resumption = parts.resumption;
    this.#state = state;
    this.#lastCreatedAtMs = lastCreatedAtMs;
    this.#intervalFromMs = state?.createdAtMs ?? 0n;
    this.#intervalFromMonotonicMs = parts.clock.monotonic();
    // A damaged one would be refused again by the next strict opening.
    this.#snapshotIsOwed = snapshotIsDamaged(recovery);
  }

  get state(): KinesisState | undefined {
    return this.#state;
  }

  get health(): KinesisHealth {
    const { writer } = this.#parts;
    const [status, error] = this.#status(writer.poison);
    return healthOf(status, error, { snapshotError: this.#snapshotError, lastSnapshotMs: this.#lastSnapshotMs });
  }

  append(contents: KinesisContents): Promise<KinesisState> {
    return this.#inTurn("append", async () => {
      this.#limited((limit) => {
        limit.checkState(this.#state, contents);
      });
      const state = await this.#append(contents);
      if (this.#snapshotIsDue()) this.#snapshotBehind();
      return state;
    });
  }

  snapshot(): Promise<void> {
    return this.#inTurn("snapshot", () => this.#snapshot());
  }

  checkRetained(addedBytes: bigint): void {
    this.#limited((limit) => {
      limit.checkAdded(this.#state?.retainedBytes ?? 0n, addedBytes);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#turn.then(async () => {
      try {
        await this.#parts.writer.close();
      } finally {
        await this.#parts.release();
        announceClosed({ path: this.#parts.path });
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
    await this.#write((writer) => writer.append(entry));
    this.#state = state;
    this.#lastCreatedAtMs = state.createdAtMs;
    const { createdAtMs, retainedBytes, retainedRecords } = state;
    announceAppend({ path: this.#parts.path, createdAtMs, entryBytes: entry.length, retainedBytes, retainedRecords });
    return state;
  }

  async #snapshot(): Promise<void> {
    if (this.#state === undefined) return;
    // A state is appended before it becomes the snapshot: so it is found in a log that a crash leaves behind.
    const { createdAtMs, ...contents } = this.#state;
    const state = this.#parts.writer.begun ? { ...contents, createdAtMs } : await this.#append(contents);
    const snapshot = encodeKinesisState(state);
    await this.#parts.writer.replaceSnapshot(snapshot);
    await this.#write((writer) => writer.emptyLog());
    this.#snapshotIsOwed = false;
    this.#snapshotError = undefined;
    this.#lastSnapshotMs = state.createdAtMs;
    this.#beginInterval(state.createdAtMs);
    announceSnapshot({ path: this.#parts.path, createdAtMs: state.createdAtMs, snapshotBytes: snapshot.length });
  }

  /** Behind the append that made it due, which does not wait for it and does not fail with it. */
  #snapshotBehind(): void {
    if (this.#snapshotIsQueued) return;
    this.#snapshotIsQueued = true;
    void this.#inTurn("snapshot", () => this.#snapshot())
      .catch((error: unknown) => {
        if (hasCode(error, "KINESIS_CLOSED")) return; // Closed in between: the log has everything.
        this.#snapshotError = asHoldfastError(error);
        this.#beginInterval(this.#lastCreatedAtMs);
        announceProblem({ path: this.#parts.path, operation: "snapshot", error: this.#snapshotError });
      })
      .finally(() => {
        this.#snapshotIsQueued = false;
      });
  }

  #snapshotIsDue(): boolean {
    if (this.#snapshotIsOwed) return true;
    const { snapshotIntervalMs, clock } = this.#parts;
    if (snapshotIntervalMs === 0n) return false;
    const passedMs = clock.monotonic() - this.#intervalFromMonotonicMs;
    return this.#lastCreatedAtMs - this.#intervalFromMs >= snapshotIntervalMs || passedMs >= Number(snapshotIntervalMs);
  }

  #beginInterval(fromMs: bigint): void {
    this.#intervalFromMs = fromMs;
    this.#intervalFromMonotonicMs = this.#parts.clock.monotonic();
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
      const { poison } = this.#parts.writer;
      if (poison === undefined) return work();
      const message = `${operation}: an earlier write failed; open the directory again`;
      throw new KinesisError("KINESIS_POISONED", message, { operation, outcome: "not_applied", cause: poison });
    });
    this.#turn = result.catch(() => undefined); // Who called is told; the next in turn is not concerned.
    return result;
  }

  #status(poison: HoldfastError | undefined): readonly [status: KinesisStatus, error: HoldfastError | undefined] {
    if (this.#closing !== undefined) return ["closed", undefined];
    if (poison !== undefined) return ["poisoned", poison];
    const [problem] = this.resumption.problems;
    // Whoever appends has decided what became of what was found.
    return problem === undefined || this.#parts.writer.begun ? ["ready", undefined] : ["unresumed", problem];
  }

  #limited(check: (limit: RetainedLimit) => void): void {
    try {
      check(this.#parts.limit);
    } catch (error) {
      if (hasCode(error, "KINESIS_RETAINED_LIMIT")) announceRejected({ path: this.#parts.path, error });
      throw error;
    }
  }

  async #write(write: (writer: StateWriter) => Promise<void>): Promise<void> {
    const { writer, path } = this.#parts;
    try {
      await write(writer);
    } catch (error) {
      if (writer.poison !== undefined) announcePoisoned({ path, error: writer.poison });
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
