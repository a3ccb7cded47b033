import { readBody } from "./body.js";
import type {
  AppendableStorage,
  AppendFile,
  AppendOpenOptions,
  ByteRange,
  CallOptions,
  ListOptions,
  ReadIntoOptions,
  ReadOptions,
  StorageBackend,
  StorageBody,
  StorageEntry,
  StorageLock,
} from "./contract.js";
import type { StorageErrorDetails } from "./errors.js";
import { closedError, Handle, type Held } from "./handle.js";
import { requireKey, requirePrefix, type StorageKey, type StoragePrefix } from "./keys.js";
import { BACKEND_NAME, copyOf, Disk, failure, grown, requireSize, type MemoryDisk, type Node, type Version } from "./memory-disk.js";
import { MemoryFile, type FileOwner } from "./memory-file.js";
import type { Clock } from "./ports.js";
import { systemClock } from "./system.js";

/** Options of {@link memoryBackend}. */
export interface MemoryBackendOptions {
  /** The contents, which several backends may share. Default: fresh ones. */
  readonly disk?: MemoryDisk | undefined;
  /** Whether objects can grow in place, as in a directory, or not, as on object storage. Default true. */
  readonly appendable?: boolean | undefined;
  /** Where `modifiedAt` comes from. Default `systemClock`. */
  readonly clock?: Clock | undefined;
}

/**
 * The reference implementation of the storage contract, in memory: every rule of it and nothing besides. For tests, and for
 * state that may go with the process.
 *
 * @throws STORAGE_INVALID_ARGUMENT if `disk` was not made by `memoryDisk`.
 */
export function memoryBackend(options: MemoryBackendOptions = {}): StorageBackend {
  const { disk = new Disk(), appendable = true, clock = systemClock } = options;
  if (disk instanceof Disk) return new MemoryBackend(disk, appendable, clock);
  throw failure("STORAGE_INVALID_ARGUMENT", { operation: "memoryBackend" }, "disk was not made by memoryDisk()");
}

/** The longest piece of a stream, in bytes. */
const PIECE_BYTES = 65_536;

/** A call that writes one object. */
interface WriteCall extends StorageErrorDetails {
  readonly key: StorageKey;
}

class MemoryBackend implements StorageBackend {
  readonly name = BACKEND_NAME;
  readonly appendable: AppendableStorage | undefined;
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #epoch: number;
  readonly #handle = new Handle(BACKEND_NAME);
  readonly #owner: FileOwner;

  constructor(disk: Disk, appendable: boolean, clock: Clock) {
    this.#disk = disk;
    this.#epoch = disk.epoch;
    this.#clock = clock;
    const storage: AppendableStorage = {
      lock: (prefix, options = {}) => this.#lock(prefix, options),
      open: (key, options) => this.#open(key, options),
    };
    this.appendable = appendable ? storage : undefined;
    this.#owner = {
      clock,
      requireOpen: (call) => { this.#handle.requireOpen(call); },
      isAlive: () => this.#isAlive(),
      letGo: (file) => { this.#handle.letGo(file); },
    };
  }

  read(key: StorageKey, options: ReadIntoOptions = {}): Promise<Uint8Array | undefined> {
    const call = { operation: "read", key };
    return this.#run(call, options, () => {
      const { into, range } = options;
      if (into !== undefined && into.byteLength < (range?.length ?? Infinity)) {
        throw failure("STORAGE_INVALID_ARGUMENT", call, "into needs a range, and at least its length");
      }
      const version = this.#find(call, options);
      if (version === undefined) return undefined;
      const { start, end } = bounds(version, range);
      const bytes = copyOf(version, start, end);
      if (into === undefined) return bytes;
      into.set(bytes);
      return into.subarray(0, bytes.byteLength);
    });
  }

  stream(key: StorageKey, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    const call = { operation: "stream", key };
    return this.#run(call, options, () => {
      const version = this.#find(call, options);
      return version === undefined ? undefined : once(call, later(this.#pieces(call, version, options)));
    });
  }

  stat(key: StorageKey, options: CallOptions = {}): Promise<StorageEntry | undefined> {
    const call = { operation: "stat", key };
    return this.#run(call, options, () => {
      const version = this.#find(call, {});
      return version === undefined ? undefined : entryOf(key, version);
    });
  }

  create(key: StorageKey, body: StorageBody, options: CallOptions = {}): Promise<StorageEntry> {
    const call = { operation: "create", key, outcome: "not_applied" } as const;
    return this.#run(call, options, () => this.#put(call, body, options));
  }

  replace(key: StorageKey, body: StorageBody, options: CallOptions = {}): Promise<StorageEntry> {
    const call = { operation: "replace", key, outcome: "not_applied" } as const;
    return this.#run(call, options, () => this.#put(call, body, options));
  }

  list(prefix: StoragePrefix, options: ListOptions = {}): AsyncIterable<StorageEntry> {
    return later(this.#entries(prefix, options));
  }

  remove(keys: readonly StorageKey[], options: CallOptions = {}): Promise<void> {
    return this.#run({ operation: "remove", outcome: "not_applied" }, options, () => {
      for (const key of keys) requireKey("remove", key);
      for (const key of keys) this.#disk.nodes.delete(key);
    });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #lock(prefix: StoragePrefix, options: CallOptions): Promise<StorageLock> {
    const name = `${prefix}.lock`;
    const call = { operation: "lock", key: name, outcome: "not_applied" } as const;
    return this.#run(call, options, () => {
      requirePrefix("lock", prefix);
      const { locks } = this.#disk;
      if (locks.has(name)) throw failure("STORAGE_LOCKED", call, "another handle holds the lock");
      const release = (): Promise<void> => {
        this.#handle.letGo(held);
        // After a crash the name may be another holder's.
        if (locks.get(name) === held) locks.delete(name);
        return Promise.resolve();
      };
      const held: Held = { close: release };
      locks.set(name, held);
      this.#handle.hold(held);
      return { name, release, [Symbol.asyncDispose]: release };
    });
  }

  #open(key: StorageKey, options: AppendOpenOptions): Promise<AppendFile> {
    const call = { operation: "open", key, outcome: "not_applied" } as const;
    return this.#run(call, {}, () => {
      requireKey("open", key);
      const reserveBytes = options.mode === "create" ? (options.reserveBytes ?? 0) : 0;
      requireSize("reserveBytes", reserveBytes, call);
      const node = options.mode === "create" ? this.#makeNode(call) : this.#continueNode(call);
      const file = new MemoryFile(key, node, reserveBytes, this.#owner);
      this.#handle.hold(file);
      return file;
    });
  }

  #makeNode(call: WriteCall): Node {
    this.#requireFree(call);
    const node: Node = { version: { buffer: new Uint8Array(0), dataBytes: 0, size: 0, modifiedAt: this.#clock.now() } };
    this.#disk.nodes.set(call.key, node);
    return node;
  }

  #continueNode(call: WriteCall): Node {
    const node = this.#disk.nodes.get(call.key);
    if (node === undefined) throw failure("STORAGE_NOT_FOUND", call, "there is no object of this key");
    // Whatever is found is content, zeros that a dead process had prepared included.
    node.version = { ...node.version, dataBytes: node.version.size };
    return node;
  }

  /** Runs a call that `close` waits for. */
  #run<T>(call: StorageErrorDetails, options: CallOptions, action: () => T | Promise<T>): Promise<T> {
    return this.#handle.run(call, () => {
      this.#requireAlive(call);
      options.signal?.throwIfAborted();
      return action();
    });
  }

  /** One step of something that is read bit by bit, for which `close` does not wait. */
  #step(call: StorageErrorDetails, options: CallOptions): void {
    this.#handle.requireOpen(call);
    this.#requireAlive(call);
    options.signal?.throwIfAborted();
  }

  #requireAlive(call: StorageErrorDetails): void {
    if (!this.#isAlive()) throw closedError(BACKEND_NAME, call);
  }

  /** Whether the process that opened this backend has not died since. */
  #isAlive(): boolean {
    return this.#disk.epoch === this.#epoch;
  }

  async #put(call: WriteCall, body: StorageBody, options: CallOptions): Promise<StorageEntry> {
    requireKey(call.operation, call.key);
    if (call.operation === "create") this.#requireFree(call);
    const { buffer, length } = await collect(call, body, options);
    this.#requireAlive(call);
    // Another one may have been faster.
    if (call.operation === "create") this.#requireFree(call);
    const version: Version = { buffer, dataBytes: length, size: length, modifiedAt: this.#clock.now() };
    this.#disk.nodes.set(call.key, { version });
    return entryOf(call.key, version);
  }

  #requireFree(call: WriteCall): void {
    if (this.#disk.nodes.has(call.key)) throw failure("STORAGE_ALREADY_EXISTS", call, "there is an object of this key");
  }

  #find(call: WriteCall, options: ReadOptions): Version | undefined {
    requireKey(call.operation, call.key);
    if (options.range !== undefined) {
      requireSize("range.offset", options.range.offset, call);
      requireSize("range.length", options.range.length, call);
    }
    return this.#disk.nodes.get(call.key)?.version;
  }

  *#entries(prefix: StoragePrefix, options: ListOptions): Generator<StorageEntry, void, undefined> {
    const call = { operation: "list", key: prefix };
    const { after, limit = Number.MAX_SAFE_INTEGER } = options;
    this.#step(call, options);
    requirePrefix("list", prefix);
    if (after !== undefined) requireKey("list", after);
    requireSize("limit", limit, call);
    const { nodes } = this.#disk;
    // The place is looked for at each step: names may come and go while somebody reads the list.
    const start: string = prefix;
    let key = after === undefined || after < start ? nodes.next(start, false) : nodes.next(after, true);
    for (let left = limit; left > 0 && key?.startsWith(start) === true; left -= 1) {
      this.#step(call, options);
      const node = nodes.get(key);
      if (node !== undefined) yield entryOf(key, node.version);
      key = nodes.next(key, true);
    }
  }

  *#pieces(call: StorageErrorDetails, version: Version, options: ReadOptions): Generator<Uint8Array, void, undefined> {
    const { start, end } = bounds(version, options.range);
    for (let at = start; at < end; at += PIECE_BYTES) {
      this.#step(call, options);
      yield copyOf(version, at, Math.min(at + PIECE_BYTES, end));
    }
  }
}

function entryOf(key: StorageKey, version: Version): StorageEntry {
  return { key, size: version.size, modifiedAt: version.modifiedAt };
}

/** The part of a range that lies inside the version. */
function bounds(version: Version, range: ByteRange | undefined): { readonly start: number; readonly end: number } {
  if (range === undefined) return { start: 0, end: version.size };
  const start = Math.min(range.offset, version.size);
  return { start, end: Math.min(start + range.length, version.size) };
}

/** All of a body, in memory of its own. */
async function collect(call: WriteCall, body: StorageBody, { signal }: CallOptions): Promise<{ buffer: Uint8Array; length: number }> {
  let buffer: Uint8Array = new Uint8Array(0);
  let length = 0;
  for await (const piece of readBody(body, { operation: call.operation, key: call.key, backend: BACKEND_NAME, signal })) {
    const end = length + piece.length;
    if (end > buffer.length) buffer = grown(buffer, length, end, call);
    buffer.set(piece, length);
    length = end;
  }
  return { buffer, length };
}

/** A generator that was read once is silently empty; whoever reads it again is told. */
function once<T>(call: StorageErrorDetails, items: AsyncGenerator<T, void, undefined>): AsyncIterable<T> {
  let taken = false;
  return {
    [Symbol.asyncIterator]() {
      if (taken) throw failure("STORAGE_INVALID_ARGUMENT", call, "a stream can be read once; call stream() again");
      taken = true;
      return items;
    },
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- The contract is asynchronous; memory has nothing to wait for.
async function* later<T>(items: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items;
}
