import { walkFkwal2, type Fkwal2Decode, type Fkwal2Frame, type Walk, type Walked, type WalkOptions } from "./walk.js";

/** What a file holds. */
export interface Fkwal2Scan<T> extends Pick<Walked, "validBytes" | "tail"> {
  /** The entries in order, up to the first bytes that are none. */
  readonly frames: readonly Fkwal2Frame<T>[];
  /** Entries found behind damage, or behind a foreign header, in order. */
  readonly salvaged: readonly Fkwal2Frame<T>[];
}

/**
 * Reads a FKWALv2 file: the header, then frames of a length and a payload. Total: whatever the bytes, it answers, and allocates
 * nothing because of a length in them. The format is that of ferrokinesis 0.7.0, `src/persistence.rs`; what is torn and what is
 * damaged is decided as FKWAL2.md says.
 *
 * @param bytes - The whole file; an absent one is an empty one.
 */
export function scanFkwal2<T>(bytes: Uint8Array, decode: Fkwal2Decode<T>): Fkwal2Scan<T> {
  const frames: Fkwal2Frame<T>[] = [];
  const salvaged: Fkwal2Frame<T>[] = [];
  const visit: WalkOptions<T>["visit"] = (frame, isSalvaged) => {
    (isSalvaged ? salvaged : frames).push(frame);
  };
  const { validBytes, tail } = inMemory(bytes, walkFkwal2({ fileBytes: bytes.length, decode, maxEntryBytes: Infinity, visit }));
  return { frames, validBytes, tail, salvaged };
}

function inMemory<R>(bytes: Uint8Array, walk: Walk<R>): R {
  for (let step = walk.next(); ; ) {
    if (step.done === true) return step.value;
    const { offset, atMost } = step.value;
    step = walk.next(bytes.subarray(offset, offset + atMost));
  }
}
