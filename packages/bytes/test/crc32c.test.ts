import { afterEach, describe, expect, it, vi } from "vitest";
import { crc32c, crc32cPure } from "../src/index.js";

const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);

/** RFC 3720 section B.4, and the check value of CRC-32C. */
const known: readonly (readonly [string, Uint8Array, number])[] = [
  ["nothing", new Uint8Array(0), 0],
  ["123456789", new TextEncoder().encode("123456789"), 0xe3069283],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["ascending", ascending, 0x46dd794e],
  ["descending", ascending.toReversed(), 0x113fdb5c],
  [
    "iSCSI read command",
    Uint8Array.from(
      Buffer.from("01c00000000000000000000000000000140000000000040000000014000000182800000000000000" + "0200000000000000", "hex"),
    ),
    0xd9963a56,
  ],
];

describe("known answers", () => {
  it.each(known)("%s", (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
    expect(crc32cPure(bytes)).toBe(expected);
  });

  it("of a mebibyte of zeros, which goes through the native function", () => {
    const zeros = new Uint8Array(1 << 20);
    expect(crc32c(zeros)).toBe(crc32cPure(zeros));
    expect(crc32c(zeros)).toBe(0x14298c12);
  });

  it("nothing leaves the initial value as it is", () => {
    expect(crc32c(new Uint8Array(0), 0xdeadbeef)).toBe(0xdeadbeef);
    expect(crc32cPure(new Uint8Array(0), 0xdeadbeef)).toBe(0xdeadbeef);
  });
});

describe("loading the native function", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.resetModules();
  });

  const long = new Uint8Array(4096).fill(7);

  it("takes it where it is there", async () => {
    const load = vi.spyOn(process, "getBuiltinModule");
    vi.resetModules();
    const fresh = await import("../src/crc32c.js");
    expect(load).not.toHaveBeenCalled();
    expect(fresh.crc32c(long)).toBe(crc32cPure(long));
    expect(fresh.crc32c(long)).toBe(crc32cPure(long));
    expect(load).toHaveBeenCalledTimes(1);
  });

  it.each<readonly [string, () => never]>([
    [
      "cannot be loaded",
      () => {
        throw new Error("no such module");
      },
    ],
    ["is something else", () => ({ createRequire: () => () => ({ crc32: () => 0 }) }) as never],
    ["answers wrongly", () => ({ createRequire: () => () => ({ crc32c: () => 0 }) }) as never],
  ])("goes without it where it %s", async (_name, getBuiltinModule) => {
    vi.spyOn(process, "getBuiltinModule").mockImplementation(getBuiltinModule);
    vi.resetModules();
    const fresh = await import("../src/crc32c.js");
    expect(fresh.crc32c(long)).toBe(crc32cPure(long));
  });
});
