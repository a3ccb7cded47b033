import { crc32c } from "@holdfast/bytes";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SnapshotEncoder } from "../src/format/encoder.js";
import type { SnapshotHeader } from "../src/format/header.js";
import { SnapshotScanner, type SnapshotPart } from "../src/format/scanner.js";

const header: SnapshotHeader = {
  objectId: new Uint8Array(16).fill(9),
  seq: 5,
  number: 2,
  logId: "ab".repeat(16),
  createdAtMs: 1,
  version: 1,
};

/** Everything that a scanner makes of bytes that come in pieces. */
function scan(bytes: Uint8Array, pieceBytes = 64): { readonly parts: readonly SnapshotPart[]; readonly content: Uint8Array; readonly last: SnapshotPart } {
  const scanner = new SnapshotScanner();
  const parts: SnapshotPart[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    scanner.feed(bytes.subarray(at, at + pieceBytes));
    for (let part = scanner.next(); part.kind === "header" || part.kind === "block"; part = scanner.next()) parts.push(part);
  }
  const content = Buffer.concat(parts.flatMap((part) => (part.kind === "block" ? [part.payload] : [])));
  return { parts, content, last: scanner.finish() };
}

function encoded(content: Uint8Array, its = header): Uint8Array {
  const encoder = new SnapshotEncoder(its);
  return Buffer.concat([encoder.start(), ...encoder.add(content), ...encoder.end()]);
}

const small = Uint8Array.from({ length: 70 }, (_, index) => index * 3);

describe("a snapshot that was harmed", () => {
  it("is found so for every bit of it, and what is given out before is right", () => {
    const bytes = encoded(small);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const harmed = Uint8Array.from(bytes);
      harmed[bit >> 3]! ^= 1 << (bit & 7);
      const { last, content } = scan(harmed);
      expect({ bit, kind: last.kind }).toEqual({ bit, kind: "damaged" });
      expect(content.length === 0 || Buffer.compare(content, small) === 0).toBe(true);
    }
  });

  it("gives out no block with a wrong bit, although another part of it is right", () => {
    const content = new Uint8Array(262_144 * 2 + 10).fill(1);
    const bytes = encoded(content);
    const harmed = Uint8Array.from(bytes);
    harmed[128 + 4 + 262_144 + 4 + 50_000]! ^= 1;
    const result = scan(harmed, 65_536);
    expect(result.content.length).toBe(262_144);
    expect(result.last).toMatchObject({ kind: "damaged", offset: 128 + 4 + 262_144 + 4 });
  });

  it("is found so wherever it is cut, and whatever stands behind it", () => {
    const bytes = encoded(small);
    for (let length = 0; length < bytes.length; length++) expect({ length, kind: scan(bytes.subarray(0, length)).last.kind }).toEqual({ length, kind: "damaged" });
    for (const tail of [[0], [1], [...bytes]]) expect(scan(Uint8Array.from([...bytes, ...tail])).last).toMatchObject({ kind: "damaged", offset: bytes.length });
    expect(scan(bytes).last.kind).toBe("end");
  });

  it("is found so if it has parts of another one, or its own in another order", () => {
    const one = encoded(new Uint8Array(262_144 * 2).fill(1));
    const other = encoded(new Uint8Array(262_144 * 2).fill(1), { ...header, objectId: new Uint8Array(16).fill(8) });
    expect(scan(Buffer.concat([one.subarray(0, 128 + 262_152), other.subarray(128 + 262_152)])).last.kind).toBe("damaged");
    const swapped = Buffer.concat([one.subarray(0, 128), one.subarray(128 + 262_152, 128 + 2 * 262_152), one.subarray(128, 128 + 262_152), one.subarray(128 + 2 * 262_152)]);
    expect(scan(swapped).last).toMatchObject({ kind: "damaged", offset: 128 });
    expect(scan(Buffer.concat([one.subarray(0, 128 + 262_152), one.subarray(128 + 2 * 262_152)])).last.kind).toBe("damaged");
  });

  it("costs no more memory than a block, whatever length it states", () => {
    const bytes = Uint8Array.from(encoded(small));
    for (const length of [1024 * 1024 + 1, 0x7fff_ffff, 0xffff_ffff]) {
      new DataView(bytes.buffer).setUint32(128, length, true);
      expect(scan(bytes).last).toMatchObject({ kind: "damaged", offset: 128, reason: `a block of ${length} bytes; it may have 1048576` });
    }
  });

  it("is told from one of a newer version, and from one that contradicts itself under right checksums", () => {
    const patched = (change: (view: DataView) => void): SnapshotPart => {
      const bytes = Uint8Array.from(encoded(small));
      const view = new DataView(bytes.buffer);
      change(view);
      view.setUint32(124, crc32c(bytes.subarray(0, 124)), true);
      return scan(bytes).last;
    };
    expect(patched((view) => { view.setUint16(8, 2, true); })).toMatchObject({ kind: "unsupported", offset: 0 });
    expect(patched((view) => { view.setUint16(10, 1, true); })).toMatchObject({ kind: "unsupported", offset: 0 });
    expect(patched((view) => { view.setBigUint64(32, 2n ** 53n, true); })).toMatchObject({ kind: "damaged", offset: 0 });
    expect(patched((view) => { view.setBigUint64(40, 0n, true); })).toMatchObject({ kind: "damaged", offset: 0 });
    expect(patched((view) => { view.setUint8(100, 1); })).toMatchObject({ kind: "damaged", offset: 0 });
    expect(patched((view) => { view.setUint32(12, 1, true); })).toMatchObject({ kind: "damaged", offset: 0 });
  });

  it("is anything: no bytes make the scanner throw, or give what was not written", () => {
    const original = encoded(small);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(400), fc.nat(400), fc.integer({ min: 1, max: 100 }), (noise, at, cut, piece) => {
        const bytes = Uint8Array.from([...original.subarray(0, at), ...noise, ...original.subarray(cut)]);
        const { last, content } = scan(bytes, piece);
        if (last.kind === "end") expect(Buffer.compare(content, small)).toBe(0);
        else expect(last.kind).toBe("damaged");
      }),
      { numRuns: 2000 },
    );
  });
});

it("comes back whole from pieces of any size, cut in any other way", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 2000 }), (pieces, factor, pieceBytes) => {
      const parts = pieces.map((piece) => Uint8Array.from({ length: piece.length * factor }, (_, index) => piece[index % piece.length] ?? 0));
      const encoder = new SnapshotEncoder(header);
      const bytes = [encoder.start(), ...parts.flatMap((part) => [...encoder.add(part)]), ...encoder.end()];
      const { last, content } = scan(Buffer.concat(bytes), pieceBytes);
      expect(last.kind).toBe("end");
      expect(Buffer.compare(content, Buffer.concat(parts))).toBe(0);
    }),
    { numRuns: 50 },
  );
});
