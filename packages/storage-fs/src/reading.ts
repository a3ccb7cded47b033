import type { ByteRange } from "@holdfast/storage";
import type { FsFile, FsPort, FsStat } from "@holdfast/storage/ports";
import { quote, storageError, systemCode, toStorageError, type Failure } from "./errors.js";

/** A file that is open for reading, and the part of it that is asked for. */
export interface OpenedFile {
  readonly file: FsFile;
  /** First byte to read. */
  readonly start: number;
  /** End of what is to be read: the end of the file as it was when it was opened, or before. */
  readonly end: number;
}

/**
 * Opens a plain file for reading.
 *
 * @returns `undefined` if there is none.
 * @throws STORAGE_UNSAFE_PATH for a symbolic link and whatever else is no plain file; other errors by their code.
 */
export async function openForReading(
  path: string,
  range: ByteRange | undefined,
  port: FsPort,
  failure: Failure,
): Promise<OpenedFile | undefined> {
  let file: FsFile;
  try {
    file = await port.open(path, { mode: "read" });
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const stat = await file.stat();
    refuseOtherThanFile(stat, failure);
    const start = Math.min(range?.offset ?? 0, stat.size);
    return { file, start, end: start + Math.min(range?.length ?? stat.size, stat.size - start) };
  } catch (error) {
    await closeAfterReading(file);
    throw error;
  }
}

/** Reads a part of a file into the beginning of `into`, or into an array of its own; fewer bytes if the file became shorter. */
export async function readPart(file: FsFile, start: number, end: number, into?: Uint8Array): Promise<Uint8Array> {
  // Not zeroed first, and not from the pool: every byte that is handed out was read.
  const bytes = into === undefined ? new Uint8Array(Buffer.allocUnsafeSlow(end - start).buffer, 0, end - start) : into.subarray(0, end - start);
  let done = 0;
  while (done < bytes.byteLength) {
    const count = await file.read(bytes, done, Math.min(bytes.byteLength - done, READ_BYTES), start + done);
    if (count === 0) return into === undefined ? bytes.slice(0, done) : bytes.subarray(0, done);
    done += count;
  }
  return bytes;
}

/** An error of closing says nothing about what was read. */
export async function closeAfterReading(file: FsFile): Promise<void> {
  await file.close().catch(() => undefined);
}

/** @throws STORAGE_UNSAFE_PATH unless it is a plain file. */
export function refuseOtherThanFile(stat: Pick<FsStat, "kind">, failure: Failure): void {
  if (stat.kind === "file") return;
  const message = `${failure.operation}: ${quote(failure.key ?? "")} is no plain file but a ${stat.kind}`;
  throw storageError("STORAGE_UNSAFE_PATH", message, failure);
}

/** What a {@link FileStream} needs to open its file. */
export interface FileStreamSource {
  readonly opened: OpenedFile;
  /** Opens the object again, for a stream that was parked; `undefined` if it is gone. */
  reopen(): Promise<OpenedFile | undefined>;
  readonly failure: Failure;
  /** Runs a step as a call of the backend: refused when it is closed, waited for by its `close`. */
  call<T>(step: () => Promise<T>): Promise<T>;
  readonly signal: AbortSignal | undefined;
  readonly onStart: (stream: FileStream) => void;
  readonly onEnd: (stream: FileStream) => void;
}

/**
 * The bytes of one version of an object, 256 KiB at a time, each piece in an array of its own. The file is held open from the
 * start until the last piece, until the loop is left, or until the backend is closed. One that is not started may be parked:
 * its file is closed, and opened again when it is started.
 */
export class FileStream implements AsyncIterator<Uint8Array, undefined> {
  readonly #source: FileStreamSource;
  #opened: OpenedFile | undefined;
  #position: number;
  #started = false;
  #ended = false;
  /** Calls of `next` run one after the other, also when the caller does not wait. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: FileStreamSource) {
    this.#source = source;
    this.#opened = source.opened;
    this.#position = source.opened.start;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#afterLast(() => this.#next());
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#afterLast(async () => {
      await this.#end();
      return DONE;
    });
  }

  /** Closes the file of a stream that is not started. Answers whether it was not. */
  park(): Promise<boolean> {
    return this.#afterLast(async () => {
      if (this.#started || this.#ended) return false;
      await this.#letGo();
      return true;
    });
  }

  /** Closes the file because the backend is closed. The stream does not end with that: its next piece is refused. */
  abandon(): Promise<void> {
    return this.#afterLast(() => this.#letGo());
  }

  #afterLast<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#ended) return DONE;
    try {
      this.#source.signal?.throwIfAborted();
      const value = await this.#source.call(() => this.#read());
      if (value !== undefined) return { done: false, value };
    } catch (error) {
      await this.#end();
      if (this.#source.signal?.aborted === true) throw error;
      throw toStorageError(error, this.#source.failure);
    }
    await this.#end();
    return DONE;
  }

  async #read(): Promise<Uint8Array | undefined> {
    if (!this.#started) {
      this.#started = true;
      this.#source.onStart(this);
      if (this.#opened === undefined) {
        this.#opened = await this.#source.reopen();
        if (this.#opened === undefined) throw this.#gone();
        this.#position = this.#opened.start;
      }
    }
    const opened = this.#opened;
    if (opened === undefined || this.#position >= opened.end) return undefined;
    const bytes = await readPart(opened.file, this.#position, Math.min(this.#position + PIECE_BYTES, opened.end));
    this.#position += bytes.byteLength;
    return bytes.byteLength === 0 ? undefined : bytes;
  }

  async #end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.onEnd(this);
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) await closeAfterReading(opened.file);
  }

  #gone(): Error {
    const { failure } = this.#source;
    const message = `${failure.operation}: ${quote(failure.key ?? "")} was removed before the stream was started`;
    return storageError("STORAGE_READ_FAILED", message, { ...failure, retryable: true });
  }
}

/** An iterable that can be iterated once; a second time throws, since it would find nothing. */
export function iterableOnce(iterator: AsyncIterator<Uint8Array, undefined>, failure: Failure): AsyncIterable<Uint8Array> {
  let taken = false;
  return {
    [Symbol.asyncIterator]() {
      if (taken) {
        throw storageError("STORAGE_INVALID_ARGUMENT", `${failure.operation}: a stream can be read once; ask for another`, failure);
      }
      taken = true;
      return iterator;
    },
  };
}

/** A piece of a stream; an object of at most this size is read at once and holds no file open. */
export const PIECE_BYTES: number = 256 * 1024;

const READ_BYTES = 16 * 1024 * 1024;
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
