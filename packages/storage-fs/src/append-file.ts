import type { AppendFile, HoldfastError, StorageKey } from "@holdfast/storage";
import type { FsFile } from "@holdfast/storage/ports";
import type { CommitSlots } from "./commit-slots.js";
import type { DirectWrites } from "./direct-writes.js";
import { isFull, storageError, systemCode, toStorageError } from "./errors.js";
import type { Reservation } from "./reservation.js";
import { withZeroTail } from "./zero-tails.js";

/** What an {@link FsAppendFile} is made of. */
export interface AppendFileParts {
  readonly slots: CommitSlots;
  readonly key: StorageKey;
  /** Opened by {@link AppendFileParts.flush}: with O_DSYNC for `"dsync"`, else without. */
  readonly file: FsFile;
  readonly size: number;
  /** How an append becomes durable; `"none"`: only by `sync()`. */
  readonly flush: "dsync" | "datasync" | "none";
  readonly reservation: Reservation | undefined;
  /** A way past the cache to the same file, which is empty. Only for `"dsync"`. */
  readonly direct?: DirectWrites | undefined;
  /** Called once when the file is closed. */
  readonly onClose: (file: AppendFile) => void;
}

/**
 * A file that grows in place. Calls are queued: one runs at a time, in call order.
 *
 * The path of an append at rest is short on purpose: one slot taken without waiting, one call of the port, one callback.
 */
export class FsAppendFile implements AppendFile {
  readonly key: StorageKey;
  readonly #parts: AppendFileParts;
  readonly #file: FsFile;
  readonly #slots: CommitSlots | undefined;
  readonly #reservation: Reservation | undefined;
  #direct: DirectWrites | undefined;
  #size: number;
  /** Up to here the file may hold zeros, of writes that failed too. */
  #touched = 0;
  #busy = false;
  readonly #waiting: (() => void)[] = [];
  #poison: { readonly cause: unknown } | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  // The append that runs. Fields instead of a closure for each.
  #bytes: Uint8Array = NOTHING;
  #at = 0;
  #end = 0;

  constructor(parts: AppendFileParts) {
    this.key = parts.key;
    this.#parts = parts;
    this.#file = parts.file;
    this.#slots = parts.flush === "none" ? undefined : parts.slots;
    this.#reservation = parts.reservation;
    this.#direct = parts.direct;
    this.#size = parts.size;
    this.#end = parts.size;
  }

  get size(): number {
    return this.#size;
  }

  append(bytes: Uint8Array, options?: { readonly at?: number | undefined }): Promise<void> {
    const at = options?.at;
    if (!this.#busy) {
      this.#busy = true;
      return this.#append(bytes, at);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        this.#append(bytes, at).then(resolve, reject);
      });
    });
  }

  sync(): Promise<void> {
    return this.#exclusive("sync", async () => {
      if (this.#parts.flush !== "none") return;
      try {
        await this.#parts.slots.run(() => this.#file.datasync());
      } catch (error) {
        throw this.#poisonBy(error, "sync");
      }
    });
  }

  truncate(size: number): Promise<void> {
    return this.#exclusive("truncate", async () => {
      if (!Number.isSafeInteger(size) || size < 0 || size > this.#size) {
        const message = `truncate: size must be an integer from 0 to ${this.#size}`;
        throw storageError("STORAGE_INVALID_ARGUMENT", message, { operation: "truncate", key: this.key, outcome: "not_applied" });
      }
      this.#reservation?.stop();
      try {
        await this.#leaveDirect();
        await this.#file.truncate(size);
        // Not before this is an append safe: a later one could be durable before the cut, and the old tail come back.
        await this.#parts.slots.run(() => this.#file.datasync());
      } catch (error) {
        throw this.#poisonBy(error, "truncate");
      }
      this.#size = size;
      this.#end = size;
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#queued(() => this.#close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #append(bytes: Uint8Array, at: number = this.#size): Promise<void> {
    const refusal = this.#refusal("append") ?? this.#badAppend(bytes, at);
    if (refusal !== undefined || bytes.byteLength === 0) {
      this.#next();
      return refusal === undefined ? Promise.resolve() : Promise.reject(refusal);
    }
    this.#bytes = bytes;
    this.#at = at;
    this.#end = at + bytes.byteLength;
    if (this.#slots === undefined || this.#slots.tryTake()) return this.#write();
    return this.#slots.take().then(this.#write);
  }

  readonly #write = (): Promise<void> => {
    const refusal = this.#refusal("append");
    if (refusal !== undefined) {
      this.#slots?.release();
      this.#end = this.#size;
      this.#next();
      return Promise.reject(refusal);
    }
    const zeros = this.#reservation?.zerosBehind(this.#at, this.#end) ?? 0;
    const direct = this.#direct;
    const written = zeros === 0 && direct === undefined ? this.#file.write(this.#bytes, this.#at) : this.#writeExtended(zeros, direct);
    return (this.#parts.flush === "datasync" ? written.then(this.#datasync) : written).then(this.#written, this.#failed);
  };

  /** Answers how many bytes of the append were written: zeros that found no room do no harm. */
  async #writeExtended(zeros: number, direct: DirectWrites | undefined): Promise<number> {
    const bytes = this.#bytes;
    this.#touched = Math.max(this.#touched, direct?.reach(this.#end, zeros) ?? this.#end + zeros);
    let count: number;
    try {
      count = await (direct?.write(bytes, this.#at, zeros) ?? withZeroTail(bytes, zeros, (extended) => this.#file.write(extended, this.#at)));
    } catch (error) {
      const isImpossible = direct !== undefined && systemCode(error) === "EINVAL";
      if (!isFull(error) && !isImpossible) throw error;
      // There may be room without the zeros, and there is a way through the cache. Written anew, the append's own bytes are as durable as if
      // this were the first try.
      if (!isImpossible) this.#reservation?.stop();
      await this.#leaveDirect();
      return this.#file.write(bytes, this.#at);
    }
    if (count < bytes.byteLength + zeros) this.#reservation?.stop();
    this.#reservation?.wrote(this.#at + Math.max(0, count));
    return Math.min(Math.max(0, count), bytes.byteLength);
  }

  /** From here on everything goes through the cache. */
  async #leaveDirect(): Promise<void> {
    const direct = this.#direct;
    this.#direct = undefined;
    await direct?.close();
  }

  readonly #datasync = (count: number): Promise<number> => this.#file.datasync().then(() => count);

  readonly #written = (count: number): void | Promise<void> => {
    if (count !== this.#bytes.byteLength) return this.#writeRest(count);
    this.#done();
  };

  /**
   * A limit, or a disk that is nearly full, cuts a write short and does not say why. The rest is written once: either it makes
   * the append whole, and as durable as one write, since each part is when it is answered; or its error is the reason.
   */
  async #writeRest(count: number): Promise<void> {
    const rest = this.#bytes.subarray(count);
    try {
      const more = await this.#file.write(rest, this.#at + count);
      if (this.#parts.flush === "datasync") await this.#file.datasync();
      if (more !== rest.byteLength) {
        const message = `short writes: ${count}, then ${more} of ${this.#bytes.byteLength} bytes`;
        throw Object.assign(new Error(message), { code: "short write" });
      }
    } catch (error) {
      this.#failed(error);
    }
    this.#done();
  }

  #done(): void {
    this.#slots?.release();
    this.#direct?.appended(this.#bytes, this.#at);
    this.#bytes = NOTHING;
    this.#size = this.#end;
    this.#reservation?.wrote(this.#end);
    this.#next();
  }

  readonly #failed = (error: unknown): never => {
    this.#slots?.release();
    this.#bytes = NOTHING;
    const failure = this.#poisonBy(error, "append", this.#at);
    this.#next();
    throw failure;
  };

  async #close(): Promise<void> {
    this.#closed = true;
    const errors: unknown[] = [];
    const attempt = async (operation: () => Promise<void>): Promise<void> => {
      try {
        await operation();
      } catch (error) {
        errors.push(error);
      }
    };
    // After a failure the file is left as it is: whoever opens it next must see what we saw.
    if (this.#poison === undefined && this.#touched > this.#size) {
      await attempt(() => this.#file.truncate(this.#size));
    }
    await this.#leaveDirect();
    await attempt(() => this.#file.close());
    this.#parts.onClose(this);
    if (errors.length > 0) throw toStorageError(errors[0], { operation: "close", key: this.key, outcome: "unknown" });
  }

  #refusal(operation: string): HoldfastError | undefined {
    if (this.#closed) {
      return storageError("STORAGE_CLOSED", `${operation}: the file is closed`, { operation, key: this.key, outcome: "not_applied" });
    }
    if (this.#poison === undefined) return undefined;
    const message = `${operation}: an earlier write of this handle failed; open the file anew`;
    return storageError("STORAGE_POISONED", message, { operation, key: this.key, outcome: "not_applied", cause: this.#poison.cause });
  }

  #badAppend(bytes: Uint8Array, at: number): HoldfastError | undefined {
    const failure = { operation: "append", key: this.key, outcome: "not_applied" } as const;
    if (bytes.byteLength > MAX_APPEND_BYTES) {
      return storageError("STORAGE_TOO_LARGE", `append: one write has at most ${MAX_APPEND_BYTES} bytes`, failure);
    }
    if (Number.isSafeInteger(at) && at >= this.#size && Number.isSafeInteger(at + bytes.byteLength)) return undefined;
    return storageError("STORAGE_INVALID_ARGUMENT", `append: at must be an integer from ${this.#size} on`, failure);
  }

  #poisonBy(cause: unknown, operation: string, offset?: number): HoldfastError {
    this.#poison ??= { cause };
    this.#reservation?.stop();
    return toStorageError(cause, { operation, key: this.key, outcome: "unknown", offset });
  }

  /** Runs an operation when all before it are done, unless the file is closed or poisoned by then. */
  #exclusive(name: string, operation: () => Promise<void>): Promise<void> {
    return this.#queued(() => {
      const refusal = this.#refusal(name);
      return refusal === undefined ? operation() : Promise.reject(refusal);
    });
  }

  #queued(operation: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        operation().then(
          () => {
            resolve();
            this.#next();
          },
          (error: unknown) => {
            reject(error instanceof Error ? error : new Error("unexpected error", { cause: error }));
            this.#next();
          },
        );
      };
      if (this.#busy) {
        this.#waiting.push(start);
      } else {
        this.#busy = true;
        start();
      }
    });
  }

  /** A turn later, so that the call before has settled first. */
  #next(): void {
    const start = this.#waiting.shift();
    if (start === undefined) this.#busy = false;
    else queueMicrotask(start);
  }
}

/** Beyond 2 GiB a system cuts a write short, which would poison the file for nothing. */
const MAX_APPEND_BYTES = 1024 * 1024 * 1024;
const NOTHING = new Uint8Array(0);
