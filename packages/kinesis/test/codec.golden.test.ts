import { readFkwal2 } from "@holdfast/wal/fkwal2";
import { describe, expect, it } from "vitest";
import { epochSecondsText } from "../src/format/epoch-seconds.js";
import { decodeKinesisEntry, decodeKinesisState, encodeKinesisEntry, encodeKinesisState, type KinesisState } from "../src/index.js";
import { expectedOf, textOf, vector, vectors } from "./support/vectors.js";

const good = vectors.filter(({ original, entryTexts }) => original.status === "ok" && (original.entries !== undefined || entryTexts !== undefined));

function statesOf(name: string): readonly KinesisState[] {
  return readFkwal2(vector(name).files.get("wal.log") ?? new Uint8Array(), { decode: (payload) => ({ value: decodeKinesisEntry(payload) }), mode: "lenient" }).entries.map(({ value }) => value);
}

describe("entries have the values that the original returned", () => {
  it.each(good.filter(({ original }) => original.entries !== undefined))("$name", ({ name, original }) => {
    // What the original returned is recorded with the fields in another order.
    const recorded = (original.entries ?? []).map((it) => decodeKinesisState(Buffer.from(textOf(it))));
    expect(statesOf(name).slice(0, recorded.length)).toEqual(recorded);
  });
});

describe("snapshots have the values that the original returned", () => {
  it.each(good.filter(({ files }) => files.has("snapshot.bin")))("$name", ({ files, original }) => {
    const state = decodeKinesisState(files.get("snapshot.bin") ?? new Uint8Array());
    expect(state).toEqual(decodeKinesisState(Buffer.from(textOf(original.snapshot))));
    expect(state.createdAtMs.toString()).toBe(original.snapshot_created_at_ms);
  });
});

describe("what the original wrote is written again to the byte", () => {
  const written = vectors.filter(({ byOriginal }) => byOriginal);

  it.each(written)("$name", ({ files }) => {
    const wal = files.get("wal.log");
    if (wal !== undefined) {
      const { entries, torn, damage } = readFkwal2(wal, { decode: (payload) => ({ value: decodeKinesisEntry(payload) }) });
      expect({ torn, damage }).toEqual({ torn: undefined, damage: undefined });
      for (const { payload, value } of entries) expect(Buffer.from(encodeKinesisEntry(value)).equals(payload)).toBe(true);
    }
    const snapshot = files.get("snapshot.bin");
    if (snapshot !== undefined) expect(Buffer.from(encodeKinesisState(decodeKinesisState(snapshot))).toString()).toBe(Buffer.from(snapshot).toString());
  });

  it("in enough cases", () => {
    expect(written.length).toBeGreaterThan(10);
  });
});

describe("wal-all-fields", () => {
  const [state] = statesOf("wal-all-fields");

  it("has every value exactly", () => {
    expect(state?.retainedBytes).toBe(2n ** 64n - 1n);
    expect(state?.retainedRecords).toBe(2n ** 53n + 1n);
    expect(state?.streams.map((it) => it.streamStatus)).toEqual(["CREATING", "DELETING", "ACTIVE", "UPDATING"]);
    expect(state?.streams.map((it) => it.streamCreationTimestamp)).toEqual([1_700_000_000, 1_700_000_000.5, -1.25, 1e21]);
    expect(state?.streams[1]).toMatchObject({
      name: "s-DELETING",
      retentionPeriodHours: 8760,
      enhancedMonitoring: [{ shardLevelMetrics: ["IncomingBytes", "ALL"] }, { shardLevelMetrics: [] }],
      encryptionType: "KMS",
      hasMoreShards: true,
      streamArn: "arn:aws:kinesis:us-east-1:000000000000:stream/s-DELETING",
      streamName: "s-DELETING",
      streamModeDetails: { streamMode: "ON_DEMAND" },
      tags: new Map([["B", "3"], ["a", "2"], ["z", "1"], ["é", "4"]]),
      keyId: "key-1",
      warmThroughputMibps: 1,
      maxRecordSizeKib: 2 ** 32 - 1,
      shardCounters: [0n, 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n],
    });
    expect(state?.streams[0]?.shards[0]).toEqual({
      shardId: "shardId-000000000000",
      hashKeyRange: { startingHashKey: "0", endingHashKey: "170141183460469231731687303715884105727" },
      sequenceNumberRange: {
        startingSequenceNumber: "49640000000000000000000000000000000000000000000000000001",
        endingSequenceNumber: "49640000000000000000000000000000000000000000000000000002",
      },
    });
    expect(state?.streams[0]?.shards[1]).toMatchObject({ parentShardId: "shardId-000000000000", adjacentParentShardId: "shardId-000000000007" });
    expect(state?.records[0]).toMatchObject({ streamName: "s-ACTIVE", shardHex: "00000000" });
    expect(state?.records[0]?.records[3]).toEqual(["k-all", Uint8Array.from({ length: 256 }, (_, index) => index)]);
    expect(state?.policies).toEqual([["arn:1", '{"Version":"2012-10-17"}']]);
    expect(state?.resourceTags).toEqual([["arn:1", new Map([["a", "1"], ["b", "2"]])]]);
    expect(Buffer.from(state?.accountSettingsJson ?? []).toString()).toBe('{"MinimumThroughputBillingCommitment":{"Status":"DISABLED"}}');
    expect(state?.pendingTransitions.slice(1)).toEqual([
      { kind: "DeleteStream", streamName: "t-del", readyAtMs: 1n },
      { kind: "RegisterConsumer", consumerArn: "arn:c/1", readyAtMs: 2n },
      { kind: "DeregisterConsumer", consumerArn: "arn:c/2", readyAtMs: 3n },
      { kind: "UpdateShardCount", streamName: "t-usc", readyAtMs: 4n, targetShardCount: 4 },
      { kind: "SplitShard", streamName: "t-split", readyAtMs: 5n, shardToSplit: "shardId-000000000000", newStartingHashKey: "170141183460469231731687303715884105728" },
      { kind: "MergeShards", streamName: "t-merge", readyAtMs: 6n, shardToMerge: "shardId-000000000001", adjacentShardToMerge: "shardId-000000000002" },
      { kind: "StartStreamEncryption", streamName: "t-start", readyAtMs: 7n },
      { kind: "StopStreamEncryption", streamName: "t-stop", readyAtMs: 8n },
    ]);
  });

  it("is the text that was recorded", () => {
    expect(state && Buffer.from(encodeKinesisEntry(state)).toString()).toBe(vector("wal-all-fields").entryTexts?.[0]);
  });
});

describe("seconds", () => {
  const { rows, javascript_JSON_stringify_differs_for: differing } = expectedOf("epoch-seconds-text") as {
    readonly rows: readonly { readonly bits: string; readonly text: string }[];
    readonly javascript_JSON_stringify_differs_for: readonly { readonly bits: string; readonly original: string; readonly json_stringify: string }[];
  };
  const fromBits = (bits: string): number => Buffer.from(bits, "hex").readDoubleBE();

  it.each(rows)("$bits is $text", ({ bits, text }) => {
    const seconds = fromBits(bits);
    expect(epochSecondsText(seconds)).toBe(text);
    if (text === "null") return;
    const read = timestampOf(text);
    // The nearest double, which is the one that was written, but for −0, and for 2^63, whose text is another integer's.
    expect(Object.is(read, seconds) || Object.is(seconds, -0)).toBe(true);
  });

  it.each(differing)("$bits: JSON.stringify says something else, namely $json_stringify", ({ bits, original, json_stringify }) => {
    expect(JSON.stringify(fromBits(bits))).toBe(json_stringify);
    expect(epochSecondsText(fromBits(bits))).toBe(original);
  });

  function timestampOf(text: string): number | undefined {
    const payload = vector("wal-three-entries").files.get("wal.log")?.subarray(16, 692) ?? new Uint8Array();
    const changed = Buffer.from(payload).toString().replace('"stream_creation_timestamp":1700000000', `"stream_creation_timestamp":${text}`);
    return decodeKinesisEntry(Buffer.from(changed)).streams[0]?.streamCreationTimestamp;
  }
});
