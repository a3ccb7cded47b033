import { seededRandom } from "@holdfast/storage-sim";
import { describe, expect, it } from "vitest";
import { decodeLz4, type Lz4Reading } from "../../src/lz4-decoder.js";
import { encodeLz4 } from "../../src/lz4-encoder.js";
import { isEqual, joined, pieces } from "../support/pieces.js";
import { vectorFile } from "../support/vectors.js";
import { lz4Judge, run } from "./programs.js";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Around our blocks (128 KiB), the smallest and the largest blocks of the format, and more than two of these. */
const SIZES = [0, 1, 12, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 128 * KIB - 1, 128 * KIB, 128 * KIB + 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB];

const contents = {
  "random bytes": (size: number) => seededRandom(size + 1).bytes(size),
  "bytes that repeat": (size: number) => new Uint8Array(size).map((_, at) => (at >> 5) * (at & 3)),
  "one and then the other": (size: number) => {
    const bytes = contents["bytes that repeat"](size);
    bytes.set(contents["random bytes"](size >> 1), size >> 2);
    return bytes;
  },
};

const cases = Object.entries(contents).flatMap(([kind, make]) => SIZES.map((size) => ({ kind, size, make })));

describe.skipIf(lz4Judge === undefined)("the LZ4 library of litestream", () => {
  it.each(cases)("unpacks what we pack: $size bytes, $kind", async ({ size, make }) => {
    const content = make(size);
    const packed = await joined(encodeLz4(pieces(content)));
    const { status, stdout, stderr } = run(lz4Judge!, ["decode"], packed);
    expect([status, stderr, isEqual(stdout, content)]).toEqual([0, "", true]);
  });

  it.each(cases)("packs what we unpack: $size bytes, $kind", async ({ size, make }) => {
    const content = make(size);
    const packed = encode(content);
    for (const reading of ["strict", "lenient", "standard"] as const) expect(await isUnpacked(packed, content, reading)).toBe(true);
    expect([...packed.subarray(0, 7)]).toEqual([0x04, 0x22, 0x4d, 0x18, 0x64, 0x70, 0xb9]);
    // The checksum of the content, and that of the head, are the library's own.
    const ours = await joined(encodeLz4(pieces(content)));
    expect([ours.subarray(0, 7), ours.subarray(-8)].map((it) => [...it])).toEqual([packed.subarray(0, 7), packed.subarray(-8)].map((it) => [...it]));
  });

  it.each([64, 256, 1024, 4096])("packs with blocks of %i KiB and a stated size, and we unpack it", async (blockKiB) => {
    const content = contents["one and then the other"](MIB + 77);
    const packed = encode(content, [String(blockKiB), "false", String(content.length)]);
    for (const reading of ["strict", "lenient", "standard"] as const) expect(await isUnpacked(packed, content, reading)).toBe(true);
  });

  it("has checksums of blocks that are its own: we do not read those, and it does not read the right ones", async () => {
    const content = contents["one and then the other"](300_000);
    const packed = encode(content, ["64", "true", "-1"]);
    await expect(isUnpacked(packed, content, "standard")).rejects.toThrow("invalid block checksum");
    expect(run(lz4Judge!, ["decode"], packed).status).toBe(0);
    const rightOnes = vectorFile("lz4/frames/cli-9-B5.lz4");
    expect((await joined(decodeLz4(pieces(rightOnes)))).length).toBeGreaterThan(0);
    expect(run(lz4Judge!, ["decode"], rightOnes).stderr).toContain("invalid block checksum");
  });
});

function encode(content: Uint8Array, options: readonly string[] = []): Uint8Array {
  const { status, stdout, stderr } = run(lz4Judge!, ["encode", ...options], content);
  expect([status, stderr]).toEqual([0, ""]);
  return new Uint8Array(stdout);
}

async function isUnpacked(packed: Uint8Array, content: Uint8Array, reading: Lz4Reading): Promise<boolean> {
  return isEqual(await joined(decodeLz4(pieces(packed, 1_000_003), { reading })), content);
}
