import { joinKey, memoryBackend, storagePrefix, systemClock } from "@holdfast/storage";
import { describe, expect, it } from "vitest";
import {
  findIndexByTimestamp,
  findLatestGeneration,
  findMaxIndex,
  findMaxSnapshotIndex,
  findMaxWalIndex,
  findSnapshotForIndex,
  findSnapshotIndexByTimestamp,
  findWalIndexByTimestamp,
  generationTimeBounds,
  replicaTimeBounds,
  snapshotIndexAt,
  snapshotTimeBounds,
  walTimeBounds,
} from "../src/find.js";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { vectors } from "./support/vectors.js";

interface Answer {
  readonly error: string | null;
  readonly index?: number;
  readonly min?: number;
  readonly max?: number;
  readonly generation?: string;
}

interface ByTimestamp {
  readonly timestampMs: number;
  readonly findIndexByTimestamp: Answer;
  readonly findSnapshotIndexByTimestamp: Answer;
  readonly findWALIndexByTimestamp: Answer;
  readonly snapshotIndexAt: Answer;
}

interface PerGeneration {
  readonly generation: string;
  readonly byTimestamp: readonly ByTimestamp[];
  readonly findMaxIndex: Answer;
  readonly findMaxSnapshotIndex: Answer;
  readonly findMaxWALIndex: Answer;
  readonly findSnapshotForIndex: readonly (Answer & { readonly arg: number })[];
  readonly generationTimeBounds: Answer;
  readonly snapshotTimeBounds: Answer;
  readonly walTimeBounds: Answer;
}

interface Case {
  readonly files: readonly { readonly path: string; readonly dir?: boolean; readonly mtimeMs?: number }[] | null;
  readonly findLatestGeneration: Answer;
  readonly replicaClientTimeBounds: Answer;
  readonly perGeneration: readonly PerGeneration[];
}

const { cases } = vectors("find") as { readonly cases: readonly Case[] };

async function replicaOf({ files }: Case): Promise<ReplicaClient> {
  let timeMs = 0;
  const storage = memoryBackend({ clock: { ...systemClock, now: () => timeMs } });
  for (const { path, mtimeMs } of files ?? []) {
    if (mtimeMs === undefined) continue;
    timeMs = mtimeMs;
    await storage.replace(joinKey(storagePrefix(""), path), new Uint8Array(1));
  }
  return replicaClient({ storage, prefix: "", layout: "litestream-v0.4" });
}

describe.each(cases.map((it, number) => ({ ...it, number })))("the recorded replica $number", (it_) => {
  it("answers as litestream does for each generation", async () => {
    const client = await replicaOf(it_);
    for (const per of it_.perGeneration) {
      const { generation } = per;
      await same(findMaxIndex(client, generation), per.findMaxIndex);
      await same(findMaxSnapshotIndex(client, generation), per.findMaxSnapshotIndex);
      await same(findMaxWalIndex(client, generation), per.findMaxWALIndex);
      await same(generationTimeBounds(client, generation), per.generationTimeBounds);
      await same(snapshotTimeBounds(client, generation), per.snapshotTimeBounds);
      await same(walTimeBounds(client, generation), per.walTimeBounds);
      for (const each of per.findSnapshotForIndex) await same(findSnapshotForIndex(client, generation, BigInt(each.arg)), each);
      for (const each of per.byTimestamp) {
        await same(findIndexByTimestamp(client, generation, each.timestampMs), each.findIndexByTimestamp);
        await same(findSnapshotIndexByTimestamp(client, generation, each.timestampMs), each.findSnapshotIndexByTimestamp);
        await same(findWalIndexByTimestamp(client, generation, each.timestampMs), each.findWALIndexByTimestamp);
        await same(snapshotIndexAt(client, generation, each.timestampMs), each.snapshotIndexAt);
      }
    }
  });

  it("answers as litestream does for all of them, but passes over a broken one", async () => {
    const client = await replicaOf(it_);
    const isBroken = it_.findLatestGeneration.error?.startsWith("generation time bounds: ") === true;
    if (!isBroken) {
      await same(findLatestGeneration(client).then(({ generation }) => generation), it_.findLatestGeneration);
      await same(replicaTimeBounds(client).then(({ bounds }) => bounds), it_.replicaClientTimeBounds);
      return;
    }
    const sound = it_.perGeneration.filter(({ generationTimeBounds: { error } }) => error === null);
    const withObjects = await client.generations();
    const skipped = withObjects.filter((name) => sound.every(({ generation }) => generation !== name));
    if (sound.length === 0) {
      await expect(findLatestGeneration(client)).rejects.toMatchObject({ code: "REPLICA_NO_GENERATION" });
      await expect(replicaTimeBounds(client)).rejects.toMatchObject({ code: "REPLICA_NO_GENERATION" });
      return;
    }
    const maxMs = Math.max(...sound.map((it) => it.generationTimeBounds.max!));
    const latest = await findLatestGeneration(client);
    expect(latest.bounds.maxMs).toBe(maxMs);
    expect(sound.map(({ generation }) => generation)).toContain(latest.generation);
    expect(latest.skipped.map(({ generation }) => generation)).toEqual(skipped);
    const all = await replicaTimeBounds(client);
    expect(all.bounds).toEqual({ minMs: Math.min(...sound.map((it) => it.generationTimeBounds.min!)), maxMs });
    expect(all.skipped).toEqual(latest.skipped);
  });
});

it("has broken and empty replicas among the recorded ones", () => {
  const errors = cases.map(({ findLatestGeneration: { error } }) => error);
  expect(errors).toContain("generation time bounds: no snapshots available");
  expect(errors).toContain("no generation available");
  expect(errors).toContain(null);
});

it("takes the first of two generations that were written to at the same time", async () => {
  const storage = memoryBackend({ clock: { ...systemClock, now: () => 5 } });
  const client = replicaClient({ storage, prefix: "", layout: "native" });
  for (const generation of ["bbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaa"]) await client.writeSnapshot(generation, 0n, new Uint8Array(1));
  expect((await findLatestGeneration(client)).generation).toBe("aaaaaaaaaaaaaaaa");
});

async function same(answer: Promise<unknown>, { error, index, min, max, generation }: Answer): Promise<void> {
  if (error !== null) await expect(answer).rejects.toThrow(error);
  else if (generation !== undefined) expect(await answer).toBe(generation);
  else expect(await answer).toEqual(index === undefined ? { minMs: min, maxMs: max } : BigInt(index));
}
