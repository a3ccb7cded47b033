import { hasCode, type CallOptions } from "@holdfast/storage";
import { invalidArgument, ReplicaError } from "./errors.js";
import type { WalSegmentInfo } from "./infos.js";
import { formatIndex, formatOffset } from "./numbers.js";
import { comparePos, formatPos } from "./pos.js";
import { inOrder } from "./read-ahead.js";
import type { ReplicaClient } from "./replica-client.js";

/** The part of a client that is needed. */
export type WalSource = Pick<ReplicaClient, "walSegments" | "walSegmentReader">;

/** Which WAL to download. */
export interface DownloadWalOptions extends CallOptions {
  readonly generation: string;
  readonly minIndex: bigint;
  readonly maxIndex: bigint;
  /** Segments that are downloaded at once: from 1. Default 8. Each takes a block of up to 4 MiB, packed and unpacked. */
  readonly parallelism?: number | undefined;
}

/** A piece of WAL. */
export interface WalPiece {
  readonly index: bigint;
  /** Bytes of WAL of this index before the piece. */
  readonly offset: bigint;
  readonly bytes: Uint8Array;
  /** The segment that it stands in. */
  readonly segment: WalSegmentInfo;
}

/**
 * The WAL of some indexes, uncompressed, in order and without a gap. Every segment gives at least one piece, which may be empty. A
 * segment is whole and undamaged only when the piece behind it, or the end, has come. The indexes are listed, and missing ones told,
 * before anything is given.
 *
 * @throws REPLICA_GAP with the position that is missing. REPLICA_CORRUPT. REPLICA_OBJECT_GONE: a segment was removed meanwhile.
 * REPLICA_INVALID_ARGUMENT. What the storage says. `signal.reason`.
 */
export async function* downloadWal(client: WalSource, options: DownloadWalOptions): AsyncGenerator<WalPiece, void, undefined> {
  requireOptions(options);
  const last = await requireIndexes(client, options);
  let current: WalSegmentInfo | undefined;
  for await (const piece of downloadSegments(client, segmentsOf(client, options), options)) {
    current = piece.segment;
    yield piece;
  }
  // The list that was gone through now may lack what was there before.
  if (current === undefined || comparePos(current, last) < 0) throw objectGone(last);
}

/** As {@link downloadWal}, of these segments, in this order. */
export async function* downloadSegments(
  client: WalSource,
  segments: AsyncIterable<WalSegmentInfo> | Iterable<WalSegmentInfo>,
  { generation, parallelism = 8, signal }: Pick<DownloadWalOptions, "generation" | "parallelism" | "signal">,
): AsyncGenerator<WalPiece, void, undefined> {
  let [index, end] = [-1n, 0n];
  for await (const { segment, pieces, first } of inOrder(segments, parallelism, (it) => open(client, it, signal), close)) {
    if (segment.index !== index) [index, end] = [segment.index, 0n];
    if (segment.offset !== end) throw missingOffset(generation, index, end);
    try {
      yield { index, offset: end, bytes: first, segment };
      end += BigInt(first.length);
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
        yield { index, offset: end, bytes: next.value, segment };
        end += BigInt(next.value.length);
      }
    } finally {
      await pieces.return?.();
    }
    signal?.throwIfAborted();
  }
}

interface OpenSegment {
  readonly segment: WalSegmentInfo;
  readonly first: Uint8Array;
  readonly pieces: AsyncIterator<Uint8Array>;
}

/** Opens a segment and unpacks its first block. */
async function open(client: WalSource, segment: WalSegmentInfo, signal: AbortSignal | undefined): Promise<OpenSegment> {
  try {
    const pieces = (await client.walSegmentReader(segment, { signal }))[Symbol.asyncIterator]();
    const first = await pieces.next();
    return { segment, pieces, first: first.done === true ? new Uint8Array() : first.value };
  } catch (error) {
    throw hasCode(error, "REPLICA_NOT_FOUND") ? objectGone(segment, error) : error;
  }
}

async function close({ pieces }: OpenSegment): Promise<void> {
  await pieces.return?.();
}

async function* segmentsOf(client: WalSource, { generation, minIndex, maxIndex, signal }: DownloadWalOptions): AsyncGenerator<WalSegmentInfo, void, undefined> {
  for await (const segment of client.walSegments(generation, { fromIndex: minIndex, signal })) {
    if (segment.index > maxIndex) return;
    yield segment;
  }
}

/** Every index has to have a segment. The list is gone through, and not kept. @returns The last segment. */
async function requireIndexes(client: WalSource, options: DownloadWalOptions): Promise<WalSegmentInfo> {
  let next = options.minIndex;
  let last: WalSegmentInfo | undefined;
  for await (const segment of segmentsOf(client, options)) {
    if (segment.index > next) break;
    if (segment.index === next) next += 1n;
    last = segment;
  }
  if (last === undefined || next <= options.maxIndex) throw walNotFound(options.generation, next);
  return last;
}

function requireOptions({ minIndex, maxIndex, parallelism = 8 }: DownloadWalOptions): void {
  if (minIndex < 0n || maxIndex < 0n) throw invalidArgument("downloadWal", "minimum and maximum index cannot be negative");
  if (minIndex > maxIndex) throw invalidArgument("downloadWal", "minimum index cannot be larger than maximum index");
  if (!(Number.isSafeInteger(parallelism) && parallelism >= 1)) throw invalidArgument("downloadWal", "parallelism must be at least one");
}

function walNotFound(generation: string, index: bigint): ReplicaError {
  const message = `wal not found: generation=${generation} index=${formatIndex(index)}`;
  return new ReplicaError("REPLICA_GAP", message, { operation: "downloadWal", position: formatPos({ generation, index, offset: 0n }) });
}

function missingOffset(generation: string, index: bigint, offset: bigint): ReplicaError {
  const message = `missing WAL offset: generation=${generation} index=${formatIndex(index)} offset=${formatOffset(offset)}`;
  return new ReplicaError("REPLICA_GAP", message, { operation: "downloadWal", position: formatPos({ generation, index, offset }) });
}

function objectGone(segment: WalSegmentInfo, cause?: unknown): ReplicaError {
  const position = formatPos(segment);
  return new ReplicaError("REPLICA_OBJECT_GONE", `the WAL segment ${position} was removed while it was to be read`, { operation: "downloadWal", position, cause });
}
