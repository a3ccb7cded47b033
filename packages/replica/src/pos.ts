import { invalidArgument, ReplicaError } from "./errors.js";
import { formatIndex, formatOffset, parseIndex, parseOffset } from "./numbers.js";

/** A place in the WAL of one generation. */
export interface Pos {
  /** Sixteen characters of `0-9 a-f`; `""` in {@link ZERO_POS}. */
  readonly generation: string;
  /** Counts the WAL's new beginnings in the generation, from 0. */
  readonly index: bigint;
  /** Bytes of uncompressed WAL of this index before the place. */
  readonly offset: bigint;
}

/** No place at all. */
export const ZERO_POS: Pos = { generation: "", index: 0n, offset: 0n };

/** Whether a position is {@link ZERO_POS}. */
export function isZeroPos({ generation, index, offset }: Pos): boolean {
  return generation === "" && index === 0n && offset === 0n;
}

/** The beginning of the position's index. */
export function truncatePos(pos: Pos): Pos {
  return { ...pos, offset: 0n };
}

/** `<generation>/<16 hex digits of index>:<16 hex digits of offset>`; `""` for {@link ZERO_POS}. @throws REPLICA_INVALID_ARGUMENT. */
export function formatPos(pos: Pos): string {
  return isZeroPos(pos) ? "" : `${pos.generation}/${formatIndex(pos.index)}:${formatOffset(pos.offset)}`;
}

/**
 * The inverse of {@link formatPos}, lenient as litestream is: any generation of letters, digits and `_`, and numbers as
 * {@link parseIndex} takes them.
 *
 * @throws REPLICA_INVALID_ARGUMENT.
 */
export function parsePos(text: string): Pos {
  const [, generation, index, offset] = /^(\w+)\/(\w+):(\w+)$/.exec(text) ?? [];
  if (generation === undefined || index === undefined || offset === undefined) {
    throw invalidArgument("parsePos", `invalid pos: ${JSON.stringify(text)}`);
  }
  return { generation, index: parseIndex(index), offset: parseOffset(offset) };
}

/**
 * Which of two positions of one generation comes first: −1, 0 or 1.
 *
 * @throws REPLICA_GENERATION_MISMATCH.
 */
export function comparePos(a: Pos, b: Pos): -1 | 0 | 1 {
  if (a.generation !== b.generation) {
    throw new ReplicaError("REPLICA_GENERATION_MISMATCH", "generation mismatch", { operation: "comparePos" });
  }
  return compareBigints(a.index, b.index) || compareBigints(a.offset, b.offset);
}

/** −1, 0 or 1. */
export function compareBigints(a: bigint, b: bigint): -1 | 0 | 1 {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
