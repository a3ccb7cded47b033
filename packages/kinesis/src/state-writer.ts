import type { AppendableStorage, HoldfastError, StorageBackend, StorageKey } from "@holdfast/storage";
import type { Fkwal2Log } from "@holdfast/wal/fkwal2";
import { asideKey, SNAPSHOT_KEY, WAL_KEY } from "./layout.js";
import type { KinesisRecovery } from "./load.js";
import { withLogErrors } from "./log-errors.js";

/** A backend whose objects can grow in place. */
export type AppendingBackend = StorageBackend & { readonly appendable: AppendableStorage };

/**
 * Writes the two files. What strict reading refuses, and entries that cannot be placed, are kept under another name before anything is
 * written; the log then begins anew with the first entry, in one step.
 */
export class StateWriter {
  readonly #storage: AppendingBackend;
  readonly #recovery: KinesisRecovery;
  readonly #log: Fkwal2Log;
  #prepared = false;
  #begun = false;

  /** @param log - Opened with the same lock and mode as what `recovery` tells of. */
  constructor(storage: AppendingBackend, recovery: KinesisRecovery, log: Fkwal2Log) {
    this.#storage = storage;
    this.#recovery = recovery;
    this.#log = log;
  }

  /** Whether an entry was written. */
  get begun(): boolean {
    return this.#begun;
  }

  /** What poisoned the log: nothing more can be written. */
  get poison(): HoldfastError | undefined {
    return this.#log.poison;
  }

  /** Makes an entry durable. @throws KINESIS_CHANGED; KINESIS_TOO_LARGE; what `Fkwal2Log.append` throws; errors of the storage. */
  async append(entry: Uint8Array): Promise<void> {
    await this.#prepare();
    await withLogErrors("append", async () => {
      if (this.#begun || this.#keepsLog) await this.#log.append(entry);
      else await this.#log.restart(entry);
    });
    this.#begun = true;
  }

  /** Puts a snapshot in the place of the one before. Whether this fails or not, the log has what it needs. */
  async replaceSnapshot(state: Uint8Array): Promise<void> {
    await this.#storage.replace(SNAPSHOT_KEY, state);
  }

  /** Empties the log, whose last entry has become the snapshot. @throws as {@link StateWriter.append}. */
  async emptyLog(): Promise<void> {
    await withLogErrors("snapshot", () => this.#log.restart());
  }

  async close(): Promise<void> {
    await this.#log.close();
  }

  /** Whether the entries that were found stay in the log. */
  get #keepsLog(): boolean {
    return this.#recovery.unplaced === undefined && this.#log.recovery.damage === undefined;
  }

  /** What comes before the first entry. If it fails, nothing is lost, and it can be tried again. */
  async #prepare(): Promise<void> {
    if (this.#prepared) return;
    if (!this.#keepsLog) await this.#keepAside(WAL_KEY);
    if (snapshotIsDamaged(this.#recovery)) await this.#keepAside(SNAPSHOT_KEY);
    this.#prepared = true;
  }

  /** Under the first name that is free, unless it is kept already: a crash may come between this and the next step. */
  async #keepAside(key: StorageKey): Promise<void> {
    if ((await this.#storage.stat(key)) === undefined) return;
    for (let number = 1; ; number++) {
      const aside = asideKey(key, number);
      const kept = await this.#storage.stat(aside);
      if (kept !== undefined && (await this.#areEqual(key, aside))) return;
      if (kept !== undefined) continue;
      await this.#storage.create(aside, { open: () => this.#pieces(key) });
      return;
    }
  }

  async *#pieces(key: StorageKey): AsyncGenerator<Uint8Array> {
    yield* (await this.#storage.stream(key)) ?? [];
  }

  async #areEqual(one: StorageKey, other: StorageKey): Promise<boolean> {
    const size = (await this.#storage.stat(one))?.size ?? 0;
    if ((await this.#storage.stat(other))?.size !== size) return false;
    for (let offset = 0; offset < size; offset += COMPARED_BYTES) {
      const range = { offset, length: COMPARED_BYTES };
      const [a, b] = [await this.#storage.read(one, { range }), await this.#storage.read(other, { range })];
      if (a === undefined || b === undefined || !Buffer.from(a).equals(b)) return false;
    }
    return true;
  }
}

/** Of each file at a time. */
const COMPARED_BYTES = 2 ** 20;

/** Whether the snapshot is one that strict loading refuses. */
export function snapshotIsDamaged({ damage }: KinesisRecovery): boolean {
  return damage.some(({ code }) => code === "KINESIS_SNAPSHOT_CORRUPT");
}
