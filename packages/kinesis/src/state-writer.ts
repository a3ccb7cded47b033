import type { AppendableStorage, AppendFile, StorageBackend, StorageBody, StorageKey } from "@holdfast/storage";
import { encodeFkwal2Entry, encodeFkwal2Header, FKWAL2_HEADER_BYTES } from "@holdfast/wal/fkwal2";
import { KinesisError } from "./errors.js";
import { asideKey, SNAPSHOT_KEY, WAL_KEY } from "./layout.js";
import type { KinesisRecovery } from "./load.js";

/** A backend whose objects can grow in place. */
export type AppendingBackend = StorageBackend & { readonly appendable: AppendableStorage };

/**
 * Writes the two files. The first entry goes into a new log file, which takes the place of the one that was found and has its entries;
 * so nothing rests on bytes that somebody else may have failed to make durable, and a torn tail is gone.
 *
 * What strict reading refuses, and entries that cannot be placed, are kept under another name before that.
 */
export class StateWriter {
  readonly #storage: AppendingBackend;
  readonly #recovery: KinesisRecovery;
  #prepared = false;
  #begun = false;
  #file: AppendFile | undefined;

  constructor(storage: AppendingBackend, recovery: KinesisRecovery) {
    this.#storage = storage;
    this.#recovery = recovery;
  }

  /** Whether an entry was written. */
  get begun(): boolean {
    return this.#begun;
  }

  /**
   * What comes before the first entry. If it fails, nothing is changed, and it can be tried again.
   *
   * @throws KINESIS_CHANGED; errors of the storage.
   */
  async prepare(): Promise<void> {
    if (this.#prepared) return;
    const size = (await this.#storage.stat(WAL_KEY))?.size ?? 0;
    if (size !== this.#recovery.logBytes) {
      const message = `${WAL_KEY} has ${size} bytes, and had ${this.#recovery.logBytes} when it was read: somebody writes to it without the lock`;
      throw new KinesisError("KINESIS_CHANGED", message, { operation: "append", key: WAL_KEY, outcome: "not_applied" });
    }
    if (!this.#keepsLog) await this.#keepAside(WAL_KEY);
    if (snapshotIsDamaged(this.#recovery)) await this.#keepAside(SNAPSHOT_KEY);
    this.#prepared = true;
  }

  /** Makes an entry durable. A failure with another outcome than `not_applied` leaves the log in an unknown state. */
  async append(entry: Uint8Array): Promise<void> {
    const frame = encodeFkwal2Entry(entry);
    if (!this.#begun) {
      await this.#storage.replace(WAL_KEY, this.#newLog(frame));
      this.#begun = true;
      return;
    }
    this.#file ??= await this.#storage.appendable.open(WAL_KEY, { mode: "continue" });
    await this.#file.append(frame);
  }

  /** Puts a snapshot in the place of the one before. Whether this fails or not, the log has what it needs. */
  async replaceSnapshot(state: Uint8Array): Promise<void> {
    await this.#storage.replace(SNAPSHOT_KEY, state);
  }

  /** Empties the log, whose last entry has become the snapshot. Failures are those of {@link StateWriter.append}. */
  async emptyLog(): Promise<void> {
    await this.close();
    await this.#storage.replace(WAL_KEY, encodeFkwal2Header());
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** Whether the entries that were found stay in the log. */
  get #keepsLog(): boolean {
    return this.#recovery.unplaced === undefined && !logIsDamaged(this.#recovery);
  }

  #newLog(frame: Uint8Array): StorageBody {
    const { logBytes, torn } = this.#recovery;
    const keptBytes = this.#keepsLog ? (torn?.validBytes ?? logBytes) : 0;
    const storage = this.#storage;
    if (keptBytes < FKWAL2_HEADER_BYTES) return Buffer.concat([encodeFkwal2Header(), frame]);
    return {
      bytes: keptBytes + frame.length,
      async *open() {
        yield* (await storage.stream(WAL_KEY, { range: { offset: 0, length: keptBytes } })) ?? [];
        yield frame;
      },
    };
  }

  /** Under the first name that is free, unless it is kept already: a crash may come between this and the next step. */
  async #keepAside(key: StorageKey): Promise<void> {
    const bytes = await this.#storage.read(key);
    if (bytes === undefined) return;
    for (let number = 1; ; number++) {
      const kept = await this.#storage.read(asideKey(key, number));
      if (kept !== undefined && Buffer.from(kept).equals(bytes)) return;
      if (kept !== undefined) continue;
      await this.#storage.create(asideKey(key, number), bytes);
      return;
    }
  }
}

/** Whether the snapshot is one that strict loading refuses. */
export function snapshotIsDamaged({ damage }: KinesisRecovery): boolean {
  return damage.some(({ code }) => code === "KINESIS_SNAPSHOT_CORRUPT");
}

function logIsDamaged({ damage }: KinesisRecovery): boolean {
  return damage.some(({ code }) => code !== "KINESIS_SNAPSHOT_CORRUPT");
}
