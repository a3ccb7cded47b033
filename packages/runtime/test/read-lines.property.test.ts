import fc from "fast-check";
import { crc32c } from "@holdfast/bytes";
import { memoryBackend, storageKey, type StorageBackend } from "@holdfast/storage";
import { expect, it } from "vitest";
import { FindingList } from "../src/files/finding.js";
import { readLines, type LineBatch } from "../src/files/read-lines.js";
import { repairTails } from "../src/files/repair-tails.js";
import { eventsInOrder, scanEvents } from "../src/files/scan-events.js";
import { EVENT_START, readEvent, writeEventLine } from "../src/format/event-line.js";
import type { EventRecord } from "../src/format/model.js";
import type { LineFormat } from "../src/format/values-of-line.js";
import { collect } from "./support/collect.js";
import { eventRecord } from "./support/records.js";

const key = storageKey("events.jsonl");
const format: LineFormat<EventRecord> = { start: EVENT_START, read: readEvent };
const MAX_LINE_BYTES = 1 << 20;

/** A storage whose streams come in pieces of these lengths, over and over. */
function inPieces(file: Uint8Array, lengths: readonly number[]): StorageBackend {
  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0, turn = 0; at < file.length; turn++) {
      const length = lengths[turn % lengths.length] ?? 1;
      // A new array each time, gone afterwards: whoever kept a view would notice.
      const piece = new Uint8Array(file.subarray(at, at + length));
      yield piece;
      piece.fill(0x78);
      at += length;
    }
  }
  const read: StorageBackend["read"] = (_key, { range = { offset: 0, length: file.length } } = {}) => Promise.resolve(new Uint8Array(file.subarray(range.offset, range.offset + range.length)));
  return { ...memoryBackend(), read, stream: () => Promise.resolve(pieces()) };
}

const source = (storage: StorageBackend): Parameters<typeof readLines>[0] => ({ storage, key, maxLineBytes: MAX_LINE_BYTES, signal: undefined });

async function read(storage: StorageBackend): Promise<{ readonly values: readonly EventRecord[]; readonly places: readonly string[]; readonly faults: LineBatch<EventRecord>["faults"]; readonly tail: LineBatch<EventRecord>["tail"] }> {
  const batches = await collect(readLines(source(storage), format));
  const found = batches.flatMap(({ values }) => values);
  return { values: found.map(({ value }) => value), places: found.map(({ line, offset }) => `${line}@${offset}`), faults: batches.flatMap(({ faults }) => faults), tail: batches.at(-1)?.tail };
}

async function stored(file: Uint8Array): Promise<StorageBackend> {
  const storage = memoryBackend();
  await storage.create(key, file);
  return storage;
}

const events = fc.array(eventRecord, { maxLength: 6 });
const lines = (all: readonly EventRecord[]): Uint8Array => Buffer.concat(all.map(writeEventLine));
const lengths = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 });

it("what is read does not depend on the pieces", async () => {
  await fc.assert(
    fc.asyncProperty(events, lengths, fc.nat(), async (all, pieces, cut) => {
      const whole = lines(all);
      const file = cut % 2 === 0 ? whole : whole.subarray(0, cut % (whole.length + 1));
      const expected = await read(inPieces(file, [file.length + 1]));
      expect(await read(inPieces(file, pieces))).toEqual(expected);
      if (file.length === whole.length) expect(expected).toEqual({ values: all, places: expect.anything() as never, faults: [], tail: { key, mark: { bytes: file.length, crc32c: crc32c(file) }, tornBytes: 0, unterminated: false } });
    }),
  );
});

const edit = fc.tuple(fc.nat(), fc.nat({ max: 40 }), fc.uint8Array({ maxLength: 8 }));

it("damage hits its own lines, and nothing behind it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(eventRecord, { minLength: 1, maxLength: 6 }), fc.array(edit, { minLength: 1, maxLength: 3 }), lengths, async (all, edits, pieces) => {
      let file = lines(all);
      let [first, last] = [file.length, 0];
      for (const [at, removed, added] of edits) {
        const place = at % file.length;
        [first, last] = [Math.min(first, place), Math.max(last, file.length - place - removed)];
        file = Buffer.concat([file.subarray(0, place), added, file.subarray(place + removed)]);
        if (file.length === 0) return;
      }
      const { values, faults, tail } = await read(inPieces(file, pieces));
      // Lines that lie wholly before the first edit, or wholly behind all of them, are read as they were.
      const before = untouched(all, first);
      expect(values.slice(0, before.length)).toEqual(before);
      expect(values.length + faults.length).toBeGreaterThanOrEqual(before.length);
      const kept = tail?.mark.bytes ?? 0;
      expect(kept + (tail?.tornBytes ?? 0)).toBe(file.length);
      expect(tail?.mark.crc32c).toBe(crc32c(file.subarray(0, kept)));
    }),
    { numRuns: 300 },
  );
});

function untouched(all: readonly EventRecord[], bytes: number): readonly EventRecord[] {
  let end = 0;
  return all.filter((event) => (end += writeEventLine(event).length) <= bytes);
}

it("after the repair of its end a file takes a line, and loses nothing that was read", async () => {
  await fc.assert(
    fc.asyncProperty(events, fc.uint8Array({ maxLength: 60 }), eventRecord, fc.nat(), async (all, junk, next, cut) => {
      const whole = lines(all);
      const file = Buffer.concat([whole.subarray(0, cut % (whole.length + 1)), junk]);
      await using storage = await stored(file);
      const before = await read(storage);
      if (before.tail === undefined || storage.appendable === undefined) throw new Error("no tail");
      await repairTails(storage.appendable, [before.tail]);
      const writer = await storage.appendable.open(key, { mode: "continue" });
      await writer.append(writeEventLine(next));
      await writer.close();
      const after = await read(storage);
      expect(after.values).toEqual([...before.values, next]);
      expect(after.tail).toMatchObject({ tornBytes: 0, unterminated: false });
    }),
    { numRuns: 300 },
  );
});

it("a line that is written behind a torn one is found again", async () => {
  await fc.assert(
    fc.asyncProperty(events, fc.nat(), eventRecord, async (all, cut, next) => {
      const whole = lines(all);
      const torn = whole.subarray(0, cut % (whole.length + 1));
      await using storage = await stored(Buffer.concat([torn, writeEventLine(next)]));
      const { values } = await read(storage);
      const complete = untouched(all, torn.length + 1); // The line feed is not needed.
      expect(values).toEqual([...complete, next]);
    }),
    { numRuns: 300 },
  );
});

it("events come in the order of their ids, equal lines once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.constantFrom("a", "b")), { maxLength: 12 }), lengths, async (all, pieces) => {
      const records = all.map(([id, message]) => ({ id: BigInt(id), kind: "k", message }));
      const file = lines(records);
      const storage = inPieces(file, pieces);
      const findings = new FindingList();
      const scan = await scanEvents(source(storage), "r", findings);
      const found = await collect(eventsInOrder(source(storage), scan.stragglers));
      const distinct = [...new Map(records.map((it) => [`${it.id.toString()}${it.message}`, it])).values()];
      expect(found).toEqual(distinct.sort((a, b) => Number(a.id - b.id)));
      expect(findings.all().filter(({ code }) => code === "line_repeated").length).toBe(records.length - distinct.length);
      expect(findings.all().filter(({ code }) => code === "id_shared").length).toBe(distinct.length - new Set(distinct.map(({ id }) => id)).size);
    }),
    { numRuns: 300 },
  );
});
