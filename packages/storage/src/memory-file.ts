import type { AppendFile } from "./contract.js";
import type { StorageErrorDetails } from "./errors.js";
import { closedError, type Held } from "./handle.js";
import type { StorageKey } from "./keys.js";
import { BACKEND_NAME, failure, grown, requireSize, type Node } from "./memory-disk.js";
import type { Clock } from "./ports.js";

/** What a file needs of the backend that opened it. */
export interface FileOwner {
  readonly clock: Clock;
  /** Throws STORAGE_CLOSED when the backend was closed. */
  requireOpen(call: StorageErrorDetails): void;
  /** Whether the process of the backend has not died. */
  isAlive(): boolean;
  letGo(file: Held): void;
}

/** An object of the memory backend that is being appended to. */
export class MemoryFile implements AppendFile {
  readonly key: StorageKey;
  readonly #node: Node;
  readonly #reserveBytes: number;
  readonly #owner: FileOwner;
  #size: number;
  #queue: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** @param node - What lies in it up to `dataBytes` is what the file continues. */
  constructor(key: StorageKey, node: Node, reserveBytes: number, owner: FileOwner) {
    this.key = key;
    this.#node = node;
    this.#reserveBytes = reserveBytes;
    this.#owner = owner;
    this.#size = node.version.dataBytes;
  }

  get size(): number {
    return this.#size;
  }

  append(bytes: Uint8Array, options: { readonly at?: number | undefined } = {}): Promise<void> {
    const call = { operation: "append", key: this.key, outcome: "not_applied" } as const;
    return this.#enqueue(call, () => {
      const at = options.at ?? this.#size;
      requireSize("at", at, call);
      if (at < this.#size) throw failure("STORAGE_INVALID_ARGUMENT", call, `at is ${at}, before the end at ${this.#size}`);
      const end = at + bytes.length;
      requireSize("the end", end, call);
      const { buffer, dataBytes, size } = this.#node.version;
      // A position below `dataBytes` is one where another handle has written: its versions keep their bytes.
      const fits = end <= buffer.length && at >= dataBytes;
      const room = fits ? buffer : grown(buffer, dataBytes, end, call);
      room.set(bytes, at);
      this.#size = end;
      this.#node.version = {
        buffer: room,
        dataBytes: Math.max(dataBytes, end),
        size: Math.max(size, end, dataBytes === 0 ? 0 : preparedBytes(this.#reserveBytes, end)),
        modifiedAt: this.#owner.clock.now(),
      };
    });
  }

  sync(): Promise<void> {
    return this.#enqueue({ operation: "sync", key: this.key }, () => undefined);
  }

  truncate(size: number): Promise<void> {
    const call = { operation: "truncate", key: this.key, outcome: "not_applied" } as const;
    return this.#enqueue(call, () => {
      requireSize("size", size, call);
      if (size > this.#size) throw failure("STORAGE_INVALID_ARGUMENT", call, `size is ${size}, behind the end at ${this.#size}`);
      // A copy: versions that are being read keep their bytes, and what is cut off does not come back in a gap.
      const buffer = this.#node.version.buffer.slice(0, size);
      this.#size = size;
      this.#node.version = { buffer, dataBytes: size, size, modifiedAt: this.#owner.clock.now() };
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#queue.then(() => {
      this.#owner.letGo(this);
      // A process that has died cuts nothing off.
      if (this.#owner.isAlive()) this.#node.version = { ...this.#node.version, size: this.#node.version.dataBytes };
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs `action` when the calls before it have ended. Refused at once if the file or its backend was closed. */
  async #enqueue(call: StorageErrorDetails, action: () => void): Promise<void> {
    this.#owner.requireOpen(call);
    if (this.#closing !== undefined) throw closedError(BACKEND_NAME, call);
    const run = this.#queue.then(() => {
      if (!this.#owner.isAlive()) throw closedError(BACKEND_NAME, call);
      action();
    });
    // The caller gets the error; the calls behind it run all the same.
    this.#queue = run.catch(() => undefined);
    await run;
  }
}

/**
 * How far space is prepared when `end` bytes are in use: like a directory of files, a little at first, then as much again as is
 * used, at most a mebibyte ahead. So readers meet zeros behind the end here too. The first append brings none.
 */
function preparedBytes(reserveBytes: number, end: number): number {
  return Math.min(reserveBytes, end + Math.min(Math.max(end, 65_536), 1_048_576));
}
