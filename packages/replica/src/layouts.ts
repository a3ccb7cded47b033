/**
 * The names of a replica's objects, relative to `generations/<generation>/`:
 *
 *   litestream-v0.3   snapshots/<8 hex>.snapshot.lz4     wal/<8 hex>_<8 to 16 hex>.wal.lz4
 *   litestream-v0.4   snapshots/<16 hex>.snapshot.lz4    wal/<16 hex>/<16 hex>.wal.lz4
 *   native            snapshots/<20 digits>.snapshot.lz4 wal/<20 digits>/<20 digits>.wal.lz4
 *
 * Released litestream 0.3.x writes and restores the first, 0.5.12 and newer restore it; no release reads the second, which is
 * that of its 0.4 line. Native objects are LZ4 files too, with what they are and their length under a checksum beside it.
 */
import { decimal20, parseDecimal20 } from "@holdfast/bytes";
import { invalidArgument } from "./errors.js";
import { hex, MAX_POSITION_NUMBER } from "./numbers.js";

/** Which names and which objects a replica has. */
export type ReplicaLayoutName = "litestream-v0.3" | "litestream-v0.4" | "native";

/** The names of one layout. A name that `format…` makes, `parse…` takes; everything else is `undefined`. */
export interface ReplicaLayout {
  readonly name: ReplicaLayoutName;
  /** Relative to the generation. @throws REPLICA_INVALID_ARGUMENT for an index that the layout has no name for. */
  formatSnapshotName(index: bigint): string;
  parseSnapshotName(name: string): bigint | undefined;
  /** Relative to the generation. @throws REPLICA_INVALID_ARGUMENT for an index or offset that the layout has no name for. */
  formatWalSegmentName(index: bigint, offset: bigint): string;
  parseWalSegmentName(name: string): { readonly index: bigint; readonly offset: bigint } | undefined;
  /** A name behind all segments of this index and before those of the next. */
  formatBehindWal(index: bigint): string;
}

/** The directory of all snapshots of a generation, relative to it. */
export const SNAPSHOTS_DIRECTORY = "snapshots/";
/** The directory of all WAL of a generation, relative to it. */
export const WAL_DIRECTORY = "wal/";

/** The layout of this name. */
export function replicaLayout(name: ReplicaLayoutName): ReplicaLayout {
  switch (name) {
    case "litestream-v0.3":
      return litestreamV03;
    case "litestream-v0.4":
      return litestreamV04;
    case "native":
      return native;
  }
}

/** The layout of which `name`, relative to its generation, is an object; `undefined` if it is of none. No name is of two. */
export function layoutOf(name: string): ReplicaLayoutName | undefined {
  return [litestreamV03, litestreamV04, native].find((it) => it.parseSnapshotName(name) !== undefined || it.parseWalSegmentName(name) !== undefined)?.name;
}

/** The largest WAL index of litestream 0.3. */
const MAX_V03_INDEX = 0x7fff_ffffn;

/** The largest snapshot index whose name it reads. */
const MAX_V03_SNAPSHOT_INDEX = 0xffff_ffffn;

const litestreamV03: ReplicaLayout = {
  name: "litestream-v0.3",
  formatSnapshotName: (index) => `snapshots/${hex(within("index", index, MAX_V03_INDEX), 8)}.snapshot.lz4`,
  parseSnapshotName: (name) => parseNumber(/^snapshots\/([0-9a-f]{8})\.snapshot\.lz4$/.exec(name)?.[1], fromHex, MAX_V03_SNAPSHOT_INDEX),
  formatWalSegmentName: (index, offset) =>
    `wal/${hex(within("index", index, MAX_V03_INDEX), 8)}_${hex(within("offset", offset, MAX_POSITION_NUMBER), 8)}.wal.lz4`,
  parseWalSegmentName(name) {
    const match = /^wal\/([0-9a-f]{8})_([0-9a-f]{8,16})\.wal\.lz4$/.exec(name);
    return parsePair(match, fromHex, MAX_V03_INDEX);
  },
  // No digit is behind "z".
  formatBehindWal: (index) => `wal/${hex(within("index", index, MAX_V03_INDEX), 8)}_z.z`,
};

const litestreamV04: ReplicaLayout = {
  name: "litestream-v0.4",
  formatSnapshotName: (index) => `snapshots/${hex(within("index", index, MAX_POSITION_NUMBER), 16)}.snapshot.lz4`,
  parseSnapshotName: (name) => parseNumber(/^snapshots\/([0-9a-f]{16})\.snapshot\.lz4$/.exec(name)?.[1], fromHex, MAX_POSITION_NUMBER),
  formatWalSegmentName: (index, offset) =>
    `wal/${hex(within("index", index, MAX_POSITION_NUMBER), 16)}/${hex(within("offset", offset, MAX_POSITION_NUMBER), 16)}.wal.lz4`,
  parseWalSegmentName: (name) => parsePair(/^wal\/([0-9a-f]{16})\/([0-9a-f]{16})\.wal\.lz4$/.exec(name), fromHex, MAX_POSITION_NUMBER),
  formatBehindWal: (index) => `wal/${hex(within("index", index, MAX_POSITION_NUMBER), 16)}/z.z`,
};

const native: ReplicaLayout = {
  name: "native",
  formatSnapshotName: (index) => `snapshots/${decimal20(within("index", index, MAX_POSITION_NUMBER))}.snapshot.lz4`,
  parseSnapshotName: (name) => parseNumber(/^snapshots\/([0-9]{20})\.snapshot\.lz4$/.exec(name)?.[1], parseDecimal20, MAX_POSITION_NUMBER),
  formatWalSegmentName: (index, offset) =>
    `wal/${decimal20(within("index", index, MAX_POSITION_NUMBER))}/${decimal20(within("offset", offset, MAX_POSITION_NUMBER))}.wal.lz4`,
  parseWalSegmentName: (name) => parsePair(/^wal\/([0-9]{20})\/([0-9]{20})\.wal\.lz4$/.exec(name), parseDecimal20, MAX_POSITION_NUMBER),
  formatBehindWal: (index) => `wal/${decimal20(within("index", index, MAX_POSITION_NUMBER))}/z.z`,
};

type Parse = (digits: string) => bigint | undefined;

function fromHex(digits: string): bigint {
  return BigInt(`0x${digits}`);
}

function parseNumber(digits: string | undefined, parse: Parse, max: bigint): bigint | undefined {
  const value = digits === undefined ? undefined : parse(digits);
  return value !== undefined && value <= max ? value : undefined;
}

function parsePair(match: RegExpExecArray | null, parse: Parse, maxIndex: bigint): { readonly index: bigint; readonly offset: bigint } | undefined {
  const index = parseNumber(match?.[1], parse, maxIndex);
  const offset = parseNumber(match?.[2], parse, MAX_POSITION_NUMBER);
  return index === undefined || offset === undefined ? undefined : { index, offset };
}

function within(name: string, value: bigint, max: bigint): bigint {
  if (value >= 0n && value <= max) return value;
  throw invalidArgument("formatName", `${name} is ${value.toString()}; this layout has names from 0 to ${max.toString()}`);
}
