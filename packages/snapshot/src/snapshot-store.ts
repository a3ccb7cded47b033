import { createOrAdopt, hasCode, isHoldfastError, storagePrefix, systemClock, systemRandom } from "@holdfast/storage";
import type { StorageBackend, StorageKey, StoragePrefix } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import { announceRemoved, announceUnreadable, announceWritten } from "./diagnostics.js";
import { invalidArgument, requireWholeNumber } from "./errors.js";
import { OBJECT_ID_OFFSET, type SnapshotHeader } from "./format/header.js";
import { parseSnapshotKey, snapshotKey, snapshotPrefix, type SnapshotName } from "./layout.js";
import { readHeader, readPayloads } from "./read-snapshot.js";
import { SnapshotBody, type SnapshotContent } from "./snapshot-body.js";

/** Options of {@link snapshotStore}. */
export interface SnapshotStoreOptions {
  /** Where the snapshots live. Not closed by the store. */
  readonly storage: StorageBackend;
  /** Their own directory, for example `"orders"`; they lie in `snapshot/` below it. */
  readonly prefix: string;
  readonly clock?: Clock | undefined;
  readonly random?: RandomSource | undefined;
}

/** A snapshot as a listing shows it. Whether it can be read is not known by that. */
export interface SnapshotEntry extends SnapshotName {
  readonly key: StorageKey;
  /** Bytes of the whole object. */
  readonly size: number;
}

/** What a snapshot says about itself, checked. */
export interface SnapshotInfo extends SnapshotEntry {
  /** Of the log whose records are in it; `undefined`: it was not made of a log. */
  readonly logId: string | undefined;
  /** Unix milliseconds, by its writer's clock. */
  readonly createdAtMs: number;
  /** The user's version of what is inside. */
  readonly version: number;
}

/** A snapshot that is being read. */
export interface OpenSnapshot {
  readonly info: SnapshotInfo;
  /**
   * What was written into it, in pieces, in bounded memory, once. Every piece was checked before it is given. It is whole only when the
   * loop ends without an error: SNAPSHOT_CORRUPT with key and offset, or what the storage says.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/** A snapshot that could not be read, and why. It is left alone. */
export interface SkippedSnapshot {
  readonly snapshot: SnapshotEntry;
  readonly error: unknown;
}

/** What {@link SnapshotStore.newest} found. */
export interface NewestSnapshot<T> {
  /** `undefined`: there is none that can be read. */
  readonly found: { readonly info: SnapshotInfo; readonly value: T } | undefined;
  /** Newer ones, that could not be read. */
  readonly skipped: readonly SkippedSnapshot[];
}

/** Options of {@link SnapshotStore.write}. */
export interface WriteSnapshotOptions {
  /** 32 hexadecimal digits; not all of them 0. */
  readonly logId?: string | undefined;
  /** 0 to 2^32 − 1. Default 0. */
  readonly version?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link SnapshotStore.retain}. */
export interface RetainOptions {
  /** How many readable ones stay: 1 to 1,000. */
  readonly keep: number;
  /** Those that it refuses neither count nor are removed. Default: it takes all. */
  readonly accept?: ((info: SnapshotInfo) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What {@link SnapshotStore.retain} did. */
export interface Retained {
  /** The newest readable ones, newest first, at most `keep`. */
  readonly kept: readonly SnapshotInfo[];
  readonly removed: readonly SnapshotEntry[];
  readonly skipped: readonly SkippedSnapshot[];
}

/** Numbered snapshots below one prefix. */
export interface SnapshotStore {
  /**
   * Writes a snapshot of any size in bounded memory, and resolves when it is durable.
   *
   * @param seq - Of the last record that is in it: 0 to 2^53 − 1.
   * @param content - Opened once, and again if the storage leaves open what became of the first attempt.
   * @throws What `content` throws. What the storage says, with `outcome`. SNAPSHOT_INVALID_ARGUMENT. `signal.reason`.
   */
  write(seq: number, content: SnapshotContent, options?: WriteSnapshotOptions): Promise<SnapshotEntry>;
  /** All of them by name, ascending by `seq`, then `number`. */
  list(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<SnapshotEntry>;
  /**
   * The newest snapshot of this sequence number, or `undefined` if there is none.
   *
   * @throws SNAPSHOT_CORRUPT, SNAPSHOT_UNSUPPORTED_VERSION, or what the storage says.
   */
  at(seq: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<OpenSnapshot | undefined>;
  /** Opens one of the listed ones; `undefined` if it is gone. Throws as {@link at}. */
  open(entry: SnapshotEntry, options?: { readonly signal?: AbortSignal | undefined }): Promise<OpenSnapshot | undefined>;
  /**
   * The newest one that can be read. From the newest one on `read` gets each until one was read to its
   * end; those that are damaged, or that the storage cannot read for good, are reported on `holdfast:snapshot:unreadable` and left alone.
   *
   * @param read - Reads the body to its end and answers what it makes of it. What it throws itself ends the search.
   * @throws What `read` throws. SNAPSHOT_UNSUPPORTED_VERSION. What the storage says and may pass (`retryable`).
   */
  newest<T>(read: (snapshot: OpenSnapshot) => Promise<T>, options?: { readonly signal?: AbortSignal | undefined }): Promise<NewestSnapshot<T>>;
  /**
   * Reads back the newest ones until `keep` of them were found whole, and removes what is readable and older. What this handle wrote and
   * read back once, or read, is not read again. What cannot be read is never removed, and does not count.
   */
  retain(options: RetainOptions): Promise<Retained>;
}

/**
 * Snapshots below `prefix` in any storage. Nothing is opened, and nothing has to be closed.
 *
 * @throws STORAGE_INVALID_KEY.
 */
export function snapshotStore(options: SnapshotStoreOptions): SnapshotStore {
  return new NumberedSnapshots(options);
}

/** Whether the error means that a snapshot can not be read, now and later: it is passed over. */
function isUnreadable(error: unknown): boolean {
  if (["SNAPSHOT_CORRUPT", "STORAGE_UNSAFE_PATH", "STORAGE_NOT_FOUND"].some((code) => hasCode(error, code))) return true;
  return isHoldfastError(error) && error.code === "STORAGE_READ_FAILED" && !error.retryable;
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

class NumberedSnapshots implements SnapshotStore {
  readonly #storage: StorageBackend;
  readonly #prefix: StoragePrefix;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  /** What was read to its end once. */
  readonly #checked = new Map<StorageKey, SnapshotInfo>();

  constructor({ storage, prefix, clock = systemClock, random = systemRandom }: SnapshotStoreOptions) {
    this.#storage = storage;
    this.#prefix = storagePrefix(prefix);
    this.#clock = clock;
    this.#random = random;
  }

  async write(seq: number, content: SnapshotContent, { logId, version = 0, signal }: WriteSnapshotOptions = {}): Promise<SnapshotEntry> {
    requireWholeNumber("write", "seq", seq, 0, Number.MAX_SAFE_INTEGER);
    requireWholeNumber("write", "version", version, 0, 2 ** 32 - 1);
    if (logId !== undefined && !/^(?!0{32})[0-9a-f]{32}$/.test(logId)) throw invalidArgument("write", "logId must be 32 hexadecimal digits, not all of them 0");
    const startedAtMs = this.#clock.monotonic();
    for (let left = ATTEMPTS; ; left -= 1) {
      const number = (await this.#lastNumber(signal)) + 1;
      const key = snapshotKey(this.#prefix, { seq, number });
      const header: SnapshotHeader = { objectId: this.#random.bytes(16), seq, number, logId, version, createdAtMs: Math.max(0, Math.trunc(this.#clock.now())) };
      const framed = new SnapshotBody(header, content, this.#clock);
      try {
        const { entry } = await createOrAdopt(this.#storage, key, framed.body, { idOffset: OBJECT_ID_OFFSET, signal });
        const snapshot = { seq, number, key, size: entry.size };
        announceWritten({ prefix: this.#prefix, snapshot, durationMs: this.#clock.monotonic() - startedAtMs });
        return snapshot;
      } catch (error) {
        if (framed.failure !== undefined) throw framed.failure.error;
        // Somebody else has taken the number, or an earlier attempt of ours that came late.
        if (!hasCode(error, "STORAGE_ALREADY_EXISTS") || left === 1) throw error;
      }
    }
  }

  async *list({ signal }: CallOptions = {}): AsyncGenerator<SnapshotEntry, void, undefined> {
    for await (const { key, size } of this.#storage.list(snapshotPrefix(this.#prefix), { signal })) {
      const name = parseSnapshotKey(this.#prefix, key);
      if (name !== undefined) yield { ...name, key, size };
    }
  }

  async at(seq: number, options: CallOptions = {}): Promise<OpenSnapshot | undefined> {
    const found = (await this.#newestFirst(options)).find((entry) => entry.seq === seq);
    return found === undefined ? undefined : this.open(found, options);
  }

  async open(entry: SnapshotEntry, { signal }: CallOptions = {}): Promise<OpenSnapshot | undefined> {
    const header = await readHeader(this.#storage, entry, signal);
    if (header === undefined) return undefined;
    const { logId, createdAtMs, version } = header;
    const info: SnapshotInfo = { ...entry, logId, createdAtMs, version };
    const checked = (): void => {
      this.#checked.set(entry.key, info);
    };
    return { info, body: noting(readPayloads(this.#storage, entry, this.#clock, signal), checked) };
  }

  async newest<T>(read: (snapshot: OpenSnapshot) => Promise<T>, options: CallOptions = {}): Promise<NewestSnapshot<T>> {
    const skipped: SkippedSnapshot[] = [];
    for (const entry of await this.#newestFirst(options)) {
      try {
        const snapshot = await this.open(entry, options);
        // Gone since the list was made: a newer one has replaced it, or somebody else has removed it.
        if (snapshot !== undefined) return { found: { info: snapshot.info, value: await read(snapshot) }, skipped };
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        skipped.push({ snapshot: entry, error });
        announceUnreadable({ prefix: this.#prefix, snapshot: entry, error });
      }
    }
    return { found: undefined, skipped };
  }

  async retain({ keep, accept = () => true, signal }: RetainOptions): Promise<Retained> {
    requireWholeNumber("retain", "keep", keep, 1, 1000);
    const kept: SnapshotInfo[] = [];
    const removed: SnapshotEntry[] = [];
    const skipped: SkippedSnapshot[] = [];
    for (const entry of await this.#newestFirst({ signal })) {
      try {
        const info = await this.#check(entry, signal);
        if (info === undefined || !accept(info)) continue;
        if (kept.length < keep) kept.push(info);
        else removed.push(entry);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        skipped.push({ snapshot: entry, error });
        announceUnreadable({ prefix: this.#prefix, snapshot: entry, error });
      }
    }
    if (removed.length > 0) {
      await this.#storage.remove(removed.map(({ key }) => key), { signal });
      for (const { key } of removed) this.#checked.delete(key);
      announceRemoved({ prefix: this.#prefix, snapshots: removed });
    }
    return { kept, removed, skipped };
  }

  /** Reads a snapshot to its end, unless that was done before. `undefined`: it is gone. */
  async #check(entry: SnapshotEntry, signal: AbortSignal | undefined): Promise<SnapshotInfo | undefined> {
    const known = this.#checked.get(entry.key);
    if (known !== undefined) return known;
    const snapshot = await this.open(entry, { signal });
    if (snapshot === undefined) return undefined;
    const pieces = snapshot.body[Symbol.asyncIterator]();
    while ((await pieces.next()).done !== true);
    return snapshot.info;
  }

  async #newestFirst(options: CallOptions): Promise<readonly SnapshotEntry[]> {
    const entries: SnapshotEntry[] = [];
    for await (const entry of this.list(options)) entries.push(entry);
    return entries.reverse();
  }

  async #lastNumber(signal: AbortSignal | undefined): Promise<number> {
    let last = 0;
    for await (const { number } of this.list({ signal })) last = Math.max(last, number);
    return last;
  }
}

/** How often a number may be taken by somebody else before that is told. */
const ATTEMPTS = 8;

/** The same pieces; `atEnd` is called when all of them were given. */
async function* noting(pieces: AsyncIterable<Uint8Array>, atEnd: () => void): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces;
  atEnd();
}
