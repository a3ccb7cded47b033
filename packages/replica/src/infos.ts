import { compareBigints, type Pos } from "./pos.js";

/** A snapshot as a listing shows it. */
export interface SnapshotInfo {
  readonly generation: string;
  /** The snapshot is the state at the beginning of the WAL of this index. */
  readonly index: bigint;
  /** Bytes as stored: compressed. */
  readonly size: number;
  /** When it was written, Unix milliseconds by the storage's clock. */
  readonly createdAtMs: number;
}

/** A piece of the WAL as a listing shows it. */
export interface WalSegmentInfo extends Pos {
  /** Bytes as stored: compressed. How many it holds follows from the offset of the next one. */
  readonly size: number;
  /** When it was written, Unix milliseconds by the storage's clock. */
  readonly createdAtMs: number;
}

/** For sorting: by generation, then index. */
export function compareSnapshots(a: SnapshotInfo, b: SnapshotInfo): number {
  return compareTexts(a.generation, b.generation) || compareBigints(a.index, b.index);
}

/** For sorting: by generation, then index, then offset. */
export function compareWalSegments(a: WalSegmentInfo, b: WalSegmentInfo): number {
  return compareTexts(a.generation, b.generation) || compareBigints(a.index, b.index) || compareBigints(a.offset, b.offset);
}

function compareTexts(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
