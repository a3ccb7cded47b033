import type { HoldfastError } from "@holdfast/storage";
import type { Pos } from "./pos.js";

/** How a replication is going. */
export interface ReplicatorStatus {
  readonly generation: string | undefined;
  /** Where its WAL goes on: what is before is in the replica. */
  readonly pos: Pos | undefined;
  /** The last record that is in the replica; `undefined`: nothing was written yet. */
  readonly seq: number | undefined;
  /** What the newest snapshot in the replica is of, if `snapshots` were given; where the store has none yet, what the generation begins behind. */
  readonly snapshotSeq: number | undefined;
  /** The last record that was read from the source. */
  readonly sourceSeq: number | undefined;
  /** Bytes that were read and are not in the replica. While it fails no more is read than `batchBytes` and a commit. */
  readonly lagBytes: number;
  /** Milliseconds since the oldest of them was committed, by the clocks of the two; 0 if there is none. */
  readonly lagMs: number;
  /** Segments written, and bytes in them, unpacked. */
  readonly puts: number;
  readonly putBytes: number;
  /** Failures in a row; 0 while it goes well. */
  readonly failures: number;
  /** What failed last; `undefined` since the last success. */
  readonly lastError: unknown;
  /**
   * What is damaged in the replica, where for that this replicator has begun a new generation instead of going on with the newest one:
   * REPLICA_CORRUPT or REPLICA_GAP, with `key` or `position`. Nothing is removed; up to there the one before can be restored by its name.
   * `undefined`: nothing.
   */
  readonly damage: HoldfastError | undefined;
  /** `failed`: it was given up, `lastError` says why. */
  readonly state: "running" | "failed" | "closed";
}
