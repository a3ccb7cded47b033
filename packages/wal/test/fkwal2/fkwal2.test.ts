import { hasCode } from "@holdfast/storage";
import { describe, expect, it } from "vitest";
import { encodeFkwal2Entry, encodeFkwal2Header, Fkwal2Error, FKWAL2_HEADER_BYTES, readFkwal2, scanFkwal2, type Fkwal2Decode } from "../../src/fkwal2/index.js";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const entry = (n: number): Uint8Array => ascii(`{"Snapshot":${n}}`);
const join = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);
const file = (...parts: readonly Uint8Array[]): Uint8Array => join(encodeFkwal2Header(), ...parts);

const number: Fkwal2Decode<number> = (payload) => {
  const found = /^\{"Snapshot":(\d+)\}$/.exec(new TextDecoder().decode(payload))?.[1];
  return found === undefined ? { error: new Error("no number") } : { value: Number(found) };
};

describe("encoding", () => {
  it("puts the length before the payload, little endian, and the header once", () => {
    expect(Buffer.from(encodeFkwal2Header()).toString("latin1")).toBe("FKWALv2\n");
    expect(FKWAL2_HEADER_BYTES).toBe(8);
    expect(Buffer.from(encodeFkwal2Entry(entry(7))).toString("latin1")).toBe('\x0e\0\0\0\0\0\0\0{"Snapshot":7}');
    const long = join(entry(1), new Uint8Array(70_000));
    expect([...encodeFkwal2Entry(long).subarray(0, 8)]).toEqual([0x7e, 0x11, 1, 0, 0, 0, 0, 0]);
  });

  it("gives a header of its own each time", () => {
    encodeFkwal2Header()[0] = 0;
    expect(encodeFkwal2Header()[0]).toBe(0x46);
  });

  it.each(["", "{}", '{"Snapshot"', ' {"Snapshot":1}', '{"Delta":1}'])("refuses %j, which salvage would not find", (payload) => {
    expect(thrown(() => encodeFkwal2Entry(ascii(payload)))).toMatchObject({ code: "WAL_INVALID_ARGUMENT", outcome: "not_applied" });
  });
});

describe("strict reading", () => {
  it("answers entries, and an interrupted write as what it is", () => {
    const bytes = file(encodeFkwal2Entry(entry(1)), encodeFkwal2Entry(entry(2)), Uint8Array.of(14, 0, 0));
    expect(readFkwal2(bytes, { decode: number })).toEqual({
      entries: [
        { offset: 8, payload: bytes.subarray(16, 30), value: 1 },
        { offset: 30, payload: bytes.subarray(38, 52), value: 2 },
      ],
      torn: { validBytes: 52, discardedBytes: 3 },
      damage: undefined,
    });
  });

  it("refuses damage with file, frame, offset and cause", () => {
    const bytes = file(encodeFkwal2Entry(entry(1)), Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d), encodeFkwal2Entry(entry(3)));
    const error = thrown(() => readFkwal2(bytes, { decode: number, key: "a/wal.log" }));
    expect(error).toBeInstanceOf(Fkwal2Error);
    expect(hasCode(error, "WAL_CORRUPT")).toBe(true);
    expect(error).toMatchObject({ operation: "readFkwal2", key: "a/wal.log", frame: 1, offset: 30, cause: { message: "no number" } });
    expect(String(error)).toContain("frame 1 of a/wal.log, at offset 30, does not decode: no number; 1 entries were found behind it");
  });

  it("refuses another file", () => {
    const error = thrown(() => readFkwal2(ascii("FKWALv3\n"), { decode: number, mode: "strict" }));
    expect(error).toMatchObject({ code: "WAL_NOT_A_LOG", frame: 0, offset: 0 });
  });
});

describe("lenient reading", () => {
  it("answers what stands before and behind damage, and the damage", () => {
    const bytes = file(encodeFkwal2Entry(entry(1)), ascii("rubbish!"), encodeFkwal2Entry(entry(2)), ascii("?"), encodeFkwal2Entry(entry(3)));
    const { entries, torn, damage } = readFkwal2(bytes, { decode: number, mode: "lenient" });
    expect(entries.map(({ value }) => value)).toEqual([1, 2, 3]);
    expect(torn).toBeUndefined();
    expect(damage).toMatchObject({ code: "WAL_CORRUPT", frame: 1, offset: 30 });
  });

  it("finds entries in a file of another header", () => {
    const { entries, damage } = readFkwal2(join(ascii("FKWALv3\n"), encodeFkwal2Entry(entry(1))), { decode: number, mode: "lenient" });
    expect(entries.map(({ value }) => value)).toEqual([1]);
    expect(damage?.code).toBe("WAL_NOT_A_LOG");
  });
});

describe("a header that is not whole", () => {
  const magic = encodeFkwal2Header();
  const lengths = [1, 2, 3, 4, 5, 6, 7];

  it.each(lengths)("of %i bytes and nothing else is torn", (length) => {
    expect(scanFkwal2(magic.subarray(0, length), number)).toEqual({ frames: [], validBytes: 0, tail: { kind: "torn", discardedBytes: length }, salvaged: [] });
  });

  it.each(lengths)("of %i bytes with an entry directly behind is damage", (length) => {
    const scan = scanFkwal2(join(magic.subarray(0, length), encodeFkwal2Entry(entry(5))), number);
    expect(scan).toMatchObject({ frames: [], validBytes: 0, tail: { kind: "damaged", frame: 0, offset: 0 }, salvaged: [{ offset: length, value: 5 }] });
  });

  it.each(lengths)("of %i bytes with anything else behind is foreign", (length) => {
    expect(scanFkwal2(join(magic.subarray(0, length), ascii("??")), number).tail.kind).toBe("foreign");
    expect(scanFkwal2(join(magic.subarray(0, length), ascii("?"), encodeFkwal2Entry(entry(5))), number)).toMatchObject({ tail: { kind: "foreign" }, salvaged: [{ value: 5 }] });
  });

  it("is foreign if it does not even begin so", () => {
    expect(scanFkwal2(ascii("x"), number).tail.kind).toBe("foreign");
    expect(scanFkwal2(new Uint8Array(3), number).tail.kind).toBe("foreign");
    expect(scanFkwal2(entry(5), number)).toEqual({ frames: [], validBytes: 0, tail: { kind: "foreign" }, salvaged: [] });
    expect(scanFkwal2(encodeFkwal2Entry(entry(5)), number)).toMatchObject({ tail: { kind: "foreign" }, salvaged: [{ offset: 0 }] });
  });
});

describe("lengths", () => {
  it.each([2n ** 64n - 1n, 2n ** 63n, 2n ** 53n + 1n, 2n ** 40n, 2n ** 32n, 15n])("of %i for 14 bytes are not believed", (length) => {
    const head = new Uint8Array(8);
    new DataView(head.buffer).setBigUint64(0, length, true);
    expect(scanFkwal2(file(head, entry(1)), number).tail).toEqual({ kind: "torn", discardedBytes: 22 });
  });

  it("are read beyond 32 bits: one that is right but for a bit above is not taken for right", () => {
    const frame = encodeFkwal2Entry(entry(1));
    frame[4] = 1;
    expect(scanFkwal2(file(frame), number).frames).toEqual([]);
  });

  it("of zero are unwritten blocks, if nothing but zeros follows", () => {
    expect(scanFkwal2(file(new Uint8Array(4096)), number).tail).toEqual({ kind: "torn", discardedBytes: 4096 });
    expect(scanFkwal2(file(new Uint8Array(20), ascii("x")), number).tail).toMatchObject({ kind: "damaged", frame: 0, offset: 8 });
    expect(scanFkwal2(file(new Uint8Array(1)), number).tail).toEqual({ kind: "torn", discardedBytes: 1 });
  });
});

it("decodes each byte behind damage at most twice, however many entries seem to begin there", () => {
  const candidates = 500;
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, 16, true);
  const hostile = file(ascii("damage!!"), ...Array.from({ length: candidates }, () => join(head, ascii('{"Snapshot":'))));
  let calls = 0;
  const scan = scanFkwal2(hostile, (payload) => ((calls += 1), number(payload)));
  expect(scan.tail.kind).toBe("torn");
  expect(calls).toBeLessThanOrEqual(candidates + 1);
});

function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
