import { describe, expect, it } from "vitest";
import { decodeKeyPart, encodeKeyPart, joinKey, joinPrefix, storageKey, storagePrefix } from "../src/index.js";
import { expectStorageError } from "./expect-storage-error.js";

/** Texts that want to be something else: a path outside, a device, another name, or a cost. */
const HOSTILE = [
  "", "/", ".", "..", "../", "../a.x", "..\\", "..\\a.x", "a/../b.x", "a/..", "./a.x", "a/./b.x", "/a.x", "//a.x", "a//b.x", "\\a.x",
  "c:a.x", "c:\\a.x", "%2e%2e", "%2e%2e/a.x", "~/a.x", "a.x/", "a.x/b.x", "a.b/c.x", ".a", ".lock", "a/.lock", "a.", "a..b", "a.x.",
  "A.x", "a.X", "K.x", "ı.x", "ſ.x", "é.x", "e\u0301.x", "😀.x", "😀".repeat(75), "\ud800.x", "a\udc00.x", "\0", "a\0.x", "a.x\0",
  "a.x\n", "\na.x", "a.x ", " a.x", "a b.x", "a.x:stream", "a*.x", "a?.x", "a.-", "a._", "a.x-y", "\u202ea.x", "\ufeffa.x",
  "a.x\r", "a\u2028.x", "a.x\u0085",
];

describe("storageKey", () => {
  it.each(["a.x", "0.0", "-.0", "_.x", "a/b.c", "orders/segment/00000000000000000001.wal", "a.b.c.d", "__proto__/x.json", "con/nul.x", "a-b_c/d.e"])(
    "takes %j as it is",
    (key) => {
      expect(storageKey(key)).toBe(key);
    },
  );

  it.each([...HOSTILE, "a", "a/b", "con", "nul"])("refuses %j", async (key) => {
    const error = await expectStorageError(() => storageKey(key), "STORAGE_INVALID_KEY");
    expect(error.operation).toBe("storageKey");
    expect(error.message).toMatch(/^storageKey "[\x20-\x7e]*": [\x20-\x7e]+$/);
  });

  it.each([undefined, null, 1, {}, ["a.x"], { toString: () => "a.x" }])("refuses %j, which is no text", async (value) => {
    await expectStorageError(() => storageKey(value as string), "STORAGE_INVALID_KEY");
    await expectStorageError(() => storagePrefix(value as string), "STORAGE_INVALID_KEY");
  });

  it("takes 900 bytes and not 901", async () => {
    const key = `${"d".repeat(200)}/`.repeat(4) + `${"f".repeat(94)}.x`;
    expect(key).toHaveLength(900);
    expect(storageKey(key)).toBe(key);
    await expectStorageError(() => storageKey(`f${key}`), "STORAGE_INVALID_KEY");
  });

  it("says little about a long text, and says why", async () => {
    const error = await expectStorageError(() => storageKey("a".repeat(1_000_000)), "STORAGE_INVALID_KEY");
    expect(error.message.length).toBeLessThan(200);
    expect(error.key?.length).toBeLessThan(200);
    expect(error.message).toContain("longer than 900 bytes");
  });

  it.each([
    ["a/b", "a name and an extension"],
    ["a.b/c.x", "must not have a dot"],
    ["a/B.x", '"B" is not allowed'],
    ["a/\u0007.x", '"\\u0007" is not allowed'],
    ["😀.x", '"\\ud83d\\ude00" is not allowed'],
    ["a//b.x", "a directory name is empty"],
    ["", "it is empty"],
  ])("says what is wrong with %j", async (key, reason) => {
    expect((await expectStorageError(() => storageKey(key), "STORAGE_INVALID_KEY")).message).toContain(reason);
  });
});

describe("storagePrefix", () => {
  it.each([
    ["", ""],
    ["a", "a/"],
    ["a/", "a/"],
    ["a/b", "a/b/"],
    ["a/b/", "a/b/"],
    ["tenants/a-1/_x", "tenants/a-1/_x/"],
  ])("%j is %j", (text, prefix) => {
    expect(storagePrefix(text)).toBe(prefix);
    expect(storagePrefix(prefix)).toBe(prefix);
  });

  it.each([...HOSTILE.filter((text) => text !== ""), "a.b", "a/b.c", "a.b/", "a//", "a/\n"])("refuses %j", async (text) => {
    await expectStorageError(() => storagePrefix(text), "STORAGE_INVALID_KEY");
  });

  it("takes 900 bytes with the last slash, and not 901", async () => {
    const parts = `${"a".repeat(224)}/`.repeat(4);
    expect(storagePrefix(parts)).toHaveLength(900);
    expect(storagePrefix(parts.slice(0, -1))).toHaveLength(900);
    await expectStorageError(() => storagePrefix(`a${parts}`), "STORAGE_INVALID_KEY");
    await expectStorageError(() => storagePrefix(`a${parts.slice(0, -1)}`), "STORAGE_INVALID_KEY");
  });

  it("takes 255 bytes between two slashes, and not 256", async () => {
    expect(storagePrefix(`a/${"b".repeat(255)}/c`)).toHaveLength(260);
    await expectStorageError(() => storagePrefix(`a/${"b".repeat(256)}/c`), "STORAGE_INVALID_KEY");
    expect(storageKey(`a/${"b".repeat(253)}.c`)).toHaveLength(257);
    const error = await expectStorageError(() => storageKey(`a/${"b".repeat(254)}.c`), "STORAGE_INVALID_KEY");
    expect(error.message).toContain("longer than 255 bytes");
  });
});

describe("joinKey and joinPrefix", () => {
  it("put names below a prefix", () => {
    expect(joinKey(storagePrefix("a/b"), "c.x")).toBe("a/b/c.x");
    expect(joinKey(storagePrefix(""), "c/d.x")).toBe("c/d.x");
    expect(joinPrefix(storagePrefix("a"), "b")).toBe("a/b/");
    expect(joinPrefix(storagePrefix("a"), "")).toBe("a/");
    expect(joinPrefix(storagePrefix(""), "")).toBe("");
  });

  it.each(["", "/c.x", "../c.x", "..", "c", "c/", "C.x"])("do not take %j as a leaf", async (leaf) => {
    await expectStorageError(() => joinKey(storagePrefix("a"), leaf), "STORAGE_INVALID_KEY");
  });

  it.each(["/", "/b", "../b", "b.x"])("do not take %j as a directory", async (directory) => {
    await expectStorageError(() => joinPrefix(storagePrefix("a"), directory), "STORAGE_INVALID_KEY");
  });
});

describe("encodeKeyPart", () => {
  it.each([
    ["orders-1", "orders-1"],
    ["a_b", "a_5fb"],
    ["A", "_41"],
    ["a.b", "a_2eb"],
    ["..", "_2e_2e"],
    ["../", "_2e_2e_2f"],
    ["%2e", "_252e"],
    ["\0", "_00"],
    ["é", "_c3_a9"],
    ["e\u0301", "e_cc_81"],
    ["😀", "_f0_9f_98_80"],
    ["con", "_63on"],
    ["nul", "_6eul"],
    ["prn", "_70rn"],
    ["aux", "_61ux"],
    ["com1", "_63om1"],
    ["lpt9", "_6cpt9"],
    ["CON", "_43_4f_4e"],
    ["com10", "com10"],
    ["cons", "cons"],
    ["lpt", "lpt"],
    ["con-", "con-"],
    ["con.txt", "con_2etxt"],
    ["-", "-"],
  ])("%j is written %j", (id, part) => {
    expect(encodeKeyPart(id)).toBe(part);
    expect(decodeKeyPart(part)).toBe(id);
  });

  it.each(["", "\ud800", "a\udc00b", "\udc00\ud800", "😀".repeat(75), "a".repeat(201), "A".repeat(67), "a".repeat(10_000_000)])(
    "refuses what is empty, ill-formed or too long",
    async (id) => {
      const error = await expectStorageError(() => encodeKeyPart(id), "STORAGE_INVALID_KEY");
      expect(error.message.length).toBeLessThan(1000);
    },
  );

  it.each([undefined, null, 1, {}, ["a"], { toString: () => "a" }])("refuses %j, which is no text", async (value) => {
    const error = await expectStorageError(() => encodeKeyPart(value as string), "STORAGE_INVALID_KEY");
    expect(error.message).toContain("must be a text");
  });

  it("takes what just fits", () => {
    for (const id of ["a".repeat(200), `${"A".repeat(66)}bb`]) {
      expect(encodeKeyPart(id)).toHaveLength(200);
      expect(decodeKeyPart(encodeKeyPart(id))).toBe(id);
    }
  });
});

describe("decodeKeyPart", () => {
  it.each([
    ["", "nothing"],
    ["a_", "a cut escape"],
    ["_4", "a cut escape"],
    ["_4G", "no hexadecimal digits"],
    ["_C3_A9", "upper case"],
    ["_61", "an escape that is not needed"],
    ["_61a", "an escape that is not needed"],
    ["con", "a device that is not escaped"],
    ["_61u_78", "an escape that is not needed, in a device"],
    ["_ff", "no UTF-8"],
    ["_ed_a0_80", "a surrogate"],
    ["_c0_80", "an overlong NUL"],
    ["a.x", "a dot"],
    ["a/b", "a slash"],
    ["A", "upper case"],
    ["a\n", "a line end"],
    ["a".repeat(201), "too long"],
  ])("%j is undefined: %s", (part) => {
    expect(decodeKeyPart(part)).toBeUndefined();
  });
});
