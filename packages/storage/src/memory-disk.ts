import { StorageError, type StorageErrorCode, type StorageErrorDetails } from "./errors.js";
import { MemoryNodes } from "./memory-nodes.js";

/** Contents that outlive the backends opened on them, within this process. Made by {@link memoryDisk}. */
export interface MemoryDisk {
  /**
   * What the death of a process does: every backend opened so far, with its files, is dead from now on (STORAGE_CLOSED; what
   * was in flight does nothing any more), its locks are free, and what it had written stays, space prepared for appending
   * included. Not a power loss, which may take more.
   */
  crash(): void;
}

/** Fresh, empty contents for `memoryBackend`. */
export function memoryDisk(): MemoryDisk {
  return new Disk();
}

/**
 * One state of an object. It never changes: an append makes a new version, which may use the same `buffer` beyond the
 * `dataBytes` of every version before it.
 */
export interface Version {
  /** Zeros from `dataBytes` on. May be shorter than the object; what is missing is zeros too. */
  readonly buffer: Uint8Array;
  /** Bytes that were written. */
  readonly dataBytes: number;
  /** Bytes of the object: what was written, and prepared space. */
  readonly size: number;
  readonly modifiedAt: number;
}

/** What a name stands for. A file that is open keeps its node when the name is replaced or removed. */
export interface Node {
  version: Version;
}

/** What outlives the processes of a memory backend: objects, and which of them are locked. */
export class Disk implements MemoryDisk {
  readonly nodes: MemoryNodes;
  /** Who holds a lock, by the lock's name. */
  readonly locks: Map<string, object> = new Map<string, object>();
  /** How many times the process has died. */
  epoch = 0;

  constructor(nodes: MemoryNodes = new MemoryNodes()) {
    this.nodes = nodes;
  }

  crash(): void {
    this.epoch += 1;
    this.locks.clear();
  }
}

/** A copy of the bytes of a version from `start` to `end`, which lie inside it. */
export function copyOf({ buffer, dataBytes }: Version, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  copy.set(buffer.subarray(start, Math.min(end, dataBytes)));
  return copy;
}

/**
 * The first `length` bytes of `buffer` in a larger one with room up to `end`, zeros behind.
 *
 * @throws STORAGE_FULL, `not_applied`, if there is no such piece of memory.
 */
export function grown(buffer: Uint8Array, length: number, end: number, call: StorageErrorDetails): Uint8Array {
  let larger: Uint8Array;
  try {
    larger = new Uint8Array(Math.max(end, buffer.length * 2));
  } catch (cause) {
    throw failure("STORAGE_FULL", { ...call, outcome: "not_applied", retryable: true, cause }, `no memory for ${end} bytes`);
  }
  larger.set(buffer.subarray(0, length));
  return larger;
}

/** Throws STORAGE_INVALID_ARGUMENT unless `value` is a safe integer ≥ 0. */
export function requireSize(what: string, value: number, call: StorageErrorDetails): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw failure("STORAGE_INVALID_ARGUMENT", call, `${what} is ${value}, which is no number of bytes or entries`);
}

/** A {@link StorageError} of the memory backend. */
export function failure(code: StorageErrorCode, call: StorageErrorDetails, what: string): StorageError {
  const about = call.key === undefined ? "" : ` ${call.key}`;
  return new StorageError(code, `${call.operation}${about}: ${what}`, { ...call, backend: BACKEND_NAME });
}

/** The `backend` of every error of the memory backend. */
export const BACKEND_NAME = "memory";
