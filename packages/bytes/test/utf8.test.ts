import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BytesError, decodeUtf8, encodeUtf8 } from "../src/index.js";
import { expectBytesError } from "./expect-bytes-error.js";

describe("encodeUtf8", () => {
  it.each(["\ud800", "a\udfffb", "\udc00\ud800", "😀\ud83d"])("refuses a lone surrogate in %j", (text) => {
    expectBytesError(() => encodeUtf8(text), "BYTES_INVALID_UTF8");
  });

  it("writes pairs, NUL and a byte order mark as they are", () => {
    expect(encodeUtf8("\0\ufeff😀")).toEqual(Uint8Array.of(0, 0xef, 0xbb, 0xbf, 0xf0, 0x9f, 0x98, 0x80));
  });
});

describe("decodeUtf8", () => {
  it.each([
    ["a lone continuation byte", [0x80]],
    ["a cut sequence", [0xf0, 0x9f, 0x98]],
    ["an overlong NUL", [0xc0, 0x80]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a value beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
  ])("refuses %s", (_name, bytes) => {
    expectBytesError(() => decodeUtf8(Uint8Array.from(bytes)), "BYTES_INVALID_UTF8");
  });

  it("keeps a byte order mark", () => {
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf))).toBe("\ufeff");
  });

  it("is not disturbed by a failure before", () => {
    expectBytesError(() => decodeUtf8(Uint8Array.of(0x61, 0xf0, 0x9f)), "BYTES_INVALID_UTF8");
    expect(decodeUtf8(Uint8Array.of(0x61))).toBe("a");
  });
});

it("round trip of any well-formed text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(decodeUtf8(encodeUtf8(text))).toBe(text);
    }),
  );
});

it("any bytes are read exactly or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        expect(encodeUtf8(decodeUtf8(bytes))).toEqual(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(BytesError);
      }
    }),
  );
});
