import { ByteWriter } from "@holdfast/bytes";
import { hasCode } from "@holdfast/storage";
import { describe, expect, it } from "vitest";
import { decodeCheckpointState } from "../src/index.js";

/* Counts and lengths that lie cost nothing: memory grows by at most 16 MiB over the input. */

const MIB = 2 ** 20;
const FILL = 20 * MIB;
const MAX_U32 = 2 ** 32 - 1;

/** Bytes after a head, made of what `write` puts in front of `fill`s up to 20 MiB. */
function payload(write: (writer: ByteWriter) => void, fill = 0): Uint8Array {
  const bytes = new Uint8Array(FILL).fill(fill);
  const writer = new ByteWriter({ into: bytes });
  for (let word = 0; word < 3; word += 1) writer.u64(2n ** 64n - 1n);
  write(writer);
  return bytes;
}

/** As many entries of different names as fit: 8 bytes of name and an empty state, or an offset, each. */
function manyNames(count: number): Uint8Array {
  return payload((writer) => {
    writer.u32(count);
    for (let name = 0; writer.length + 16 <= FILL; name += 1) {
      writer.u32(8);
      writer.utf8(String(name).padStart(8, "0"));
      writer.u32(0);
    }
  });
}

const payloads: readonly (readonly [string, () => Uint8Array, string])[] = [
  ["all operators have no name, and there are 2^32 - 1", () => payload((it) => { it.u32(MAX_U32); }), "CHECKPOINT_MALFORMED"],
  ["everything is 255", () => payload(() => undefined, 0xff), "CHECKPOINT_MALFORMED"],
  ["a name of 2^32 - 1 bytes", () => payload((it) => { it.u32(1); it.u32(MAX_U32); }), "CHECKPOINT_MALFORMED"],
  ["a state of 2^32 - 1 bytes", () => payload((it) => { it.u32(1); it.u32(0); it.u32(MAX_U32); }), "CHECKPOINT_MALFORMED"],
  ["2^32 - 1 sources", () => payload((it) => { it.u32(0); it.u32(MAX_U32); }), "CHECKPOINT_MALFORMED"],
  ["millions of different names", () => manyNames(MAX_U32), "CHECKPOINT_TOO_LARGE"],
  ["a name that goes wrong at its end", () => payload((it) => { it.u32(1); it.u32(FILL - 32); it.zeros(FILL - 33); it.u8(0xff); }), "CHECKPOINT_MALFORMED"],
];

describe.each([false, true])("hostile bytes, lenient: %s", (lenient) => {
  it.each(payloads)("%s", (_, make, code) => {
    const bytes = make();
    // Once for what the engine itself keeps: compiled code, tables.
    refuse(bytes.subarray(0, 4096), lenient);
    const before = process.memoryUsage().rss;
    const error = refuse(bytes, lenient);
    const growth = process.memoryUsage().rss - before;
    expect(growth / MIB).toBeLessThan(16);
    // With names that come again and again the original goes on to the end of the input.
    if (!(lenient && error === undefined)) expect(error).toBe(code);
  });
});

function refuse(bytes: Uint8Array, lenient: boolean): string | undefined {
  try {
    decodeCheckpointState(bytes, { streamId: "s", lenient });
    return undefined;
  } catch (error) {
    if (hasCode(error, "CHECKPOINT_MALFORMED") || hasCode(error, "CHECKPOINT_TOO_LARGE")) return error.code;
    throw error;
  }
}
