/** What can be said about one block of a file: how it reads now, and what power loss makes of it. */
export const Block = {
  /** Never written, or lost: zeros, in the view and on disk. */
  zero: 0,
  /** Written and readable, not synced. Power loss leaves zeros, all of it, or (in one configuration) garbage. */
  cached: 1,
  /** Readable, not on disk, and clean after a failed sync: a later sync does nothing. Evicted or lost with the power: zeros. */
  phantom: 2,
  /** Readable and on disk. */
  durable: 3,
  /** Was durable, is now unreadable nonsense. */
  damaged: 4,
  /** What power loss may leave of a cached block in place of its bytes. */
  garbage: 5,
} as const;

/** Whether the block reads as it was written. */
export function isReadable(block: number): boolean {
  return block >= Block.cached && block <= Block.durable;
}

/** One block of the log: where it lies in the bytes of a state, and which it is. */
export interface BlockPlace {
  readonly offset: number;
  /** Number of its segment. */
  readonly segment: number;
  /** Index of its frame; undefined for the blocks before the frames. */
  readonly frame: number | undefined;
  readonly part: "segment header" | "begin" | "header" | "body";
}

/** What the space behind a segment's header holds before a frame is written there. */
export const Fill = {
  none: 0,
  /** Zeros are being written ahead of use. Power loss leaves zeros or garbage. */
  inFlight: 1,
  garbage: 2,
} as const;
