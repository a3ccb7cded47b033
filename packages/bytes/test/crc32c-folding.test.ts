import { crc32c as nativeCrc32c } from "@node-rs/crc32";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { foldingCrc32c, FOLDING_MIN_BYTES } from "../src/crc32c-folding.js";
import { FOLD_STEP_BYTES, foldModule } from "../src/fold-module.js";
import { crc32c, crc32cPure } from "../src/index.js";

/** The farthest that a byte is added behind itself, and how much is folded between two moves of memory. */
const SPAN_BYTES = 5275;
const BLOCK_BYTES = 32 * 1024;
const MAX_BYTES = 4 * BLOCK_BYTES;

const source = new Uint8Array(MAX_BYTES + 64);
let state = 1;
for (let at = 0; at < source.length; at++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  source[at] = state >>> 24;
}

const folding = foldingCrc32c(crc32cPure);
if (folding === undefined) throw new Error("This Node has no WebAssembly with vectors.");

/** The state of the CRC after one more zero byte, eight times x. */
function timesX8(crc: number): number {
  let next = crc;
  for (let bit = 0; bit < 8; bit++) next = (next >>> 1) ^ (next & 1 ? 0x82f63b78 : 0);
  return next >>> 0;
}

it("rests on a multiple of the polynomial: 1 + x^2751 + x^4508 + x^5275, in bytes", () => {
  const powers = [0x8000_0000]; // 1, with the bits in the order of the CRC
  for (let exponent = 1; exponent <= SPAN_BYTES; exponent++) powers.push(timesX8(powers.at(-1)!));
  expect((powers[5275]! ^ powers[4508]! ^ powers[2751]! ^ powers[0]!) >>> 0).toBe(0);
  expect((powers[5275]! ^ powers[4508]! ^ powers[2750]! ^ powers[0]!) >>> 0).not.toBe(0);
});

it("is the CRC of the pure function at every length around its steps, blocks and span", () => {
  const around = (length: number): number[] => Array.from({ length: 131 }, (_, index) => length - 65 + index);
  const lengths = [0, 1, SPAN_BYTES, 2 * SPAN_BYTES, BLOCK_BYTES, BLOCK_BYTES + SPAN_BYTES, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + SPAN_BYTES, 3 * BLOCK_BYTES + SPAN_BYTES];
  for (const length of lengths.flatMap(around).filter((it) => it >= 0)) {
    const bytes = source.subarray(7, 7 + length);
    expect(folding(bytes, 0xdeadbeef), `${length} bytes`).toBe(nativeCrc32c(bytes, 0xdeadbeef));
  }
  expect(nativeCrc32c(source, 0)).toBe(crc32cPure(source));
});

it("is the CRC of the pure function for any bytes, place, initial value and split", () => {
  const shape = fc.record({
    length: fc.nat(MAX_BYTES),
    start: fc.nat(63),
    initial: fc.integer({ min: 0, max: 0xffff_ffff }),
    split: fc.double({ min: 0, max: 1, noNaN: true }),
    changes: fc.array(fc.tuple(fc.nat(MAX_BYTES - 1), fc.nat(255)), { maxLength: 20 }),
    fill: fc.option(fc.nat(255)),
  });
  fc.assert(
    fc.property(shape, ({ length, start, initial, split, changes, fill }) => {
      const bytes = source.slice(start, start + length);
      if (fill !== null) bytes.fill(fill);
      for (const [at, value] of changes) if (at < length) bytes[at] = value;
      const before = bytes.slice();
      const expected = crc32cPure(bytes, initial);
      expect(folding(bytes, initial)).toBe(expected);
      const middle = Math.floor(split * length);
      expect(folding(bytes.subarray(middle), folding(bytes.subarray(0, middle), initial))).toBe(expected);
      expect(crc32c(bytes, initial)).toBe(expected);
      expect(Buffer.compare(bytes, before)).toBe(0);
    }),
    { numRuns: 200, examples: [[{ length: FOLDING_MIN_BYTES, start: 0, initial: 0, split: 0.5, changes: [], fill: 0 }]] },
  );
});

it("sees one bit that is flipped anywhere", () => {
  const bytes = source.slice(0, 40_000);
  const crc = folding(bytes, 0);
  for (let at = 0; at < bytes.length; at += 7) {
    bytes[at]! ^= 1 << (at % 8);
    expect(folding(bytes, 0), `byte ${at}`).not.toBe(crc);
    bytes[at]! ^= 1 << (at % 8);
  }
  expect(folding(bytes, 0)).toBe(crc);
});

it("takes shared memory, and views of Node's buffers", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(50_000));
  shared.set(source.subarray(0, shared.length));
  expect(folding(shared, 5)).toBe(crc32cPure(shared, 5));
  expect(folding(Buffer.from(shared), 5)).toBe(crc32cPure(shared, 5));
});

describe("the module", () => {
  it("is valid, and adds four bytes to each one", () => {
    const code = foldModule([100, 200]);
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { fold } = new WebAssembly.Instance(new WebAssembly.Module(code), { m: { m: memory } }).exports;
    const bytes = new Uint8Array(memory.buffer);
    bytes.set(source.subarray(0, 4096));
    const before = bytes.slice();
    fold!(0, 1003, 2048, 2 * FOLD_STEP_BYTES);
    for (let at = 0; at < 2 * FOLD_STEP_BYTES; at++) {
      expect(bytes[2048 + at]).toBe(before[at]! ^ before[1003 + at]! ^ before[1103 + at]! ^ before[1203 + at]!);
    }
    expect(Buffer.compare(bytes.subarray(0, 2048), before.subarray(0, 2048))).toBe(0);
    expect(Buffer.compare(bytes.subarray(2048 + 2 * FOLD_STEP_BYTES), before.subarray(2048 + 2 * FOLD_STEP_BYTES))).toBe(0);
  });
});

describe("where it cannot be had", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  const long = source.subarray(0, 100_000);

  it.each<readonly [string, () => void]>([
    ["there is no WebAssembly", () => vi.stubGlobal("WebAssembly", undefined)],
    ["it has no vectors", () => vi.spyOn(WebAssembly, "Module").mockImplementation(function () {
      throw new Error("invalid module");
    })],
    ["there is no room", () => vi.spyOn(WebAssembly, "Memory").mockImplementation(function () {
      throw new RangeError("could not allocate memory");
    })],
  ])("another function does it: %s", async (_name, take) => {
    take();
    expect(foldingCrc32c(crc32cPure)).toBeUndefined();
    vi.resetModules();
    const fresh = await import("../src/crc32c.js");
    expect(fresh.crc32c(long)).toBe(crc32cPure(long));
  });

  it("another function does it: its answer is wrong", async () => {
    const { Instance } = WebAssembly;
    let folded = 0;
    vi.spyOn(WebAssembly, "Instance").mockImplementation(function (...parameters: ConstructorParameters<typeof Instance>) {
      const { fold } = new Instance(...parameters).exports;
      return {
        exports: {
          fold: (input: number, before: number, output: number, end: number) => {
            folded++;
            fold!(input, before + 1, output, end);
          },
        },
      };
    });
    vi.resetModules();
    const fresh = await import("../src/crc32c.js");
    expect(fresh.crc32c(long)).toBe(crc32cPure(long));
    const foldedOnce = folded;
    expect(foldedOnce).toBeGreaterThan(0);
    expect(fresh.crc32c(long, 1)).toBe(crc32cPure(long, 1));
    expect(folded).toBe(foldedOnce);
  });
});
