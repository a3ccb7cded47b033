import { spawnSync } from "node:child_process";
import { memoryBackend, storageKey, type StorageKey } from "@holdfast/storage";
import { crc32c } from "@holdfast/bytes";
import { describe, expect, it } from "vitest";
import { replicaClient } from "../src/replica-client.js";
import { isEqual, joined } from "./support/pieces.js";

const GENERATION = "00000000000000aa";
const content = Uint8Array.from({ length: 200 }, (_, at) => (at * at) >> 4);
const pos = { generation: GENERATION, index: 3n, offset: 77n };
const key = storageKey(`generations/${GENERATION}/wal/00000000000000000003/00000000000000000077.wal.lz4`);

async function stored(): Promise<Uint8Array> {
  const storage = memoryBackend();
  await replicaClient({ storage, prefix: "", layout: "native" }).writeWalSegment(pos, content);
  return (await storage.read(key))!;
}

/** What the client reads where these bytes are. */
async function read(bytes: Uint8Array, at: StorageKey = key): Promise<Uint8Array> {
  const storage = memoryBackend();
  await storage.create(at, bytes);
  return joined(await replicaClient({ storage, prefix: "", layout: "native" }).walSegmentReader({ ...pos, offset: BigInt(at.slice(-28, -8)) }));
}

describe("a native object", () => {
  it("shows every flipped bit, with key and offset", async () => {
    const bytes = await stored();
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const harmed = bytes.slice();
      harmed[bit >> 3]! ^= 1 << (bit & 7);
      await expect(read(harmed)).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key, offset: expect.any(Number) as number });
    }
  });

  it("shows every cut and what is put behind it", async () => {
    const bytes = await stored();
    for (let length = 0; length < bytes.length; length++) await expect(read(bytes.slice(0, length))).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key });
    await expect(read(Uint8Array.of(...bytes, 0))).rejects.toMatchObject({ code: "REPLICA_CORRUPT", offset: bytes.length });
  });

  it("is good in its own place only", async () => {
    const other = storageKey(key.replace("77.wal", "78.wal"));
    await expect(read(await stored(), other)).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key: other, message: expect.stringContaining("another object") as string });
  });

  it("is not taken for another one with whose head it was put together", async () => {
    const storage = memoryBackend();
    const client = replicaClient({ storage, prefix: "", layout: "native" });
    await client.writeWalSegment({ ...pos, offset: 78n }, content.map((byte) => byte ^ 1));
    const other = (await storage.read(storageKey(key.replace("77.wal", "78.wal"))))!;
    const spliced = new Uint8Array(Buffer.concat([(await stored()).subarray(0, 48), other.subarray(48)]));
    await expect(read(spliced)).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key });
  });

  it("is not believed a tail that says something else", async () => {
    const bytes = await stored();
    const tail = bytes.length - 24;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(tail + 8, content.length + 1, true);
    view.setUint32(tail + 20, crc32c(bytes.subarray(tail, tail + 20), crc32c(bytes.subarray(0, 44))), true);
    await expect(read(bytes)).rejects.toMatchObject({ code: "REPLICA_CORRUPT", message: expect.stringContaining("what its tail says") as string });
  });

  it("of a newer version is not taken for damage", async () => {
    const bytes = await stored();
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint16(16, 2, true);
    view.setUint32(44, crc32c(bytes.subarray(0, 44)), true);
    await expect(read(bytes)).rejects.toMatchObject({ code: "REPLICA_UNSUPPORTED_VERSION", key });
  });

  it.skipIf(spawnSync("lz4", ["--version"]).status !== 0)("is unpacked by the lz4 command", async () => {
    const { status, stdout } = spawnSync("lz4", ["-d", "-c"], { input: await stored() });
    expect(status).toBe(0);
    expect(isEqual(stdout, content)).toBe(true);
  });
});
