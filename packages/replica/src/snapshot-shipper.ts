import { hasCode, type CallOptions, type StorageKey } from "@holdfast/storage";
import { snapshotsFrom, writeLogSnapshot, type SnapshotSource } from "./log-snapshots.js";
import type { ReplicaClient } from "./replica-client.js";
import type { ReplicationSource } from "./replicator.js";
import type { StreamWriter } from "./stream-writer.js";

/** What is shipped, and to where. */
export interface SnapshotShipping {
  readonly client: ReplicaClient;
  readonly source: ReplicationSource;
  readonly snapshots: SnapshotSource;
  readonly logId: string;
}

/** Ships the newest snapshot of a log, when all that it is made of is in the replica. */
export class SnapshotShipper {
  readonly #parts: SnapshotShipping;
  readonly #writer: StreamWriter;
  /** Those that are no use, or have no place: what comes behind them in the WAL is as good. */
  #passedOver: ReadonlySet<StorageKey> = new Set();
  /** What the newest snapshot in the replica is of. */
  #seq: number;

  constructor(parts: SnapshotShipping, writer: StreamWriter, snapshotSeq: number) {
    this.#parts = parts;
    this.#writer = writer;
    this.#seq = snapshotSeq;
  }

  /** What the newest snapshot in the replica is of; with a generation that has no snapshot of a store, what it begins behind. */
  get seq(): number {
    return this.#seq;
  }

  /** Looks whether there is a new one, and ships it. @returns Whether it did. @throws What the storages say. SNAPSHOT_CORRUPT and the like, once for each snapshot. */
  async ship({ signal }: CallOptions): Promise<boolean> {
    const listed = await snapshotsFrom(this.#parts.snapshots, this.#seq + 1, { signal });
    // Behind one that was shipped nobody asks for what was passed over before it.
    this.#passedOver = new Set(listed.map(({ key }) => key).filter((key) => this.#passedOver.has(key)));
    const entry = listed.findLast(({ seq, key }) => seq < this.#writer.nextSeq && !this.#passedOver.has(key));
    if (entry === undefined) return false;
    const index = this.#writer.snapshotIndex(entry.seq);
    const isShipped = index !== undefined && (await this.#write(entry, index, signal));
    if (isShipped) this.#seq = entry.seq;
    else this.#passOver(entry.key);
    return isShipped;
  }

  async #write(entry: Parameters<SnapshotSource["open"]>[0], index: bigint, signal: AbortSignal | undefined): Promise<boolean> {
    const { generation } = this.#writer;
    try {
      const isWritten = (await writeLogSnapshot({ ...this.#parts, entry, generation, index, signal })) !== undefined;
      if (isWritten) this.#writer.tookSnapshot(index);
      return isWritten;
    } catch (error) {
      // An earlier one of ours that came late, or of the replicator before: as good as this one.
      if (hasCode(error, "REPLICA_CONFLICT")) {
        this.#writer.tookSnapshot(index);
        return false;
      }
      // That one cannot be read now or later. It is told once, and the next one is looked for.
      if (hasCode(error, "SNAPSHOT_CORRUPT") || hasCode(error, "SNAPSHOT_UNSUPPORTED_VERSION")) this.#passOver(entry.key);
      throw error;
    }
  }

  #passOver(key: StorageKey): void {
    this.#passedOver = new Set([...this.#passedOver, key]);
  }
}
