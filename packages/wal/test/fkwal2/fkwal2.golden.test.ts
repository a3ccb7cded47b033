import { describe, expect, it } from "vitest";
import { encodeFkwal2Entry, encodeFkwal2Header, readFkwal2, scanFkwal2, type Fkwal2Decode, type Fkwal2Tail } from "../../src/fkwal2/index.js";
import { sha256, vector, vectors } from "./vectors.js";

/** Every payload is an entry, even an empty one. */
const anything: Fkwal2Decode<undefined> = () => ({ value: undefined });

/** The time in an entry, if it is JSON. What stands in the other fields is nothing to this package. */
const time: Fkwal2Decode<number> = (payload) => {
  try {
    const { Snapshot } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload)) as { Snapshot: { created_at_ms: number } };
    return { value: Snapshot.created_at_ms };
  } catch (cause) {
    return { error: new Error("no entry", { cause }) };
  }
};

describe("an independent walk over the frames finds the same", () => {
  // The walk takes a tail of zeros for frames without payloads, which it is not; what it is, is tested below.
  const walked = vectors.flatMap(({ name, wal, framing }) => (framing === undefined || name === "zero-filled-tail" ? [] : [{ name, wal, framing }]));

  it("in most cases", () => {
    expect(walked.length).toBeGreaterThan(40);
  });

  it.each(walked)("$name", ({ wal, framing }) => {
    const { frames, validBytes } = scanFkwal2(wal, anything);
    const all = frames.map(({ offset, payload }) => ({ frame_offset: offset, payload_offset: offset + 8, payload_len: payload.length, payload_sha256: sha256(payload) }));
    const shown = all.length <= 6 ? all : [...all.slice(0, 3), ...all.slice(-3)];
    expect({ shown, count: all.length, validBytes, tail: wal.length - validBytes }).toEqual({
      shown: framing.complete_frames,
      count: framing.complete_frame_count,
      validBytes: framing.valid_bytes,
      tail: framing.tail_bytes,
    });
  });
});

describe("a file that the original wrote is written again to the byte", () => {
  const whole = vectors.filter(({ wal, byOriginal, framing }) => byOriginal && framing !== undefined && wal.length > 0);

  it.each(whole)("$name", ({ wal }) => {
    const { frames, tail } = scanFkwal2(wal, time);
    expect(tail).toEqual({ kind: "clean" });
    expect(Buffer.concat([encodeFkwal2Header(), ...frames.map(({ payload }) => encodeFkwal2Entry(payload))])).toEqual(Buffer.from(wal));
  });
});

const T = 1_712_900_000_000;
const clean = { kind: "clean" } as const;
const foreign = { kind: "foreign" } as const;
const torn = (discardedBytes: number): Fkwal2Tail => ({ kind: "torn", discardedBytes });
const damaged = (frame: number, offset: number): object => expect.objectContaining({ kind: "damaged", frame, offset }) as object;

describe("what a correct reader makes of a tail", () => {
  it.each<readonly [name: string, times: readonly number[], tail: object, salvaged: readonly number[]]>([
    ["wal-three-entries", [T + 1, T + 2, T + 3], clean, []],
    ["wal-empty-file", [], clean, []],
    ["wal-header-only", [], clean, []],
    ["empty-dir", [], clean, []],
    ["truncated-in-magic", [], torn(3), []],
    ["bad-magic-legacy-7-bytes", [], torn(7), []],
    ["truncated-in-first-len", [], torn(5), []],
    ["truncated-in-first-body", [], torn(28), []],
    ["truncated-last-minus-1", [T + 1, T + 2], torn(683), []],
    ["frame-len-8gib", [T], torn(10), []],
    ["frame-len-2-40", [T], torn(10), []],
    ["frame-len-u64-max", [T], torn(10), []],
    ["frame-len-one-too-big", [T], torn(40), []],
    ["zero-filled-tail", [T + 1, T + 2, T + 3], torn(64), []],
    ["frame-whitespace", [T, 4], clean, []],
    ["double-header", [T], damaged(1, 226), [T]],
    ["frame-malformed-3-bytes", [T], damaged(1, 226), []],
    ["frame-malformed-mid-file", [T], damaged(1, 226), [T + 5]],
    ["frame-unknown-variant", [T], damaged(1, 226), []],
    ["frame-invalid-utf8", [T], damaged(1, 226), []],
    ["frame-zero-length", [T], damaged(1, 226), [T + 5]],
    ["frame-trailing-garbage", [T], damaged(1, 226), []],
    ["torn-then-append-body-long", [T + 1, T + 2], damaged(2, 1376), [T + 100, T + 200]],
    ["torn-then-append-body-short", [T + 1, T + 2], damaged(2, 1376), [T + 100, T + 200]],
    ["torn-then-append-len-field", [T + 1, T + 2], damaged(2, 1376), [T + 100, T + 200]],
    ["torn-then-append-magic", [], damaged(0, 0), [T + 100, T + 200]],
    ["bad-magic-crlf", [], foreign, [T]],
    ["bad-magic-v1", [], foreign, [T]],
    ["bad-magic-zeros", [], foreign, []],
  ])("%s", (name, times, tail, salvaged) => {
    const scan = scanFkwal2(vector(name).wal, time);
    expect(scan.frames.map(({ value }) => value)).toEqual(times);
    expect(scan.tail).toEqual(tail);
    expect(scan.salvaged.map(({ value }) => value)).toEqual(salvaged);
  });

  it("truncate-every-byte: at every length", () => {
    const { wal } = vector("truncate-every-byte");
    for (let length = 0; length <= wal.length; length++) {
      const ends = [0, 8, 214, 420].filter((end) => end <= length);
      const { entries, torn, damage } = readFkwal2(wal.subarray(0, length), { decode: time });
      const validBytes = ends.at(-1) ?? 0;
      expect({ length, entries: entries.map(({ value }) => value), torn, damage }).toEqual({
        length,
        entries: [1, 2].slice(0, Math.max(0, ends.length - 2)),
        torn: validBytes === length ? undefined : { validBytes, discardedBytes: length - validBytes },
        damage: undefined,
      });
    }
  });
});
