import { crc32c } from "@holdfast/bytes";
import { onAbort, type ByteRange, type StorageKey } from "@holdfast/storage";
import { HttpPortError, type HttpResponse } from "@holdfast/storage/ports";
import { CHECKSUM_HEADER, checksumText, wholeChecksum } from "./checksum.js";
import { badAnswer, invalidArgument, noAnswer, RequestFailure, storageError, toStorageError, type Failure } from "./errors.js";
import type { ObjectStore } from "./object-store.js";
import { ReadAhead } from "./read-ahead.js";
import { isAbsent, isBehindEnd, rangeHeaders, spanOf, toHead } from "./reading.js";

/** What an {@link ObjectStream} needs. */
export interface ObjectStreamSource {
  readonly store: ObjectStore;
  readonly key: StorageKey;
  readonly range: ByteRange | undefined;
  readonly failure: Failure;
  readonly signal: AbortSignal | undefined;
  /** Runs a step as a call of the backend: refused when it is closed, waited for by its `close`. */
  call<T>(step: () => Promise<T>): Promise<T>;
  readonly onStart: (stream: ObjectStream) => void;
  readonly onEnd: (stream: ObjectStream) => void;
}

/**
 * The bytes of one version of an object. Nothing is asked for before the first piece is; then one response is read, a
 * bounded part ahead of the caller. If it breaks off, the rest is asked for by the same version's ETag, so that what follows belongs to what came.
 */
export class ObjectStream implements AsyncIterator<Uint8Array, undefined> {
  readonly #source: ObjectStreamSource;
  #reading: Reading | undefined;
  /** The version that was begun, and where in it. */
  #version: Version | undefined;
  #ended = false;
  /** Calls of `next` run one after the other, also when the caller does not wait. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: ObjectStreamSource) {
    this.#source = source;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#afterLast(() => this.#next());
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#afterLast(() => {
      this.#end();
      return DONE;
    });
  }

  /** Lets go of the connection because the backend is closed. The stream does not end with that: its next piece is refused. */
  abandon(): Promise<void> {
    return this.#afterLast(() => {
      this.#letGo();
    });
  }

  #afterLast<T>(step: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#ended) return DONE;
    const { signal, failure } = this.#source;
    try {
      signal?.throwIfAborted();
      const value = await this.#source.call(() => this.#read());
      if (value !== undefined) return { done: false, value };
    } catch (error) {
      this.#end();
      if (signal?.aborted === true) throw error;
      throw toStorageError(error, failure);
    }
    this.#end();
    return DONE;
  }

  /** The next piece. For a response that breaks off the rest is asked for, as often as any request is. */
  #read(): Promise<Uint8Array | undefined> {
    return this.#source.store.client.retry(this.#source.signal, async (signal) => {
      this.#reading ??= await this.#ask(signal);
      if (this.#reading === undefined) {
        this.#finish();
        return undefined;
      }
      const { response } = this.#reading;
      // The response was asked for in an earlier call, whose signal is gone.
      const letGo = onAbort(signal, () => {
        response.discard();
      });
      try {
        const piece = await this.#take(this.#reading);
        if (piece === undefined) this.#finish();
        return piece;
      } catch (error) {
        this.#letGo();
        throw error instanceof HttpPortError ? noAnswer(error) : error;
      } finally {
        letGo();
      }
    });
  }

  /** At the end of the bytes. @throws RequestFailure if they are not what the store says they are. */
  #finish(): void {
    const version = this.#version;
    if (version?.checksum === undefined || version.checksum === checksumText(version.crc)) return;
    // Not tried again: they were delivered.
    const message = `bytes that do not match ${CHECKSUM_HEADER}`;
    throw new RequestFailure(message, { code: "BadAnswer", outcome: "unknown", transient: false });
  }

  async #take(reading: Reading): Promise<Uint8Array | undefined> {
    const { version } = reading;
    if (reading.rest.byteLength === 0) {
      const next = await reading.pieces.next();
      if (next === undefined) {
        if (version.position === version.end) return undefined;
        throw badAnswer(`a body that ends at ${version.position}, not at ${version.end}`);
      }
      reading.rest = next;
    }
    const piece = reading.rest.subarray(0, PIECE_BYTES);
    if (version.position + piece.byteLength > version.end) throw badAnswer(`a body that goes on behind ${version.end}`);
    reading.rest = reading.rest.subarray(piece.byteLength);
    version.position += piece.byteLength;
    if (version.checksum !== undefined) version.crc = crc32c(piece, version.crc);
    return piece;
  }

  /** Begins the object, or goes on with its version. `undefined` where nothing is left to be read. */
  async #ask(signal: AbortSignal): Promise<Reading | undefined> {
    const { store, key, range, onStart } = this.#source;
    const known = this.#version;
    onStart(this);
    if (known !== undefined && known.position === known.end) return undefined;
    const wanted = known === undefined ? range : { offset: known.position, length: known.end - known.position };
    const headers = { ...rangeHeaders(wanted), ...(known === undefined ? {} : { "if-match": known.etag }) };
    const request = { method: "GET", key: store.objectName(key), headers } as const;
    try {
      return await store.client.attempt(request, signal, (response) => this.#begin(response, wanted));
    } catch (error) {
      if (known === undefined && range !== undefined && isBehindEnd(error)) return undefined;
      if (isAbsent(error) || (error instanceof RequestFailure && error.status === 412)) throw this.#gone(error);
      throw error;
    }
  }

  #begin(response: HttpResponse, wanted: ByteRange | undefined): Reading {
    try {
      const { etag, size } = toHead(response);
      const span = wanted === undefined ? { start: 0, end: size } : spanOf(response, wanted);
      // A store that does not know ranges answers with everything, which is not worth reading to its middle.
      if (wanted !== undefined && (span.start < wanted.offset || span.end - wanted.offset > wanted.length)) {
        throw badAnswer("an answer with another range than the one asked for");
      }
      const checksum = wanted === undefined ? wholeChecksum(response.headers) : undefined;
      this.#version ??= { etag, position: span.start, end: span.end, checksum, crc: 0 };
      if (etag !== this.#version.etag) throw badAnswer("an answer with another version than the one asked for");
      return { version: this.#version, response, pieces: new ReadAhead(response.body, AHEAD_BYTES), rest: NO_BYTES };
    } catch (error) {
      response.discard();
      throw error;
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.onEnd(this);
    this.#letGo();
  }

  #letGo(): void {
    this.#reading?.response.discard();
    this.#reading = undefined;
  }

  #gone(cause: unknown): Error {
    const what =
      this.#version === undefined
        ? "the object was removed before the stream was started"
        : "the connection broke off, and the object is no longer the one that was begun";
    return storageError("STORAGE_READ_FAILED", what, { ...this.#source.failure, cause, retryable: true });
  }
}

/** An iterable that can be iterated once; a second time throws, since it would find nothing. */
export function iterableOnce(iterator: AsyncIterator<Uint8Array, undefined>, failure: Failure): AsyncIterable<Uint8Array> {
  let isTaken = false;
  return {
    [Symbol.asyncIterator]() {
      if (isTaken) throw invalidArgument("a stream can be read once; ask for another", failure);
      isTaken = true;
      return iterator;
    },
  };
}

interface Version {
  readonly etag: string;
  position: number;
  readonly end: number;
  /** Of the whole, where the store says it and the whole is read. */
  readonly checksum: string | undefined;
  crc: number;
}

interface Reading {
  readonly version: Version;
  readonly response: HttpResponse;
  readonly pieces: ReadAhead;
  /** What came and was not taken yet. */
  rest: Uint8Array;
}

const PIECE_BYTES = 256 * 1024;
const AHEAD_BYTES = 8 * 1024 * 1024;
const NO_BYTES = new Uint8Array(0);
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
