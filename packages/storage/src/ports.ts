/**
 * The narrow waists below the backends. The real backends run over real ports; a simulator implements the same ports, so that
 * the code under test is the real code and not a model of it.
 */

/** What stands behind a name in a directory. */
export type FsKind = "file" | "directory" | "symlink" | "other";

/** An entry of a directory listing. `name` is one path component. */
export interface FsDirectoryEntry {
  readonly name: string;
  readonly kind: FsKind;
}

/** What `lstat` and `fstat` tell. */
export interface FsStat {
  readonly kind: FsKind;
  /** Bytes. */
  readonly size: number;
  /** Unix milliseconds. */
  readonly modifiedAt: number;
  /** Identity of the file: device and inode in one string. */
  readonly identity: string;
  /** Number of names (hard links). */
  readonly links: number;
}

/**
 * How a file is opened.
 *
 * - `read`: existing, for reading.
 * - `create`: must not exist (EEXIST), for reading and writing.
 * - `write`: existing, for reading and writing.
 * - `lock`: created if absent, for reading and writing.
 *
 * All of them refuse a symbolic link as the last path component (ELOOP).
 */
export type FsOpenMode = "read" | "create" | "write" | "lock";

/** Options of {@link FsPort.open}. */
export interface FsOpenOptions {
  readonly mode: FsOpenMode;
  /**
   * Every write is durable (its own range and the metadata to read it) before it is answered. Only where
   * {@link FsPort.appendMode} is `"dsync"`; elsewhere the option is an error, never ignored.
   */
  readonly dsync?: boolean | undefined;
  /**
   * Writes pass the system's cache: straight from the caller's memory to the disk. Where a write begins, how long it is, and where its
   * memory begins are multiples of 4,096 then, else EINVAL. Where the system or the file system cannot do it, `open` throws EINVAL or ENOTSUP.
   */
  readonly direct?: boolean | undefined;
  /** Permission bits of a file that is made. */
  readonly permissions?: number | undefined;
}

/** An open file. Errors are Node's system errors: an `Error` with `code` such as `"ENOSPC"`. */
export interface FsFile {
  /** Reads up to `length` bytes at `position` into `buffer` from `offset` on. Answers how many; 0 is the end of the file. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  /** One positional write of `bytes`. Answers how many bytes were written, which may be fewer. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** fsync. */
  sync(): Promise<void>;
  /** fdatasync. */
  datasync(): Promise<void>;
  truncate(size: number): Promise<void>;
  stat(): Promise<FsStat>;
  /** Tries to take an exclusive lock that lives as long as this open file. Answers whether it was taken. */
  tryLock(): Promise<boolean>;
  unlock(): Promise<void>;
  close(): Promise<void>;
}

/** The file system as `storage-fs` needs it. Paths are absolute. Errors are Node's system errors. */
export interface FsPort {
  readonly name: string;
  /**
   * How a commit becomes durable. `dsync`: a write on an O_DSYNC descriptor. `write-then-sync`: a plain write, then
   * {@link FsFile.datasync}.
   */
  appendMode(): "dsync" | "write-then-sync";
  open(path: string, options: FsOpenOptions): Promise<FsFile>;
  /** Makes one directory; its parent must exist. EEXIST if something has that name. */
  mkdir(path: string, permissions: number): Promise<void>;
  /** All entries, in any order. */
  readdir(path: string): Promise<readonly FsDirectoryEntry[]>;
  lstat(path: string): Promise<FsStat>;
  /** Hard link: EEXIST if `to` is there. */
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** The path without symbolic links. */
  realpath(path: string): Promise<string>;
  /** Makes the entries of a directory durable. */
  syncDirectory(path: string): Promise<void>;
  /**
   * What kind of file system holds `path`: its type name (`"ext4"`, `"nfs"`, `"unknown"`), whether its locks are kept by the
   * local kernel, and whether it copies blocks on write, so that zeroed space ahead is of no use.
   */
  fileSystem(path: string): Promise<FsFileSystem>;
}

/** Answer of {@link FsPort.fileSystem}. */
export interface FsFileSystem {
  readonly type: string;
  readonly localLocks: boolean;
  readonly copyOnWrite: boolean;
}

/** Wall clock and timers, as parameters. */
export interface Clock {
  /** Unix milliseconds. May step back. */
  now(): number;
  /** Monotonic milliseconds, with fractions. */
  monotonic(): number;
  /**
   * Calls `callback` once after `delayMs`. A timer that is not `ref` does not keep the process alive. Answers a function
   * that cancels it; calling it again, or after the timer has fired, does nothing.
   */
  setTimer(callback: () => void, delayMs: number, options?: { readonly ref?: boolean }): () => void;
}

/** Source of random bytes, as a parameter. */
export interface RandomSource {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array;
}

/** One HTTP request. */
export interface HttpRequest {
  readonly method: "DELETE" | "GET" | "HEAD" | "POST" | "PUT";
  /** Absolute `http:` or `https:` URL, already encoded: path and query are sent as they stand, since they were signed so. */
  readonly url: string;
  /** Names in lower case. `host` and `content-length` are the port's to add: from `url` and `body`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whole, since its hash stands in the head. Not kept or changed after the promise settles. */
  readonly body?: Uint8Array | undefined;
  /** Aborts the attempt and the reading of its response; either then rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** The attempt fails when nothing moved for so long: not while connecting, sending, waiting or reading the response. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

/** The response to one request: its head, and a body that is still to come. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; values of a repeated header joined by `", "`. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The body, undecoded, once. It throws {@link HttpPortError} when it is cut off before its stated length. Leaving the loop
   * early lets go of the connection.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Lets go of a body that will not be read, or not further: a piece that is waited for rejects. Idempotent; after the last one it does nothing. */
  discard(): void;
}

/**
 * HTTP as `storage-s3` needs it. One call is one attempt: nothing is sent twice, whatever happens, no redirect is followed, and
 * no status is an error. Who calls decides what is tried again, since only that is known to be harmless.
 */
export interface HttpPort {
  readonly name: string;
  /** Resolves when the head of the response is there. @throws {@link HttpPortError}; `signal.reason`. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Closes idle connections. Requests under way go on. Idempotent. */
  close(): Promise<void>;
}

/** A request without a response, or a response that broke off. Carries neither headers nor the query. */
export class HttpPortError extends Error {
  /**
   * `not_applied`: the server surely did not act on the request, because not all of it was handed to a connection. `unknown`:
   * it may have, or may yet.
   */
  readonly outcome: "not_applied" | "unknown";

  constructor(message: string, details: { readonly outcome: "not_applied" | "unknown"; readonly cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "HttpPortError";
    this.outcome = details.outcome;
  }
}
