import fc from "fast-check";
import { expect, it } from "vitest";
import { contentsOf, encodeKinesisState, type KinesisContents, type KinesisEvent } from "../../src/index.js";
import { applyKinesisEvent } from "../../src/native/apply.js";
import { kinesisEventCodec } from "../../src/native/event-codec.js";
import { kinesisTablesCodec } from "../../src/native/tables-codec.js";
import { emptyTables, tablesOf } from "../../src/native/tables.js";
import { kinesisState } from "../support/arbitraries.js";
import { anyEvent, meetingEvent } from "./support/events.js";
import { Reference } from "./support/reference.js";

it("gives every event back as it was, and writes the same bytes again", () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      const bytes = kinesisEventCodec.encode(event);
      const read = kinesisEventCodec.decode(bytes);
      expect(read).toEqual(event);
      expect(kinesisEventCodec.encode(read)).toEqual(bytes);
    }),
    { numRuns: 400 },
  );
});

it("reads nothing else than events, and says where it stopped", () => {
  fc.assert(
    fc.property(anyEvent, fc.nat(), fc.nat({ max: 255 }), (event, at, byte) => {
      const bytes = kinesisEventCodec.encode(event).slice();
      const cut = bytes.slice(0, at % bytes.length);
      expect(() => kinesisEventCodec.decode(cut)).toThrow(expect.objectContaining({ name: "JsonError" }));
      bytes[at % bytes.length] = byte;
      let read: KinesisEvent;
      try {
        read = kinesisEventCodec.decode(bytes);
      } catch (error) {
        expect(error).toMatchObject({ name: "JsonError", offset: expect.any(Number) as number });
        return;
      }
      expect(kinesisEventCodec.decode(kinesisEventCodec.encode(read))).toEqual(read);
    }),
    { numRuns: 400 },
  );
});

it("changes tables as plain maps change, refuses what has nothing to change, and leaves the tables before as they were", () => {
  fc.assert(
    fc.property(fc.array(meetingEvent, { maxLength: 40 }), (events) => {
      const reference = new Reference();
      let tables = emptyTables;
      let taken = 0;
      for (const event of events) {
        const before = tables;
        const bytesBefore = bytesOf(contentsOf(before));
        const next = applied(() => applyKinesisEvent(tables, event));
        expect(next !== undefined).toBe(reference.apply(event));
        tables = next ?? tables;
        taken += next === undefined ? 0 : 1;
        expect(bytesOf(contentsOf(before))).toBe(bytesBefore);
        expect(contentsOf(tables)).toEqual(reference.contents);
      }
      expect(taken).toBeLessThanOrEqual(events.length);
    }),
    { numRuns: 150 },
  );
});

it("gives tables back from the lines of a snapshot, wherever they are cut", async () => {
  await fc.assert(
    fc.asyncProperty(kinesisState, fc.integer({ min: 1, max: 300 }), async (state, cut) => {
      const tables = tablesOf(state);
      const bytes = Buffer.concat([...kinesisTablesCodec.encode(tables)].map((it) => Buffer.from(it)));
      const again = await kinesisTablesCodec.decode(pieces(bytes, cut));
      expect(contentsOf(again)).toEqual(contentsOf(tables));
      await expect(kinesisTablesCodec.decode(pieces(bytes.subarray(0, -1), cut))).rejects.toThrow();
    }),
    { numRuns: 100 },
  );
});

it("takes a state as the original takes it: what comes twice counts as it came last, and order has no meaning", () => {
  fc.assert(
    fc.property(kinesisState, (state) => {
      const contents = contentsOf(tablesOf(state));
      expect(contentsOf(tablesOf(contents))).toEqual(contents);
      for (const group of contents.records) {
        const last = state.records.findLast(({ streamName, shardHex }) => streamName === group.streamName && shardHex === group.shardHex);
        expect(new Map(group.records)).toEqual(new Map(last?.records));
      }
      for (const stream of contents.streams) expect(stream).toBe(state.streams.findLast(({ name }) => name === stream.name));
      expect(new Map(contents.consumers)).toEqual(new Map(state.consumers));
      expect(new Map(contents.policies)).toEqual(new Map(state.policies));
      expect(new Map(contents.resourceTags)).toEqual(new Map(state.resourceTags));
    }),
    { numRuns: 100 },
  );
});

function applied<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(error).toMatchObject({ code: "KINESIS_EVENT_REFUSED", outcome: "not_applied" });
    return undefined;
  }
}

function bytesOf(contents: KinesisContents): string {
  return Buffer.from(encodeKinesisState({ ...contents, createdAtMs: 0n })).toString("latin1");
}

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.slice(at, at + length);
}
