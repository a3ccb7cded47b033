import { joinKey, memoryBackend, storagePrefix, systemClock, type StorageBackend } from "@holdfast/storage";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replicaClient } from "../src/replica-client.js";
import { enforceRetention, planRetention, type GenerationSnapshots } from "../src/retention.js";
import { vectors } from "./support/vectors.js";

const HOUR = 3_600_000;
const NOW = 1_000_000 * HOUR;
const CURRENT = "fedcba9876543210";
const OTHER = "00000000000000aa";

interface Case {
  readonly before: readonly { readonly path: string; readonly ageHours: number }[];
  readonly after: readonly string[];
  readonly retentionHours: number;
  readonly currentDbIndex: number;
}

const { cases } = vectors("retention") as { readonly cases: readonly Case[] };

async function filesOf(storage: StorageBackend): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list(storagePrefix(""))) keys.push(key);
  return keys;
}

// The original also removes the generation that is being written, if only others have a young snapshot; here it says which one that is.
it.each(cases.map((it, number) => ({ ...it, number })))("removes what litestream does if there is no grace, and no generation in use: $number", async ({ before, after, retentionHours, currentDbIndex }) => {
  let timeMs = 0;
  const storage = memoryBackend({ clock: { ...systemClock, now: () => timeMs } });
  for (const { path, ageHours } of before) {
    timeMs = NOW - ageHours * HOUR;
    await storage.create(joinKey(storagePrefix(""), path.replace("<current>", CURRENT)), new Uint8Array(1));
  }
  timeMs = NOW;
  const client = replicaClient({ storage, prefix: "", layout: "litestream-v0.4" });
  const enforce = (): ReturnType<typeof enforceRetention> => enforceRetention(client, { retentionMs: retentionHours * HOUR, graceMs: 0 }, { nowMs: NOW });
  const first = await enforce();
  if (first.needsSnapshot) {
    expect((await filesOf(storage)).length).toBe(before.length);
    await client.writeSnapshot(CURRENT, BigInt(currentDbIndex), new Uint8Array(1));
    expect((await enforce()).needsSnapshot).toBe(false);
  }
  const expected = after.filter((path) => !path.endsWith("/")).map((path) => path.replace("<current>", CURRENT));
  expect([...(await filesOf(storage))].sort()).toEqual([...expected].sort());
});

describe("a plan", () => {
  const snapshots = (generation: string, ...ages: readonly (readonly [index: bigint, ageHours: number])[]): GenerationSnapshots => ({
    generation,
    snapshots: ages.map(([index, ageHours]) => ({ generation, index, size: 1, createdAtMs: NOW - ageHours * HOUR })),
  });

  it("keeps the generation that another one has replaced until that is as long ago as the time of grace", () => {
    const plan = (replacedHours: number): unknown =>
      planRetention([snapshots(OTHER, [0n, 900], [3n, 800]), snapshots(CURRENT, [0n, replacedHours])], { retentionMs: 24 * HOUR, graceMs: 24 * HOUR }, CURRENT, NOW).generations;
    expect(plan(1)).toEqual([{ generation: OTHER, keepFromIndex: 3n }, { generation: CURRENT, keepFromIndex: 0n }]);
    expect(plan(25)).toEqual([{ generation: OTHER, keepFromIndex: undefined }, { generation: CURRENT, keepFromIndex: 0n }]);
  });

  it("waits until something has been needless for the time of grace", () => {
    const plan = (graceHours: number): unknown =>
      planRetention([snapshots(CURRENT, [0n, 50], [5n, 30], [9n, 1])], { retentionMs: 24 * HOUR, graceMs: graceHours * HOUR }, undefined, NOW).generations[0]?.keepFromIndex;
    expect(plan(0)).toBe(9n);
    expect(plan(1)).toBe(9n);
    // Old enough for long, but the only one until another was made an hour ago.
    expect(plan(2)).toBe(5n);
    expect(plan(5)).toBe(5n);
    expect(plan(6)).toBe(5n);
    expect(plan(26)).toBe(0n);
    expect(plan(100)).toBe(0n);
  });

  it("keeps so many of the generation in use, counted as they were before the time of grace", () => {
    const plan = (keep: number, graceHours: number): unknown =>
      planRetention([snapshots(CURRENT, [0n, 50], [5n, 30], [9n, 1])], { retentionMs: 0, keep, graceMs: graceHours * HOUR }, CURRENT, NOW).generations[0]?.keepFromIndex;
    expect(plan(1, 2)).toBe(5n);
    expect(plan(2, 2)).toBe(0n);
    expect(plan(3, 40)).toBe(0n);
  });

  it("leaves alone what has no young snapshot while there is none at all", () => {
    const policy = { retentionMs: HOUR, graceMs: 0 };
    expect(planRetention([snapshots(CURRENT, [0n, 5]), snapshots(OTHER, [3n, 90])], policy, CURRENT, NOW)).toEqual({ needsSnapshot: true, generations: [] });
    expect(planRetention([], policy, undefined, NOW)).toEqual({ needsSnapshot: false, generations: [] });
  });

  it("removes neither the generation in use nor one that just begins", () => {
    const plan = planRetention([snapshots(CURRENT), snapshots(OTHER), snapshots("0000000000000001", [0n, 0])], { retentionMs: HOUR, graceMs: 0 }, CURRENT, NOW);
    expect(plan.generations).toEqual([{ generation: "0000000000000001", keepFromIndex: 0n }]);
  });

  it("always keeps a snapshot", () => {
    const generation = (name: string): fc.Arbitrary<GenerationSnapshots> =>
      fc.uniqueArray(fc.nat({ max: 200 }), { minLength: 1, maxLength: 6 }).map((ages) => snapshots(name, ...ages.sort((a, b) => b - a).map((age, at) => [BigInt(at * 3), age] as const)));
    fc.assert(
      fc.property(fc.tuple(generation(CURRENT), generation(OTHER)), fc.nat({ max: 100 }), fc.nat({ max: 100 }), fc.integer({ min: 1, max: 4 }), (all, retention, grace, keep) => {
        const { needsSnapshot, generations } = planRetention(all, { retentionMs: retention * HOUR, graceMs: grace * HOUR, keep }, CURRENT, NOW);
        if (needsSnapshot) expect(generations).toEqual([]);
        const kept = all.flatMap(({ generation, snapshots: its }) => {
          const plan = generations.find((it) => it.generation === generation);
          return plan === undefined ? its : its.filter(({ index }) => plan.keepFromIndex !== undefined && index >= plan.keepFromIndex);
        });
        expect(kept.length).toBeGreaterThan(0);
        expect(kept.some(({ generation }) => generation === CURRENT)).toBe(true);
      }),
    );
  });

  it.each([{ retentionMs: -1 }, { retentionMs: 1, keep: 0 }, { retentionMs: 1, graceMs: Number.NaN }])("refuses %j", (policy) => {
    expect(() => planRetention([], policy, undefined, NOW)).toThrow(expect.objectContaining({ code: "REPLICA_INVALID_ARGUMENT" }));
  });
});
