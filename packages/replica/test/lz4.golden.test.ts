import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { decodeLz4, type Lz4Reading } from "../src/lz4-decoder.js";
import { encodeLz4 } from "../src/lz4-encoder.js";
import { isEqual, joined, pieces } from "./support/pieces.js";
import { vectorFile, vectors } from "./support/vectors.js";

interface Frame {
  readonly name: string;
  /** What litestream's reader says. */
  readonly originalError: string | null;
  readonly rawSize?: number;
  readonly rawSha256?: string;
  readonly lz4CliOk: boolean;
  readonly lz4CliRawSha256?: string;
}

const { frames } = vectors("lz4") as { readonly frames: readonly Frame[] };

const STRICT = ["go-empty", "go-text", "go-random", "go-mixed", "go-one-byte", "go-two-blocks", "cli-B4-linked", "cli-content-size", "cli-9-B5"];

describe.each(frames)("the recorded frame $name", (frame) => {
  const file = vectorFile(`lz4/frames/${frame.name}.lz4`);

  async function sha256(reading: Lz4Reading, length: number): Promise<string> {
    return createHash("sha256").update(await joined(decodeLz4(pieces(file, length), { reading }))).digest("hex");
  }

  it("is read strictly if it is one whole frame with a checksum of its content", async () => {
    if (STRICT.includes(frame.name)) expect(await sha256("strict", 1000)).toBe(frame.lz4CliRawSha256);
    else await expect(sha256("strict", 1000)).rejects.toMatchObject({ code: "REPLICA_CORRUPT" });
  });

  it("is read leniently if litestream reads it", async () => {
    // That litestream refuses checksums of blocks is a mistake of its reader.
    if (frame.name === "cli-9-B5") expect(await sha256("lenient", 77)).toBe(frame.lz4CliRawSha256);
    else if (frame.originalError === null) expect(await sha256("lenient", 77)).toBe(frame.rawSha256);
    else await expect(sha256("lenient", 77)).rejects.toMatchObject({ code: "REPLICA_CORRUPT" });
  });

  it("is read by the standard as the lz4 command does, but for the legacy format and nothing at all", async () => {
    if (frame.lz4CliOk && !["cli-legacy", "empty-file"].includes(frame.name)) expect(await sha256("standard", 100_000)).toBe(frame.lz4CliRawSha256);
    else await expect(sha256("standard", 100_000)).rejects.toMatchObject({ code: "REPLICA_CORRUPT" });
  });
});

it.each(frames.filter(({ name }) => name.startsWith("go-")))("writes $name with the head and the checksum of litestream", async ({ name }) => {
  const file = vectorFile(`lz4/frames/${name}.lz4`);
  const content = await joined(decodeLz4(pieces(file)));
  const written = await joined(encodeLz4(pieces(content, 999)));
  expect([written.slice(0, 7), written.slice(-8)]).toEqual([new Uint8Array(file.slice(0, 7)), new Uint8Array(file.slice(-8))]);
  expect(isEqual(await joined(decodeLz4(pieces(written, 333))), content)).toBe(true);
});

it("reads what the LZ4 library of litestream makes of nothing when it reads for itself: one block of no bytes", async () => {
  const file = Uint8Array.from(Buffer.from("04224d186470b9" + "00000080" + "00000000" + "055dcc02", "hex"));
  for (const reading of ["strict", "lenient", "standard"] as const) expect((await joined(decodeLz4(pieces(file), { reading }))).length).toBe(0);
});
