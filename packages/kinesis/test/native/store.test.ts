import fc from "fast-check";
import { hasCode } from "@holdfast/storage";
import { snapshotStore } from "@holdfast/snapshot";
import { places, type Place } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { contentsOf, openKinesisStore, type KinesisEvent, type KinesisStore } from "../../src/index.js";
import { sampleStream } from "../support/states.js";
import { meetingEvent } from "./support/events.js";
import { Reference } from "./support/reference.js";

const PREFIX = "kinesis";

/** What is done to a store: a commit, some as a batch, a snapshot, and a restart by closing or by dying. */
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant("commit" as const), events: fc.array(meetingEvent, { minLength: 1, maxLength: 1 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("commit" as const), events: fc.array(meetingEvent, { minLength: 2, maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom("snapshot" as const, "close" as const, "die" as const), events: fc.constant([]) }) },
);

describe.each(places)("a Kinesis store on %s", (_, newPlace) => {
  it("does what plain maps do, through snapshots, closing and dying", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const place = newPlace();
        let reference = new Reference();
        const taken: KinesisEvent[] = [];
        let store = await opened(place);
        for (const { op, events } of [...steps, { op: "die" as const, events: [] }]) {
          if (op === "commit") {
            const after = referenceOf([...taken, ...events]);
            const committed = await place.run(commit(store, events));
            expect(committed).toBe(after !== undefined);
            if (after !== undefined) {
              reference = after;
              taken.push(...events);
            }
          } else if (op === "snapshot") expect((await place.run(store.snapshot()))?.seq).toBe(taken.length === 0 ? undefined : taken.length);
          else {
            if (op === "close") await place.run(store.close());
            await place.kill();
            store = await opened(place);
          }
          expect(store.seq).toBe(taken.length);
          expect(contentsOf(store.state)).toEqual(reference.contents);
        }
        await place.run(store.close());
        await place.kill();
      }),
      { numRuns: 12 },
    );
  });

  it("shows what is durable, and writes nothing of what is refused", async () => {
    const place = newPlace();
    const store = await opened(place);
    await place.run(store.commitBatch([{ kind: "PutStream", stream: sampleStream }, { kind: "PutRecords", streamName: "orders", shardHex: "0", records: [["0/1", Uint8Array.of(1, 2)]], counter: [0, 7n] }]));
    const before = store.state;
    for (const event of REFUSED) {
      const error: unknown = await place.run(store.commitBatch([{ kind: "PutPolicy", arn: "a", policy: "{}" }, event]).then(() => undefined, (reason: unknown) => reason));
      expect(hasCode(error, "STATE_EVENT_REJECTED") && hasCode(error.cause, "KINESIS_EVENT_REFUSED"), event.kind).toBe(true);
    }
    const outOfBounds = store.commit({ kind: "SetRetained", bytes: 2n ** 64n, records: 0n });
    await expect(place.run(outOfBounds)).rejects.toMatchObject({ code: "STATE_CODEC_FAILED", outcome: "not_applied", cause: { reason: "out_of_range" } });
    expect(store.state).toBe(before);
    expect(store.state.records.get("orders")?.get("0")?.get("0/1")).toEqual(Uint8Array.of(1, 2));
    expect(store.state.streams.get("orders")?.shardCounters).toEqual([7n]);
    expect([store.state.retainedBytes, store.state.retainedRecords]).toEqual([2n, 1n]);
    await place.run(store.close());
    await place.kill();
  });

  it("falls back to the snapshot before, if one cannot be read", async () => {
    const place = newPlace();
    const store = await opened(place);
    for (let number = 0; number < 6; number++) {
      await place.run(store.commit({ kind: "PutPolicy", arn: `arn:${number % 4}`, policy: String(number) }));
      if (number % 2 === 1) await place.run(store.snapshot());
    }
    const contents = contentsOf(store.state);
    await place.run(store.close());
    await place.kill();
    const storage = await place.open();
    const entries = await place.run(all(snapshotStore({ storage, prefix: PREFIX, clock: place.clock }).list()));
    const newest = entries.at(-1);
    const bytes = newest && (await place.run(storage.read(newest.key)));
    if (newest === undefined || bytes === undefined) throw new Error("there is no snapshot");
    bytes[bytes.length >> 1]! ^= 4;
    await place.run(storage.replace(newest.key, bytes));
    const again = await place.run(openKinesisStore({ storage, prefix: PREFIX, clock: place.clock, random: place.random }));
    expect(again.health.snapshotsSkipped.map(({ snapshot }) => snapshot.seq)).toEqual([6]);
    expect(contentsOf(again.state)).toEqual(contents);
    await place.run(again.close());
    await place.kill();
  });
});

const REFUSED: readonly KinesisEvent[] = [
  { kind: "ChangeStream", name: "x", change: {} },
  { kind: "PutShards", name: "x", shards: [], counters: [] },
  { kind: "PutShards", name: "orders", shards: [], counters: [[2, 0n]] },
  { kind: "TagStream", name: "x", set: new Map(), remove: [] },
  { kind: "DeleteStream", name: "x" },
  { kind: "PutRecords", streamName: "orders", shardHex: "0", records: [], counter: [5, 0n] },
  { kind: "PutRecords", streamName: "x", shardHex: "0", records: [], counter: [0, 0n] },
  { kind: "DeleteRecords", streamName: "orders", shardHex: "9", keys: [] },
  { kind: "ExpireRecords", streamName: "x", shardHex: "0", below: "" },
  { kind: "DeleteConsumer", arn: "x" },
  { kind: "DeletePolicy", arn: "x" },
  { kind: "DeleteResourceTags", arn: "x" },
  { kind: "DeleteTransition", key: "stream:orders" },
];

async function opened(place: Place): Promise<KinesisStore> {
  const { clock, random } = place;
  const open = async (): Promise<KinesisStore> => {
    const storage = await place.open();
    return openKinesisStore({ storage, prefix: PREFIX, clock, random, development: true, snapshot: { keep: 2 }, log: { segmentBytes: 16_384, packObjects: 3 } });
  };
  return place.run(open());
}

/** Answers whether the events were taken. */
async function commit(store: KinesisStore, events: readonly KinesisEvent[]): Promise<boolean> {
  const [only] = events;
  const committing: Promise<unknown> = events.length === 1 && only !== undefined ? store.commit(only) : store.commitBatch(events);
  return committing.then(
    () => true,
    (error: unknown) => {
      if (!hasCode(error, "STATE_EVENT_REJECTED")) throw error;
      return false;
    },
  );
}

/** Plain maps behind these events; `undefined` if one of them is refused. */
function referenceOf(events: readonly KinesisEvent[]): Reference | undefined {
  const reference = new Reference();
  return events.every((event) => reference.apply(event)) ? reference : undefined;
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
