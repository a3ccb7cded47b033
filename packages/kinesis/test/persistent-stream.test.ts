import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeKinesisEntry, PersistentStream, type KinesisStream, type Shard } from "../src/index.js";
import { kinesisState } from "./support/arbitraries.js";
import { sampleStream } from "./support/states.js";
import { vector } from "./support/vectors.js";

const shardWithAll: Shard = {
  shardId: "shardId-000000000001",
  hashKeyRange: { startingHashKey: "0", endingHashKey: "1" },
  sequenceNumberRange: { startingSequenceNumber: "2", endingSequenceNumber: "3" },
  parentShardId: "p",
  adjacentParentShardId: "q",
};

it("a stream is stored under its name, with the counters of its shards", () => {
  const { name, shardCounters, ...stream } = { ...sampleStream, keyId: "k", tags: new Map([["env", "prod"]]), shards: [shardWithAll] };
  expect([name, shardCounters]).toEqual(["orders", [0n]]);
  const stored = PersistentStream.fromStream("other", stream, [2n ** 64n - 1n, 7n]);
  expect(stored).toEqual({ name: "other", ...stream, shardCounters: [2n ** 64n - 1n, 7n] });
  expect(PersistentStream.intoParts(stored)).toEqual({ name: "other", stream, shardCounters: [2n ** 64n - 1n, 7n] });
});

it("a property that a server keeps beside is not stored, and what it changes later neither", () => {
  const tags = new Map([["a", "1"]]);
  const metrics = ["IncomingBytes"];
  const shards = [{ ...shardWithAll, cache: 1 }];
  const live = { ...sampleStream, tags, enhancedMonitoring: [{ shardLevelMetrics: metrics }], shards, iterators: 5 };
  const counters = [1n];
  const stored = PersistentStream.fromStream("orders", live, counters);
  tags.set("b", "2");
  metrics.push("OutgoingBytes");
  shards.pop();
  counters.push(2n);
  expect(stored).toEqual({ ...sampleStream, tags: new Map([["a", "1"]]), enhancedMonitoring: [{ shardLevelMetrics: ["IncomingBytes"] }], shards: [shardWithAll], shardCounters: [1n] });
});

it("parts do not change what is stored", () => {
  const stored = PersistentStream.fromStream("orders", { ...sampleStream, shards: [shardWithAll] }, [1n]);
  const before = structuredClone(stored);
  const { stream, shardCounters } = PersistentStream.intoParts(stored);
  (stream.tags as Map<string, string>).set("a", "1");
  (stream.shards as Shard[]).pop();
  (shardCounters as bigint[]).push(5n);
  expect(stored).toEqual(before);
});

it("options that are undefined are left out", () => {
  const shard: Shard = { ...shardWithAll, sequenceNumberRange: { startingSequenceNumber: "2", endingSequenceNumber: undefined }, parentShardId: undefined, adjacentParentShardId: undefined };
  const stream: KinesisStream = { ...sampleStream, keyId: undefined, shards: [shard] };
  const stored = PersistentStream.fromStream("orders", stream, []);
  expect(Object.hasOwn(stored, "keyId")).toBe(false);
  expect(Object.keys(stored.shards[0] ?? {})).toEqual(["shardId", "hashKeyRange", "sequenceNumberRange"]);
  expect(Object.keys(stored.shards[0]?.sequenceNumberRange ?? {})).toEqual(["startingSequenceNumber"]);
});

it("there and back is the same, for every stream", () => {
  fc.assert(
    fc.property(kinesisState, ({ streams }) => {
      for (const stored of streams) {
        const { name, stream, shardCounters } = PersistentStream.intoParts(stored);
        expect(PersistentStream.fromStream(name, stream, shardCounters)).toEqual(stored);
      }
    }),
  );
});

it("so it is for those that the original wrote", () => {
  const wal = vector("wal-all-fields").files.get("wal.log") ?? new Uint8Array();
  const { streams } = decodeKinesisEntry(wal.subarray(16));
  expect(streams.length).toBeGreaterThan(0);
  for (const stored of streams) {
    const { name, stream, shardCounters } = PersistentStream.intoParts(stored);
    expect(PersistentStream.fromStream(name, stream, shardCounters)).toEqual(stored);
  }
});
