import { createHash } from "node:crypto";
import { joinKey, memoryBackend, storagePrefix } from "@holdfast/storage";
import { describe, expect, it } from "vitest";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { downloadWal, type DownloadWalOptions, type WalSource } from "../src/wal-downloader.js";
import { vectors } from "./support/vectors.js";

interface Case {
  readonly generation: string;
  readonly min: number;
  readonly max: number;
  readonly parallelism: number;
  readonly next: readonly { readonly index?: number; readonly sha256?: string; readonly size?: number; readonly eof?: boolean; readonly error?: string; readonly walNotFound?: boolean }[];
  readonly tree: readonly { readonly path: string; readonly type: string; readonly base64?: string }[] | null;
}

const { cases } = vectors("wal-downloader") as { readonly cases: readonly Case[] };
const GENERATION = "0123456789abcdef";

/** The indexes that came whole, and what ended the download. */
async function downloaded(client: ReplicaClient, options: DownloadWalOptions): Promise<{ readonly files: readonly { readonly index: number; readonly sha256: string; readonly size: number }[]; readonly error: unknown }> {
  const files: { readonly index: bigint; readonly pieces: Uint8Array[] }[] = [];
  let error: unknown;
  try {
    for await (const { index, bytes } of downloadWal(client, options)) {
      if (files.at(-1)?.index !== index) files.push({ index, pieces: [] });
      files.at(-1)!.pieces.push(bytes.slice());
    }
  } catch (reason) {
    error = reason;
    // Of what came last it is not known whether it is whole.
    files.pop();
  }
  const contents = files.map(({ index, pieces }) => ({ index: Number(index), content: Buffer.concat(pieces) }));
  return { files: contents.map(({ index, content }) => ({ index, sha256: createHash("sha256").update(content).digest("hex"), size: content.length })), error };
}

it.each(cases.map((it, number) => ({ ...it, number })))("gives and refuses what litestream does: $number", async ({ generation, min, max, parallelism, next, tree }) => {
  const storage = memoryBackend();
  for (const { path, base64 } of tree ?? []) {
    if (base64 !== undefined) await storage.create(joinKey(storagePrefix(""), path), Buffer.from(base64, "base64"));
  }
  const client = replicaClient({ storage, prefix: "", layout: "litestream-v0.4" });
  const expected = next.filter(({ index }) => index !== undefined);
  const failure = next.find((it) => it.error !== undefined);
  const { files, error } = await downloaded(client, { generation, minIndex: BigInt(min), maxIndex: BigInt(max), parallelism });
  // An index is known to be whole when the next one begins, so the last one before a failure may be missing here.
  if (failure === undefined) expect(files).toEqual(expected);
  else expect(expected.slice(0, files.length)).toEqual(files);
  if (failure === undefined) expect(error).toBeUndefined();
  else if (failure.walNotFound === true) expect(error).toMatchObject({ code: "REPLICA_GAP", message: failure.error });
  else if (failure.error!.startsWith("copy WAL segment")) expect(error).toMatchObject({ code: "REPLICA_CORRUPT" });
  else expect(error).toMatchObject({ code: "REPLICA_INVALID_ARGUMENT", message: failure.error });
});

describe.each([1, 8, 1024])("%i segments at once", (parallelism) => {
  async function large(count: number): Promise<ReplicaClient> {
    const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
    for (let index = 0; index < count; index++) {
      await client.writeWalSegment({ generation: GENERATION, index: BigInt(index), offset: 0n }, Buffer.from(`${index}`));
      await client.writeWalSegment({ generation: GENERATION, index: BigInt(index), offset: BigInt(`${index}`.length) }, Buffer.from("!"));
    }
    return client;
  }

  it("come in order, whatever order they arrive in", async () => {
    const client = await large(200);
    // Those that are asked for first arrive last.
    let turns = 400;
    const slow: WalSource = {
      walSegments: (generation, options) => client.walSegments(generation, options),
      walSegmentReader: async (pos, options) => {
        for (let left = (turns -= 1) % 37; left > 0; left--) await Promise.resolve();
        return client.walSegmentReader(pos, options);
      },
    };
    let text = "";
    for await (const { bytes } of downloadWal(slow, { generation: GENERATION, minIndex: 3n, maxIndex: 150n, parallelism })) text += Buffer.from(bytes).toString();
    expect(text).toBe(Array.from({ length: 148 }, (_, at) => `${at + 3}!`).join(""));
  });

  it("end at a gap, before it", async () => {
    const client = await large(20);
    await client.deleteWalSegments([{ generation: GENERATION, index: 12n, offset: 0n }]);
    const { files, error } = await downloaded(client, { generation: GENERATION, minIndex: 0n, maxIndex: 19n, parallelism });
    expect(files.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(error).toMatchObject({
      code: "REPLICA_GAP",
      message: "missing WAL offset: generation=0123456789abcdef index=000000000000000c offset=0000000000000000",
      position: "0123456789abcdef/000000000000000c:0000000000000000",
    });
  });

  it("end when the signal aborts, or the loop is left", async () => {
    const client = await large(20);
    const stop = new AbortController();
    const reading = async (): Promise<void> => {
      for await (const { index } of downloadWal(client, { generation: GENERATION, minIndex: 0n, maxIndex: 19n, parallelism, signal: stop.signal })) {
        if (index === 5n) stop.abort(new Error("enough"));
      }
    };
    await expect(reading()).rejects.toThrow("enough");
    for await (const { index } of downloadWal(client, { generation: GENERATION, minIndex: 0n, maxIndex: 19n, parallelism })) if (index === 5n) break;
  });
});

it("says of a segment that is removed meanwhile that it is gone", async () => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  for (const offset of [0n, 1n]) await client.writeWalSegment({ generation: GENERATION, index: 0n, offset }, Uint8Array.of(7));
  const pieces = downloadWal(client, { generation: GENERATION, minIndex: 0n, maxIndex: 0n, parallelism: 1 });
  await pieces.next();
  await client.deleteGeneration(GENERATION);
  await expect(pieces.next()).rejects.toMatchObject({ code: "REPLICA_OBJECT_GONE", position: `${GENERATION}/0000000000000000:0000000000000001` });
});

it.each([
  [{ minIndex: 1n, maxIndex: 0n }, "minimum index cannot be larger than maximum index"],
  [{ minIndex: -1n, maxIndex: 0n }, "cannot be negative"],
  [{ minIndex: 0n, maxIndex: 0n, parallelism: 0 }, "parallelism must be at least one"],
])("refuses %o", async (options, message) => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  const { error } = await downloaded(client, { generation: GENERATION, ...options });
  expect(error).toMatchObject({ code: "REPLICA_INVALID_ARGUMENT", message: expect.stringContaining(message) as string });
});
