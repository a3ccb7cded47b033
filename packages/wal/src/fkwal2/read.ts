import { Fkwal2Error } from "./error.js";
import { scanFkwal2 } from "./scan.js";
import type { Fkwal2Decode, Fkwal2Frame, Fkwal2Tail } from "./walk.js";

/** Options of {@link readFkwal2}. */
export interface Fkwal2ReadOptions<T> {
  readonly decode: Fkwal2Decode<T>;
  /** `strict` (default) refuses a damaged file. `lenient` answers every entry that can be found in it. */
  readonly mode?: "strict" | "lenient" | undefined;
  /** The file's name, for errors. */
  readonly key?: string | undefined;
}

/** What {@link readFkwal2} answers. */
export interface Fkwal2Reading<T> {
  /** In the order of the file. Lenient: with those behind damage. */
  readonly entries: readonly Fkwal2Frame<T>[];
  /** An interrupted write at the end of the file: it ends at `validBytes` for who goes on writing. */
  readonly torn: Fkwal2Torn | undefined;
  /** Lenient: what strict reading would have thrown. */
  readonly damage: Fkwal2Error | undefined;
}

/** A file that ends in an interrupted write. */
export interface Fkwal2Torn {
  /** Where its last whole entry ends. */
  readonly validBytes: number;
  readonly discardedBytes: number;
}

/**
 * The entries of a FKWALv2 file that is in memory.
 *
 * @param bytes - The whole file; an absent one is an empty one.
 * @throws in `strict` mode WAL_CORRUPT with `frame` and `offset`, and the decoder's error as `cause`; WAL_NOT_A_LOG.
 */
export function readFkwal2<T>(bytes: Uint8Array, options: Fkwal2ReadOptions<T>): Fkwal2Reading<T> {
  const { frames, salvaged, tail, validBytes } = scanFkwal2(bytes, options.decode);
  const damage = damageOf({ tail, salvaged: salvaged.length, operation: "readFkwal2", key: options.key });
  if (damage !== undefined && options.mode !== "lenient") throw damage;
  return { entries: [...frames, ...salvaged], torn: tornOf(tail, validBytes), damage };
}

/** What is reported of a torn tail. */
export function tornOf(tail: Fkwal2Tail, validBytes: number): Fkwal2Torn | undefined {
  return tail.kind === "torn" ? { validBytes, discardedBytes: tail.discardedBytes } : undefined;
}

/** What strict reading throws. */
export function damageOf(found: { readonly tail: Fkwal2Tail; readonly salvaged: number; readonly operation: string; readonly key: string | undefined }): Fkwal2Error | undefined {
  const { tail, salvaged, operation, key } = found;
  const file = key ?? "the log";
  const behind = salvaged === 0 ? "no entry was found behind it" : `${salvaged} entries were found behind it`;
  if (tail.kind === "foreign") {
    return new Fkwal2Error("WAL_NOT_A_LOG", `${file} does not begin with the header of FKWALv2; ${behind}`, { operation, key, offset: 0, frame: 0 });
  }
  if (tail.kind !== "damaged") return undefined;
  const { frame, offset, cause } = tail;
  const why = cause === undefined ? "is not whole" : `does not decode: ${cause.message}`;
  return new Fkwal2Error("WAL_CORRUPT", `frame ${frame} of ${file}, at offset ${offset}, ${why}; ${behind}`, { operation, key, offset, frame, cause });
}
