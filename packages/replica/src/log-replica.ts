import type { CallOptions } from "@holdfast/storage";
import { damageBehind } from "./damage-behind.js";
import { ReplicaError } from "./errors.js";
import { BASE_BYTES, decodeLogBase, type LogBase } from "./format/log-base.js";
import type { WalSegmentInfo } from "./infos.js";
import type { StreamBegin, StreamClaim } from "./format/log-stream.js";
import { formatPos } from "./pos.js";
import { ByteSource } from "./byte-source.js";
import type { ReplicaClient } from "./replica-client.js";
import { StreamReader } from "./stream-reader.js";
import { downloadSegments, type WalPiece, type WalSource } from "./wal-downloader.js";

/** The segments of one index, by ascending offset; at least one. */
export interface ListedIndex {
  readonly index: bigint;
  readonly segments: readonly WalSegmentInfo[];
}

/** How the stream of an index begins. */
export interface IndexOpening {
  readonly claim: StreamClaim;
  /** `undefined`: it was claimed, and nothing was written. */
  readonly begin: (StreamBegin & { readonly link: number }) | undefined;
}

/** Which part of the WAL is listed. */
export interface ListIndexesOptions extends CallOptions {
  /** Only indexes below this one. */
  readonly belowIndex?: bigint | undefined;
}

/** The WAL of a generation, by index. Holds all infos. */
export async function listIndexes(client: WalSource, generation: string, fromIndex: bigint, { belowIndex, signal }: ListIndexesOptions): Promise<readonly ListedIndex[]> {
  const indexes: { index: bigint; segments: WalSegmentInfo[] }[] = [];
  for await (const segment of client.walSegments(generation, { fromIndex, signal })) {
    if (belowIndex !== undefined && segment.index >= belowIndex) break;
    if (indexes.at(-1)?.index !== segment.index) indexes.push({ index: segment.index, segments: [] });
    indexes.at(-1)?.segments.push(segment);
  }
  return indexes;
}

/** Reads how an index begins. @throws REPLICA_GAP, REPLICA_CORRUPT, REPLICA_OBJECT_GONE. */
export async function readOpening(client: WalSource, generation: string, { index, segments }: ListedIndex, { signal }: CallOptions): Promise<IndexOpening> {
  const reader = new StreamReader(bytesOf(downloadSegments(client, segments, { generation, parallelism: 1, signal })), { generation, index });
  try {
    return { claim: await reader.claim(), begin: await reader.begin() };
  } finally {
    await reader.close();
  }
}

/** Reads a snapshot up to its content, which the source then gives. The source has to be closed. @throws REPLICA_CORRUPT, REPLICA_UNSUPPORTED_VERSION. */
export async function openBase(client: ReplicaClient, generation: string, index: bigint, { signal }: CallOptions): Promise<{ readonly base: LogBase; readonly content: ByteSource }> {
  const content = new ByteSource(await client.snapshotReader(generation, index, { signal }));
  try {
    const bytes = new Uint8Array(BASE_BYTES);
    const length = await content.fill(bytes);
    const base = decodeLogBase(bytes.subarray(0, length));
    const position = formatPos({ generation, index, offset: 0n });
    const what = `the snapshot at ${position}`;
    const corrupt = async (problem: string): Promise<ReplicaError> => (await damageBehind(content)) ?? new ReplicaError("REPLICA_CORRUPT", `${what} ${problem}`, { operation: "read", position });
    if (base === undefined) throw await corrupt("is damaged, or is none of a log");
    if ("unsupportedVersion" in base) {
      throw new ReplicaError("REPLICA_UNSUPPORTED_VERSION", `${what} has version ${base.unsupportedVersion} of the format; this is for version 1`, { operation: "read", position });
    }
    if (base.generation !== generation || base.index !== index) throw await corrupt("is another one, in the place of this one");
    // Where there is no content its end is looked at now, and with it the checksums.
    if (base.contentVersion === undefined && !(await content.isAtEnd())) throw await corrupt("has content where it says that there is none");
    return { base, content };
  } catch (error) {
    await content.close();
    throw error;
  }
}

/** The content of a base that has some; its end shows whether it is whole. Each opening throws as {@link openBase}. */
export function baseContent(client: ReplicaClient, { generation, index }: LogBase, options: CallOptions): { open(): AsyncIterable<Uint8Array> } {
  return {
    async *open() {
      const { content } = await openBase(client, generation, index, options);
      try {
        yield* content.rest();
      } finally {
        await content.close();
      }
    },
  };
}

/** The bytes alone. */
export async function* bytesOf(pieces: AsyncIterable<WalPiece>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { bytes } of pieces) yield bytes;
}
