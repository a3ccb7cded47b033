import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeKinesisConsumer, isStillPending, planResumption, type ConsumerStatus, type KinesisState, type PendingTransition, type Resumption, type StreamStatus } from "../src/index.js";
import { kinesisState } from "./support/arbitraries.js";
import { emptyState, sampleStream } from "./support/states.js";

const NOW = 1_700_000_000_000n;
const stream = (name: string, streamStatus: StreamStatus): KinesisState["streams"][number] => ({ ...sampleStream, name, streamName: `not ${name}`, streamStatus });
const consumer = (arn: string, consumerStatus: ConsumerStatus): readonly [string, Uint8Array] => [
  arn,
  encodeKinesisConsumer({ consumerName: "c", consumerArn: arn, consumerStatus, consumerCreationTimestamp: 1.5 }),
];
const removal = (streamName: string, readyAtMs: bigint): PendingTransition => ({ kind: "DeleteStream", streamName, readyAtMs });
const plan = (state: Partial<KinesisState>, nowMs = NOW): Resumption => planResumption({ ...emptyState, ...state }, nowMs);

/** One of each kind, of stream or consumer `name`. */
const kinds = (name: string, readyAtMs: bigint): readonly PendingTransition[] => [
  { kind: "CreateStream", streamName: name, readyAtMs, shards: [] },
  { kind: "DeleteStream", streamName: name, readyAtMs },
  { kind: "UpdateShardCount", streamName: name, readyAtMs, targetShardCount: 2 },
  { kind: "SplitShard", streamName: name, readyAtMs, shardToSplit: "s", newStartingHashKey: "1" },
  { kind: "MergeShards", streamName: name, readyAtMs, shardToMerge: "s", adjacentShardToMerge: "t" },
  { kind: "StartStreamEncryption", streamName: name, readyAtMs },
  { kind: "StopStreamEncryption", streamName: name, readyAtMs },
  { kind: "RegisterConsumer", consumerArn: name, readyAtMs },
  { kind: "DeregisterConsumer", consumerArn: name, readyAtMs },
];

describe("a transition that is stored", () => {
  it.each(kinds("a", NOW + 7n).map((transition) => ({ kind: transition.kind, transition })))("is finished at its time: $kind", ({ transition }) => {
    expect(plan({ pendingTransitions: [transition] })).toEqual({ due: [{ transition, delayMs: 7n }], pendingTransitions: [transition], problems: [] });
  });

  it.each([
    [NOW + 1n, 1n],
    [NOW, 0n],
    [NOW - 1n, 0n],
    [0n, 0n],
    [2n ** 64n - 1n, 2n ** 64n - 1n - NOW],
  ])("ready at %d: after %d ms", (readyAtMs, delayMs) => {
    expect(plan({ pendingTransitions: [removal("a", readyAtMs)] }).due).toEqual([{ transition: removal("a", readyAtMs), delayMs }]);
  });

  it("counts if it is the last one of its stream or consumer, in the order of keys", () => {
    const pendingTransitions = [...kinds("b", NOW), ...kinds("\u{1f600}", NOW), ...kinds("\uff5e", NOW), ...kinds("a", NOW + 5n)];
    const expected = ["a", "b", "\uff5e", "\u{1f600}"].map((consumerArn): PendingTransition => ({ kind: "DeregisterConsumer", consumerArn, readyAtMs: consumerArn === "a" ? NOW + 5n : NOW }));
    const streams = ["a", "b", "\uff5e", "\u{1f600}"].map((streamName): PendingTransition => ({ kind: "StopStreamEncryption", streamName, readyAtMs: streamName === "a" ? NOW + 5n : NOW }));
    const found = plan({ pendingTransitions });
    expect(found.pendingTransitions).toEqual([...expected, ...streams]);
    expect(found.due.map(({ transition }) => transition)).toEqual([...expected, ...streams]);
  });

  it.each<StreamStatus>(["CREATING", "DELETING", "ACTIVE", "UPDATING"])("is not judged by the status of its stream: %s", (status) => {
    const pendingTransitions = [removal("a", NOW)];
    expect(plan({ streams: [stream("a", status)], pendingTransitions })).toEqual({ due: [{ transition: removal("a", NOW), delayMs: 0n }], pendingTransitions, problems: [] });
  });

  it("of a stream that is not there is finished too", () => {
    expect(plan({ pendingTransitions: [removal("gone", NOW + 1n)] }).due).toHaveLength(1);
  });
});

describe("a stream without a transition", () => {
  it("that is being deleted gets one, for now, under the name it is found by", () => {
    const made = removal("a", NOW);
    expect(plan({ streams: [stream("a", "DELETING"), stream("b", "ACTIVE")] })).toEqual({ due: [{ transition: made, delayMs: 0n }], pendingTransitions: [made], problems: [] });
  });

  it.each<StreamStatus>(["CREATING", "UPDATING"])("that is %s is a problem, in the words of the original", (status) => {
    const { due, pendingTransitions, problems } = plan({ streams: [stream("a", "ACTIVE"), stream("b", status)] });
    expect({ due, pendingTransitions }).toEqual({ due: [], pendingTransitions: [] });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({
      code: "KINESIS_AMBIGUOUS_TRANSITION",
      message: `ambiguous persisted stream transition for b: ${status} without transition metadata`,
      path: "streams[1].stream_status",
    });
  });

  it("is looked at once, as the last of its name", () => {
    expect(plan({ streams: [stream("a", "CREATING"), stream("a", "ACTIVE")] }).problems).toEqual([]);
    expect(plan({ streams: [stream("a", "ACTIVE"), stream("a", "UPDATING")] }).problems).toMatchObject([{ path: "streams[1].stream_status" }]);
    expect(plan({ streams: [stream("a", "DELETING"), stream("a", "DELETING")] }).due).toHaveLength(1);
  });

  it("is not helped by a transition of a consumer of that name, nor of another stream", () => {
    expect(plan({ streams: [stream("a", "CREATING")], pendingTransitions: [{ kind: "RegisterConsumer", consumerArn: "a", readyAtMs: NOW }, removal("ab", NOW)] }).problems).toHaveLength(1);
  });
});

describe("a consumer without a transition", () => {
  it.each<readonly [ConsumerStatus, PendingTransition["kind"] | undefined]>([
    ["CREATING", "RegisterConsumer"],
    ["DELETING", "DeregisterConsumer"],
    ["ACTIVE", undefined],
  ])("that is %s gets %s", (status, kind) => {
    const made = kind === undefined ? [] : [{ kind, consumerArn: "arn:c", readyAtMs: NOW }];
    expect(plan({ consumers: [consumer("arn:c", status)] })).toEqual({ due: made.map((transition) => ({ transition, delayMs: 0n })), pendingTransitions: made, problems: [] });
  });

  it("has its own if it is stored, whatever its status", () => {
    const pendingTransitions: readonly PendingTransition[] = [{ kind: "RegisterConsumer", consumerArn: "arn:c", readyAtMs: NOW + 9n }];
    for (const status of ["CREATING", "DELETING", "ACTIVE"] as const) expect(plan({ consumers: [consumer("arn:c", status)], pendingTransitions })).toMatchObject({ pendingTransitions, problems: [] });
  });

  it.each([
    ["nothing", "", "incomplete"],
    ["no JSON", "consumer", "syntax"],
    ["another status", '{"ConsumerName":"c","ConsumerARN":"a","ConsumerStatus":"UPDATING","ConsumerCreationTimestamp":1}', "unknown_variant"],
    ["no status", '{"ConsumerName":"c","ConsumerARN":"a","ConsumerCreationTimestamp":1}', "missing_field"],
  ])("is a problem if it is %s", (_what, text, reason) => {
    const consumers = [consumer("arn:ok", "ACTIVE"), ["arn:c", Buffer.from(text)] as const];
    const problem = { code: "KINESIS_INVALID_STATE", path: "consumers[1][1]", reason, offset: expect.any(Number) as number, message: expect.stringMatching(/^failed to decode recovered consumer arn:c: /) as string };
    expect(plan({ consumers })).toMatchObject({ due: [], problems: [problem] });
    // As with the original, also of one that has a transition.
    expect(plan({ consumers, pendingTransitions: [{ kind: "RegisterConsumer", consumerArn: "arn:c", readyAtMs: NOW }] }).problems).toMatchObject([problem]);
  });
});

describe("account settings", () => {
  it.each(["", "{}", ' {"a":[1,{"b":null}]} '])("%j can be read", (text) => {
    expect(plan({ accountSettingsJson: Buffer.from(text) }).problems).toEqual([]);
  });

  it.each([["{", "incomplete"], ["{}{}", "trailing"], ["nothing", "syntax"]])("%j are a problem", (text, reason) => {
    expect(plan({ accountSettingsJson: Buffer.from(text) }).problems).toMatchObject([
      { code: "KINESIS_INVALID_STATE", path: "account_settings_json", reason, message: expect.stringMatching(/^failed to decode persisted account settings: /) as string },
    ]);
  });
});

it("every problem is told, and what is not concerned is due", () => {
  const found = plan({ streams: [stream("a", "CREATING"), stream("b", "UPDATING"), stream("c", "DELETING")], accountSettingsJson: Buffer.from("{"), pendingTransitions: [removal("d", NOW)] });
  expect(found.problems.map(({ path }) => path)).toEqual(["streams[0].stream_status", "streams[1].stream_status", "account_settings_json"]);
  expect(found.due.map(({ transition }) => transition)).toEqual([removal("d", NOW), removal("c", NOW)]);
  expect(found.pendingTransitions).toEqual([removal("c", NOW), removal("d", NOW)]);
});

describe("a transition whose time has come", () => {
  const [creation] = kinds("a", NOW);
  it("is ignored if another has taken its place, or none is there", () => {
    if (creation === undefined) throw new Error("there are kinds");
    expect(isStillPending(creation, [])).toBe(false);
    expect(isStillPending(creation, [creation])).toBe(true);
    expect(isStillPending(creation, kinds("b", NOW))).toBe(false);
    for (const other of kinds("a", NOW).slice(1, 7)) expect(isStillPending(creation, [creation, other])).toBe(false);
    expect(isStillPending(creation, [{ ...creation, readyAtMs: NOW + 1n }])).toBe(false);
    expect(isStillPending(creation, [removal("a", NOW), structuredClone(creation), ...kinds("a", NOW).slice(7)])).toBe(true);
  });
});

it("of any state: one transition for each stream and consumer, none of them lost, and a plan that stays the same when it is stored", () => {
  fc.assert(
    fc.property(kinesisState, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (state, nowMs) => {
      const { due, pendingTransitions, problems } = planResumption(state, nowMs);
      expect(due.map(({ transition }) => transition)).toHaveLength(pendingTransitions.length);
      for (const { transition, delayMs } of due) {
        expect(isStillPending(transition, pendingTransitions)).toBe(true);
        expect(delayMs).toBe(transition.readyAtMs > nowMs ? transition.readyAtMs - nowMs : 0n);
      }
      const again = planResumption({ ...state, pendingTransitions }, nowMs);
      expect(again.pendingTransitions).toEqual(pendingTransitions);
      expect(again.problems.map(({ path }) => path)).toEqual(problems.map(({ path }) => path));
    }),
  );
});
