import { Fkwal2Error } from "./error.js";
import { scanFkwal2, type Fkwal2Decode, type Fkwal2Frame, type Fkwal2Scan } from "./scan.js";

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
  readonly torn: { readonly validBytes: number; readonly discardedBytes: number } | undefined;
  /** Lenient: what strict reading would have thrown. */
  readonly damage: Fkwal2Error | undefined;
}

/**
 * The entries of a FKWALv2 file.
 *
 * @param bytes - The whole file; an absent one is an empty one.
 * @throws in `strict` mode WAL_CORRUPT with `frame` and `offset`, and the decoder's error as `cause`; WAL_NOT_A_LOG.
 */
export function readFkwal2<T>(bytes: Uint8Array, options: Fkwal2ReadOptions<T>): Fkwal2Reading<T> {
  const scan = scanFkwal2(bytes, options.decode);
  const damage = damageOf(scan, options.key);
  if (damage !== undefined && options.mode !== "lenient") throw damage;
  const { tail, validBytes } = scan;
  return {
    entries: [...scan.frames, ...scan.salvaged],
    torn: tail.kind === "torn" ? { validBytes, discardedBytes: tail.discardedBytes } : undefined,
    damage,
  };
}

function damageOf({ tail, salvaged }: Fkwal2Scan<unknown>, key: string | undefined): Fkwal2Error | undefined {
  const operation = "readFkwal2";
  const file = key ?? "the log";
  const behind = salvaged.length === 0 ? "no entry was found behind it" : `${salvaged.length} entries were found behind it`;
  if (tail.kind === "foreign") {
    return new Fkwal2Error("WAL_NOT_A_LOG", `${file} does not begin with the header of FKWALv2; ${behind}`, { operation, key, offset: 0, frame: 0 });
  }
  if (tail.kind !== "damaged") return undefined;
  const { frame, offset, cause } = tail;
  const why = cause === undefined ? "is not whole" : `does not decode: ${cause.message}`;
  return new Fkwal2Error("WAL_CORRUPT", `frame ${frame} of ${file}, at offset ${offset}, ${why}; ${behind}`, { operation, key, offset, frame, cause });
}
