import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeLz4 } from "../src/lz4-decoder.js";
import { encodeLz4 } from "../src/lz4-encoder.js";
import { isEqual, joined, pieces } from "./support/pieces.js";

const hasLz4Command = spawnSync("lz4", ["--version"]).status === 0;

/** Content that can be packed well, badly, or not at all, of up to some blocks. */
const content = fc
  .array(fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }), times: fc.nat({ max: 400 }) }), { maxLength: 12 })
  .map((parts) => new Uint8Array(Buffer.concat(parts.flatMap(({ bytes, times }) => Array.from({ length: times }, () => Buffer.from(bytes))))));

describe("LZ4 frames", () => {
  it("come back, whatever the pieces", async () => {
    const comesBack = async (bytes: Uint8Array, inLength: number, outLength: number): Promise<void> => {
      const file = await joined(encodeLz4(pieces(bytes, inLength)));
      expect(isEqual(await joined(decodeLz4(pieces(file, outLength))), bytes)).toBe(true);
    };
    await fc.assert(fc.asyncProperty(content, fc.integer({ min: 1, max: 70_000 }), fc.integer({ min: 1, max: 70_000 }), comesBack), { numRuns: 50 });
  });

  it("come back at the edges of a block", async () => {
    for (const length of [0, 1, 65_535, 65_536, (128 << 10) - 1, 128 << 10, (128 << 10) + 1, 9 << 20]) {
      const bytes = noise(length);
      const file = await joined(encodeLz4(pieces(bytes, 1_000_003)));
      expect(isEqual(await joined(decodeLz4(pieces(file, 777_777))), bytes)).toBe(true);
    }
  });

  it("show every flipped bit, every cut and every addition", async () => {
    const file = await joined(encodeLz4(pieces(Uint8Array.from({ length: 300 }, (_, at) => (at % 60) * (at % 7)))));
    for (let bit = 0; bit < file.length * 8; bit++) {
      const harmed = file.slice();
      harmed[bit >> 3]! ^= 1 << (bit & 7);
      await expect(joined(decodeLz4(pieces(harmed)))).rejects.toMatchObject({ code: "REPLICA_CORRUPT" });
    }
    for (let length = 0; length < file.length; length++) {
      await expect(joined(decodeLz4(pieces(file.slice(0, length))))).rejects.toMatchObject({ code: "REPLICA_CORRUPT", offset: expect.any(Number) as number });
    }
    await expect(joined(decodeLz4(pieces(Buffer.concat([file, file]))))).rejects.toMatchObject({ code: "REPLICA_CORRUPT", offset: file.length });
  });

  it("are refused in reasonable time and memory whatever they hold", async () => {
    const head = [0x04, 0x22, 0x4d, 0x18];
    const hostile = fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.of(...head, ...bytes));
    for (const reading of ["strict", "standard", "lenient"] as const) {
      await fc.assert(
        fc.asyncProperty(hostile, async (file) => {
          await joined(decodeLz4(pieces(file, 50), { reading, maxBytes: 1 << 24 })).catch((error: unknown) => {
            expect(error).toMatchObject({ code: expect.stringMatching(/^REPLICA_(?:CORRUPT|TOO_LARGE)$/) as string });
          });
        }),
        { numRuns: 100 },
      );
    }
  });

  it("may have a block of nothing, as litestream writes one behind content that ends with a block", async () => {
    const nothing = [0, 0, 0, 0x80];
    const written = await joined(encodeLz4(pieces(noise(1000))));
    const empty = await joined(encodeLz4(pieces(new Uint8Array())));
    for (const reading of ["strict", "standard", "lenient"] as const) {
      for (const [file, length] of [[written, 1000], [empty, 0]] as const) {
        const withNothing = Uint8Array.of(...file.subarray(0, 7), ...nothing, ...file.subarray(7, -8), ...nothing, ...nothing, ...file.subarray(-8));
        const read: Uint8Array[] = [];
        for await (const piece of decodeLz4(pieces(withNothing, 5), { reading })) read.push(piece.slice());
        expect(isEqual(Buffer.concat(read), noise(length))).toBe(true);
        expect(read.every((piece) => piece.length > 0)).toBe(true);
      }
    }
  });

  it("end where the caller's bound is", async () => {
    const file = await joined(encodeLz4(pieces(new Uint8Array(20 << 20), 1 << 20)));
    expect(file.length).toBeLessThan(100_000);
    let got = 0;
    const reading = async (): Promise<void> => {
      for await (const piece of decodeLz4(pieces(file), { maxBytes: 10 << 20 })) got += piece.length;
    };
    await expect(reading()).rejects.toMatchObject({ code: "REPLICA_TOO_LARGE" });
    expect(got).toBeLessThanOrEqual(10 << 20);
    expect((await joined(decodeLz4(pieces(file), { maxBytes: 20 << 20 }))).length).toBe(20 << 20);
  });

  it("let go of the file when the caller leaves", async () => {
    let isOpen = true;
    const file = await joined(encodeLz4(pieces(noise(10_000))));
    const source = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield* pieces(file, 100);
        yield* pieces(file, 100);
      } finally {
        isOpen = false;
      }
    };
    for await (const piece of decodeLz4(source(), { reading: "standard" })) {
      expect(piece.length).toBe(10_000);
      break;
    }
    expect(isOpen).toBe(false);
  });
});

describe.skipIf(!hasLz4Command)("the lz4 command", () => {
  function lz4(args: readonly string[], input: Uint8Array): Uint8Array {
    const { status, stdout } = spawnSync("lz4", args, { input, maxBuffer: 1 << 26 });
    expect(status).toBe(0);
    return new Uint8Array(stdout);
  }

  it("unpacks what is written here", async () => {
    for (const bytes of [new Uint8Array(), noise(1), noise(100_000), new Uint8Array(5 << 20), noise((8 << 20) + 5)]) {
      expect(isEqual(lz4(["-d", "-c"], await joined(encodeLz4(pieces(bytes)))), bytes)).toBe(true);
    }
  });

  it.each([["-1"], ["-9"], ["-B4"], ["-B5", "-BD"], ["-B6", "-BX"], ["-BD", "-BX", "-9"], ["--content-size"], ["-B4", "-BD", "-12"]])("writes what is unpacked here: %s %s %s", async (...args) => {
    const bytes = new Uint8Array(Buffer.concat([noise(100_000), new Uint8Array(300_000), Buffer.from("words and words again ".repeat(20_000)), noise(5)]));
    const file = lz4(["-c", ...args.filter((it) => typeof it === "string")], bytes);
    expect(isEqual(await joined(decodeLz4(pieces(file, 10_000))), bytes)).toBe(true);
  });
});

/** Bytes that repeat now and then. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, (_, at) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return at % 5000 < 2500 ? state >>> 24 : 7;
  });
}
