import { createRequire } from "node:module";

import { afterEach, describe, expect, it, vi } from "vitest";

import { crc32c, crc32cPure, useCrc32c, type Crc32c } from "../src/index.js";
import { expectBytesError } from "./expect-bytes-error.js";

afterEach(() => {
  useCrc32c(undefined);
});

const long = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);

describe("a right implementation", () => {
  it("is asked from 208 bytes on, with the bytes and what they continue, and never for less", () => {
    const asked = vi.fn(crc32cPure);
    useCrc32c(asked);
    asked.mockClear();
    for (let length = 0; length < 208; length++) expect(crc32c(long.subarray(0, length), 7)).toBe(crc32cPure(long.subarray(0, length), 7));
    expect(asked).not.toHaveBeenCalled();
    expect(crc32c(long.subarray(0, 208))).toBe(crc32cPure(long.subarray(0, 208)));
    expect(crc32c(long, 0xdeadbeef)).toBe(crc32cPure(long, 0xdeadbeef));
    expect(asked.mock.calls).toEqual([[long.subarray(0, 208), 0], [long, 0xdeadbeef]]);
    expect(asked.mock.calls[1]?.[0]).toBe(long);
  });

  it("is asked until another one is handed in, or none", () => {
    const [first, second] = [vi.fn(crc32cPure), vi.fn(crc32cPure)];
    useCrc32c(first);
    useCrc32c(second);
    first.mockClear();
    second.mockClear();
    crc32c(long);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
    useCrc32c(undefined);
    expect(crc32c(long)).toBe(crc32cPure(long));
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
  });

  it("spares the default from being loaded", () => {
    const load = vi.spyOn(process, "getBuiltinModule");
    useCrc32c(crc32cPure);
    crc32c(long);
    expect(load).not.toHaveBeenCalled();
    useCrc32c(undefined);
    crc32c(long);
    expect(load).toHaveBeenCalledTimes(1);
    load.mockRestore();
  });

  it("can be the native function itself, or the pure one", () => {
    const native = createRequire(import.meta.url)("@node-rs/crc32") as { readonly crc32c: Crc32c };
    for (const implementation of [native.crc32c, crc32cPure]) {
      useCrc32c(implementation);
      expect(crc32c(long)).toBe(crc32cPure(long));
    }
  });

  it("may fail later, which its caller sees as it is", () => {
    const failure = new Error("the device is gone");
    let isGone = false;
    useCrc32c((bytes, initial) => {
      if (isGone) throw failure;
      return crc32cPure(bytes, initial);
    });
    isGone = true;
    expect(() => crc32c(long)).toThrow(failure);
    expect(crc32c(long.subarray(0, 10))).toBe(crc32cPure(long.subarray(0, 10)));
  });
});

describe("refuses", () => {
  const failure = new Error("not today");
  /** Answers rightly but for what `when` names. */
  const wrongWhen = (when: (bytes: Uint8Array, initial: number) => boolean): Crc32c => (bytes, initial) => (crc32cPure(bytes, initial) ^ (when(bytes, initial) ? 1 : 0)) >>> 0;
  const notNumbers = (answer: (crc: number) => unknown): Crc32c => ((bytes: Uint8Array, initial: number) => answer(crc32cPure(bytes, initial))) as Crc32c;

  it.each<readonly [string, Crc32c, RegExp]>([
    ["another polynomial", crc32OfZip, /answered 3421780262 and not 3808858755 .* of 9 bytes .* continued from 0$/],
    ["a constant", () => 0xe3069283, /answered 3808858755 and not 0 .* of 0 bytes/],
    ["a signed result", (bytes, initial) => crc32cPure(bytes, initial) | 0, /answered -486108541 and not 3808858755/],
    ["a result that is signed only sometimes", (bytes, initial) => (bytes.length > 9 ? crc32cPure(bytes, initial) | 0 : crc32cPure(bytes, initial)), /answered -\d+ and not/],
    ["one that ignores what it continues", (bytes) => crc32cPure(bytes), /continued from [1-9]/],
    ["one that takes what it continues as not inverted", (bytes, initial) => crc32cPure(bytes, initial === 0 ? 0 : ~initial >>> 0), /continued from [1-9]/],
    ["one that ignores the upper half of what it continues", (bytes, initial) => crc32cPure(bytes, initial & 0xffff), /continued from [1-9]/],
    ["one that reads the whole buffer behind a view", (bytes, initial) => crc32cPure(new Uint8Array(bytes.buffer, 0, bytes.length), initial), /byte offset [1-9]/],
    ["one that rounds the place of a view to words", (bytes, initial) => crc32cPure(new Uint8Array(bytes.buffer, bytes.byteOffset & ~7, bytes.length), initial), /byte offset [1-9]/],
    ["one that leaves out a rest behind words", (bytes, initial) => crc32cPure(bytes.length > 9 ? bytes.subarray(0, bytes.length & ~7) : bytes, initial), /of \d+ bytes/],
    ["one that is wrong for nothing", wrongWhen((bytes) => bytes.length === 0), /of 0 bytes/],
    ["one that is wrong for one byte", wrongWhen((bytes) => bytes.length === 1), /of 1 bytes/],
    ["one that is wrong for seven bytes", wrongWhen((bytes) => bytes.length === 7), /of 7 bytes/],
    ["one that is wrong for eight bytes", wrongWhen((bytes) => bytes.length === 8), /of 8 bytes/],
    ["one that is wrong below a block", wrongWhen((bytes) => bytes.length === 255), /of 255 bytes/],
    ["one that is wrong for a block", wrongWhen((bytes) => bytes.length === 256), /of 256 bytes/],
    ["one that counts in 16 bits", wrongWhen((bytes) => bytes.length > 0xffff), /of 65537 bytes/],
    ["promises", notNumbers((crc) => Promise.resolve(crc)), /answered a value of type object/],
    ["bigints", notNumbers(BigInt), /answered a value of type bigint/],
    ["text", notNumbers((crc) => crc.toString(16)), /answered a value of type string/],
    ["nothing", notNumbers(() => undefined), /answered a value of type undefined/],
    ["no number", () => Number.NaN, /answered NaN/],
  ])("%s", (_name, implementation, message) => {
    const error = expectBytesError(() => {
      useCrc32c(implementation);
    }, "BYTES_INVALID_IMPLEMENTATION");
    expect(error.operation).toBe("useCrc32c");
    expect(error.message).toMatch(message);
    expect(crc32c(long)).toBe(crc32cPure(long));
  });

  it("one that throws, and says what it threw", () => {
    const throwing: Crc32c = () => {
      throw failure;
    };
    const throwingLate: Crc32c = (bytes, initial) => (bytes.length < 256 ? crc32cPure(bytes, initial) : throwing(bytes, initial));
    for (const implementation of [throwing, throwingLate]) {
      const error = expectBytesError(() => {
        useCrc32c(implementation);
      }, "BYTES_INVALID_IMPLEMENTATION");
      expect(error.cause).toBe(failure);
    }
  });

  it.each([null, 7, {}, "crc32c"])("what is no function: %j", (value) => {
    const error = expectBytesError(() => {
      useCrc32c(value as unknown as Crc32c);
    }, "BYTES_INVALID_IMPLEMENTATION");
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it("and keeps what was in use", () => {
    const inUse = vi.fn(crc32cPure);
    useCrc32c(inUse);
    inUse.mockClear();
    expectBytesError(() => {
      useCrc32c(() => 0);
    }, "BYTES_INVALID_IMPLEMENTATION");
    crc32c(long);
    expect(inUse).toHaveBeenCalledTimes(1);
  });
});

it("another copy of the package keeps its own", async () => {
  const asked = vi.fn(crc32cPure);
  vi.resetModules();
  const copy = await import("../src/index.js");
  copy.useCrc32c(asked);
  asked.mockClear();
  expect(crc32c(long)).toBe(crc32cPure(long));
  expect(asked).not.toHaveBeenCalled();
  expect(copy.crc32c(long)).toBe(crc32cPure(long));
  expect(asked).toHaveBeenCalledTimes(1);
});

/** The CRC-32 of zip and zlib, one bit at a time. */
function crc32OfZip(bytes: Uint8Array, initial: number): number {
  let crc = ~initial;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
