import type { ByteWriter} from "@holdfast/bytes";
import { encodeUtf8 } from "@holdfast/bytes";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeEntry, encodeEntry } from "../src/format/entry.js";
import { isUnsound, layOutCheckpoint, readCheckpoint, sealCheckpoint } from "../src/format/envelope.js";
import { decodeHint, encodeHint } from "../src/format/hint.js";
import { decodeMetadata, encodeMetadata } from "../src/format/metadata.js";

/* The bytes that version 1 of the format is. They do not change; a reader of later versions reads them. */

const streamId = encodeUtf8("Bestellungen/\u00e9");
const metadata = encodeMetadata([[encodeUtf8("job"), encodeUtf8("sums")], [encodeUtf8("z"), encodeUtf8("")]]);
const id = (first: number): Uint8Array => Uint8Array.from({ length: 16 }, (_, index) => first + index);
const state = { bytes: 20, write: (writer: ByteWriter): void => { for (let byte = 0; byte < 20; byte += 1) writer.u8(byte); } };
const header = { objectId: id(0xa0), sequence: 0xfedc_ba98_7654_3210n, position: 7, term: 5, createdAtMs: 1_700_000_000_123 };
const head = { objectId: id(0xb0), ownerId: id(0xc0), position: 7, term: 5, createdAtMs: 1_700_000_000_123 };

const written: readonly (readonly [string, Uint8Array])[] = [
  ["checkpoint-v1.ckpt", sealCheckpoint(layOutCheckpoint(streamId, metadata, state), header)],
  ["claim-v1.entry", encodeEntry({ ...head, commit: undefined }, streamId)],
  ["commit-v1.entry", encodeEntry({ ...head, commit: { sequence: header.sequence, checkpointId: id(0xa0), size: 193 } }, streamId)],
  ["hint-v1.hint", encodeHint({ position: 7, latest: { sequence: header.sequence, position: 6 } }, streamId)],
];
const vector = (name: string): URL => new URL(`./vectors/native/${name}`, import.meta.url);
const recorded = (name: string): Uint8Array => new Uint8Array(readFileSync(vector(name)));

describe("version 1", () => {
  it.each(written)("writes %s as it was recorded", (name, bytes) => {
    if (process.env["HOLDFAST_RECORD"] === "checkpoint") writeFileSync(vector(name), bytes);
    expect(Buffer.compare(bytes, recorded(name))).toBe(0);
  });

  it("reads what was recorded, and has it where the page says", () => {
    const bytes = recorded("checkpoint-v1.ckpt");
    const view = new DataView(bytes.buffer);
    expect(Buffer.from(bytes.subarray(0, 8)).toString()).toBe("HFCHKPNT");
    expect([view.getUint16(8, true), view.getUint16(10, true), view.getUint32(12, true)]).toEqual([1, 0, 0]);
    expect(bytes.subarray(16, 32)).toEqual(header.objectId);
    expect([32, 40, 48, 56, 72].map((at) => view.getBigUint64(at, true))).toEqual([header.sequence, 7n, 5n, 1_700_000_000_123n, 20n]);
    expect([view.getUint32(64, true), view.getUint32(68, true)]).toEqual([streamId.length, metadata.length]);
    expect(bytes.subarray(128, 128 + streamId.length)).toEqual(streamId);
    expect(readCheckpoint(bytes)).toEqual({ ...header, streamId: "Bestellungen/\u00e9", metadata, state: Uint8Array.from({ length: 20 }, (_, index) => index) });
    expect(decodeMetadata(metadata, 2)).toEqual(new Map([["job", "sums"], ["z", ""]]));
    expect(decodeEntry(recorded("claim-v1.entry"), streamId)).toEqual({ ...head, commit: undefined });
    expect(decodeEntry(recorded("commit-v1.entry"), streamId)).toEqual({ ...head, commit: { sequence: header.sequence, checkpointId: id(0xa0), size: 193 } });
    expect(decodeHint(recorded("hint-v1.hint"), streamId)).toEqual({ position: 7, latest: { sequence: header.sequence, position: 6 } });
    expect(written.map(([, it]) => it.length)).toEqual([bytes.length, 80, 112, 48]);
  });

  it("notices every changed bit, every cut, and every byte too much", () => {
    for (const [name, sound] of written) {
      const reads = (bytes: Uint8Array): boolean => {
        if (name.endsWith(".ckpt")) return !isUnsound(readCheckpoint(bytes));
        return (name.endsWith(".entry") ? decodeEntry(bytes, streamId) : decodeHint(bytes, streamId)) !== undefined;
      };
      expect(reads(sound)).toBe(true);
      for (let bit = 0; bit < sound.length * 8; bit += 1) {
        const changed = sound.slice();
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect([name, bit, reads(changed)]).toEqual([name, bit, false]);
      }
      for (let length = 0; length < sound.length; length += 1) expect([name, length, reads(sound.subarray(0, length))]).toEqual([name, length, false]);
      expect(reads(Uint8Array.of(...sound, 0))).toBe(false);
    }
    expect(decodeEntry(recorded("claim-v1.entry"), encodeUtf8("another stream"))).toBeUndefined();
    expect(decodeHint(recorded("hint-v1.hint"), encodeUtf8("another stream"))).toBeUndefined();
  });

  it("reads metadata of which every byte makes sense", () => {
    for (const metadata_ of [Uint8Array.of(1), Uint8Array.of(0xff, 0xff, 0xff, 0xff), Uint8Array.of(0, 0, 0, 0, 0)]) expect(decodeMetadata(metadata_, 100)).toBeUndefined();
    expect(decodeMetadata(metadata, 1)).toBeUndefined();
    expect(decodeMetadata(encodeMetadata([[encodeUtf8("a"), encodeUtf8("1")], [encodeUtf8("a"), encodeUtf8("2")]]), 9)).toBeUndefined();
  });
});
