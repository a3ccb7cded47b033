import {
  bodyBytes,
  storageKey,
  storagePrefix,
  type CallOptions,
  type ListOptions,
  type ReadIntoOptions,
  type ReadOptions,
  type StorageBackend,
  type StorageBody,
  type StorageEntry,
  type StorageKey,
  type StoragePrefix,
} from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { checkBetween, checkRange, checkRoom } from "./arguments.js";
import { BACKEND_NAME, storageError, toStorageError, type Failure } from "./errors.js";
import { connect } from "./connection.js";
import { gather } from "./gathering.js";
import { firstPage, listPage, type Listing, type PageRequest } from "./listing.js";
import { putInParts } from "./multipart.js";
import type { ObjectStore } from "./object-store.js";
import { iterableOnce, ObjectStream } from "./object-stream.js";
import type { S3BackendOptions } from "./options.js";
import { findingsOf, Probe } from "./probe.js";
import { headObject, readObject, toEntry } from "./reading.js";
import { removeObjects } from "./removing.js";
import { untilAborted } from "./until-aborted.js";
import { putObject, type Writing } from "./writing.js";

/**
 * Opens a bucket of an S3-compatible store, or a directory of it, as a storage backend. Sends nothing yet.
 *
 * What is acknowledged was answered by the store; what was not answered is asked again, and who made an object is read back from
 * it, never guessed. There is no `appendable`: objects do not grow in place.
 *
 * Closing it waits for what is in flight and ends streams.
 *
 * @throws STORAGE_INVALID_ARGUMENT for options out of bounds, and without credentials; STORAGE_INVALID_KEY for a bad prefix.
 */
export function s3Backend(options: S3BackendOptions): StorageBackend {
  const connection = connect(options, "s3Backend");
  const { store, root, clock, port, addressName } = connection;
  const { partBytes = 8 * MIB, maxReadBytes = 1024 * MIB } = options;
  checkBetween("partBytes", partBytes, 5 * MIB, 1024 * MIB, CALL);
  checkBetween("maxReadBytes", maxReadBytes, 1, 4096 * MIB, CALL);
  const isProbed = (options.conditionalWrites ?? "probe") === "probe";
  const probe = isProbed ? new Probe(store, `${root}.probe/`, findingsOf(port, addressName)) : undefined;
  return new ObjectBackend({ store, root, clock, probe, background: connection.background, release: connection.release, partBytes, maxReadBytes });
}

const CALL = { operation: "s3Backend", outcome: "not_applied" } as const;

interface Parts {
  readonly store: ObjectStore;
  /** What stands before every key in the bucket: a prefix, or `""`. */
  readonly root: StoragePrefix;
  readonly clock: Clock;
  readonly probe: Probe | undefined;
  /** What `close` waits for beside calls. */
  readonly background: ReadonlySet<Promise<void>>;
  /** Lets go of the port, last. */
  readonly release: () => Promise<void>;
  readonly partBytes: number;
  readonly maxReadBytes: number;
}

class ObjectBackend implements StorageBackend {
  readonly name = BACKEND_NAME;
  readonly appendable: undefined = undefined;
  readonly #parts: Parts;
  readonly #streams = new Set<ObjectStream>();
  #calls = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  read(key: StorageKey, options: ReadIntoOptions = {}): Promise<Uint8Array | undefined> {
    const failure = { operation: "read", key };
    const { range, into, signal } = options;
    return this.#call(failure, signal, async () => {
      checkRange(range, failure);
      checkRoom(into, range, failure);
      const bytes = await readObject(this.#parts.store, storageKey(key), range, this.#parts.maxReadBytes, signal);
      if (bytes === undefined || into === undefined) return bytes;
      into.set(bytes);
      return into.subarray(0, bytes.byteLength);
    });
  }

  stream(key: StorageKey, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    const failure = { operation: "stream", key };
    const { range, signal } = options;
    return this.#call(failure, signal, async () => {
      checkRange(range, failure);
      const { store } = this.#parts;
      const head = await headObject(store, storageKey(key), signal);
      if (head === undefined) return undefined;
      if (range?.length === 0 || head.size === 0) return iterableOnce(nothing(), failure);
      const stream = new ObjectStream({
        store,
        key,
        range,
        failure,
        signal,
        call: (step) => this.#call(failure, signal, step),
        onStart: (it) => this.#streams.add(it),
        onEnd: (it) => this.#streams.delete(it),
      });
      return iterableOnce(stream, failure);
    });
  }

  stat(key: StorageKey, options: CallOptions = {}): Promise<StorageEntry | undefined> {
    const failure = { operation: "stat", key };
    return this.#call(failure, options.signal, async () => {
      const head = await headObject(this.#parts.store, storageKey(key), options.signal);
      return head === undefined ? undefined : toEntry(key, head);
    });
  }

  create(key: StorageKey, body: StorageBody, options: CallOptions = {}): Promise<StorageEntry> {
    return this.#put("create", key, body, options.signal);
  }

  replace(key: StorageKey, body: StorageBody, options: CallOptions = {}): Promise<StorageEntry> {
    return this.#put("replace", key, body, options.signal);
  }

  async *list(prefix: StoragePrefix, options: ListOptions = {}): AsyncGenerator<StorageEntry, void, undefined> {
    const { after, limit = Number.MAX_SAFE_INTEGER, signal } = options;
    const failure = { operation: "list", key: prefix };
    const listing: Listing = { client: this.#parts.store.client, root: this.#parts.root, prefix, after, limit, failure };
    await this.#call(failure, signal, () => {
      checkBetween("limit", limit, 0, Number.MAX_SAFE_INTEGER, failure);
      if (after !== undefined) storageKey(after);
      return Promise.resolve(storagePrefix(prefix));
    });
    let left = limit;
    let request: PageRequest | undefined = firstPage(listing);
    while (request !== undefined && left > 0) {
      const asked: PageRequest = request;
      const page = await this.#call(failure, signal, () => listPage(listing, asked, signal));
      for (const entry of page.entries.slice(0, left)) {
        signal?.throwIfAborted();
        this.#refuseClosed(failure);
        yield entry;
      }
      left -= page.entries.length;
      request = page.next;
    }
  }

  remove(keys: readonly StorageKey[], options: CallOptions = {}): Promise<void> {
    const failure = { operation: "remove", outcome: "unknown" } as const;
    return this.#call(failure, options.signal, () => {
      const checked = keys.map((key) => storageKey(key));
      return removeObjects(this.#parts.store, checked, failure, options.signal);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #put(operation: "create" | "replace", key: StorageKey, body: StorageBody, signal: AbortSignal | undefined): Promise<StorageEntry> {
    const failure = { operation, key, outcome: "not_applied" } as const;
    return this.#call(failure, signal, async () => {
      const { store, probe, partBytes, clock } = this.#parts;
      const writing: Writing = { store, name: store.objectName(storageKey(key)), failure, signal, ifAbsent: operation === "create" };
      const gathered = await gather(body, partBytes, { operation, key, backend: BACKEND_NAME, signal });
      if (writing.ifAbsent && probe !== undefined) await untilAborted(probe.requireConditionalPut(failure), signal);
      if ("whole" in gathered) {
        await putObject(writing, gathered.whole);
        return { key, size: gathered.whole.byteLength, modifiedAt: clock.now() };
      }
      if (writing.ifAbsent && probe !== undefined && !(await untilAborted(probe.hasConditionalParts(failure), signal))) {
        await gathered.parts.close();
        throw tooLarge(bodyBytes(body), partBytes, failure);
      }
      return { key, size: await putInParts(writing, gathered.parts), modifiedAt: clock.now() };
    });
  }

  async #close(): Promise<void> {
    if (this.#calls > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await Promise.all([...this.#streams].map((stream) => stream.abandon()));
    while (this.#parts.background.size > 0) await Promise.all(this.#parts.background);
    await this.#parts.release();
  }

  /** Runs one call of the contract: refused when closed, waited for by close(), its errors made StorageErrors. */
  async #call<T>(failure: Failure, signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    this.#refuseClosed(failure);
    this.#calls += 1;
    try {
      signal?.throwIfAborted();
      return await operation();
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) throw error;
      throw toStorageError(error, failure);
    } finally {
      this.#calls -= 1;
      if (this.#calls === 0) this.#onIdle?.();
    }
  }

  #refuseClosed(failure: Failure): void {
    if (this.#closing === undefined) return;
    const outcome = failure.outcome === undefined ? undefined : "not_applied";
    throw storageError("STORAGE_CLOSED", "the backend is closed", { ...failure, outcome });
  }
}

const MIB = 1_048_576;

function tooLarge(bytes: number | undefined, partBytes: number, failure: Failure): Error {
  const size = bytes === undefined ? `over ${partBytes}` : `${bytes}`;
  const what = `the store cannot complete an upload in parts on condition, so a create must fit into one PUT: ${size} bytes are over partBytes, ${partBytes}`;
  return storageError("STORAGE_TOO_LARGE", what, failure);
}

// eslint-disable-next-line @typescript-eslint/require-await -- A stream of no pieces.
async function* nothing(): AsyncGenerator<Uint8Array, undefined, undefined> {
  return undefined;
}
