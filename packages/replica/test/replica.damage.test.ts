import { isHoldfastError, memoryBackend, storagePrefix, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { openLog } from "@holdfast/wal";
import { describe, expect, it } from "vitest";
import type { ReplicaLayoutName } from "../src/layouts.js";
import { readTarget } from "../src/read-target.js";
import { replicaClient } from "../src/replica-client.js";
import { openReplicator } from "../src/replicator.js";
import { planRestore } from "../src/restore-plan.js";

const RECORDS = 9;

/** A replica of a few records over two lives of a replicator and several indexes, by key. */
async function replica(layout: ReplicaLayoutName): Promise<ReadonlyMap<StorageKey, Uint8Array>> {
  const storage = memoryBackend();
  const log = await openLog({ storage: memoryBackend(), prefix: "log" });
  for (let life = 0; life < 2; life++) {
    const replicator = await openReplicator({ source: log, target: replicaClient({ storage, prefix: "", layout }), batchMs: 60_000, indexBytes: 1024 });
    for (let count = 0; count < (life === 0 ? 5 : RECORDS - 5); count++) {
      await log.append(new Uint8Array(150 + count).fill(life * 16 + count));
      if (count % 2 === 0) await replicator.sync();
    }
    await replicator.sync();
    await replicator.close();
  }
  await log.close();
  const objects = new Map<StorageKey, Uint8Array>();
  for await (const { key } of storage.list(storagePrefix(""))) objects.set(key, (await storage.read(key))!);
  return objects;
}

/** All records that a restore up to `seq` gives, as a text; or the code of its error. */
async function restored(objects: ReadonlyMap<StorageKey, Uint8Array>, layout: ReplicaLayoutName, seq: number | undefined): Promise<string> {
  const storage: StorageBackend = memoryBackend();
  for (const [key, bytes] of objects) await storage.create(key, bytes);
  const client = replicaClient({ storage, prefix: "", layout });
  try {
    const plan = await planRestore(client, { seq }, {});
    const records: string[] = [];
    for await (const commit of readTarget(client, plan, { seq }, { parallelism: 4 })) records.push(...commit.records.map((it, at) => `${commit.firstSeq + at}:${Buffer.from(it).toString("hex")}`));
    return records.join();
  } catch (error) {
    if (isHoldfastError(error) && error.code.startsWith("REPLICA_")) {
      const isPlaced = error.key !== undefined || ("position" in error && error.position !== undefined) || error.code === "REPLICA_NO_GENERATION";
      return isPlaced ? error.code : `${error.code} without a place`;
    }
    throw error;
  }
}

function isRegister(key: StorageKey): boolean {
  return key.startsWith("register/");
}

describe.each(["native", "litestream-v0.4"] as const)("a damaged replica (%s)", (layout) => {
  const REFUSAL = /^REPLICA_(?:CORRUPT|GAP|NO_GENERATION|NO_SNAPSHOT|UNSUPPORTED_VERSION)$/;

  async function expectRefusal(objects: ReadonlyMap<StorageKey, Uint8Array>, what: string): Promise<void> {
    expect(await restored(objects, layout, RECORDS), what).toMatch(REFUSAL);
  }

  it("is refused whichever byte is flipped", async () => {
    const objects = await replica(layout);
    const whole = await restored(objects, layout, RECORDS);
    expect(whole.split(",").length).toBe(RECORDS);
    expect(objects.size).toBeGreaterThan(6);
    for (const [key, bytes] of objects) {
      // Every byte of native objects; of the others, whose streams are the same, every fourth.
      for (let at = 0; at < bytes.length; at += layout === "native" ? 1 : 4) {
        const harmed = bytes.slice();
        harmed[at]! ^= 1 << at % 8;
        const answer = await restored(new Map(objects).set(key, harmed), layout, RECORDS);
        if (answer !== whole) expect(answer, `byte ${at} of ${key}`).toMatch(REFUSAL);
      }
    }
  });

  it("is refused if an object is cut, empty, gone, or in the place of another", async () => {
    const objects = await replica(layout);
    const whole = await restored(objects, layout, RECORDS);
    for (const [key, bytes] of objects) {
      for (const length of new Set([0, 1, bytes.length >> 1, bytes.length - 1])) {
        const cut = new Map(objects).set(key, bytes.slice(0, length));
        // Behind the last record that is wanted nothing is read; it has a checksum of its own.
        if (length < 2 || (await restored(cut, layout, RECORDS)) !== whole) await expectRefusal(cut, `${key} cut to ${length}`);
      }
      const without = new Map(objects);
      without.delete(key);
      // Without a register there is the storage's clock, and here one generation.
      if (isRegister(key)) expect(await restored(without, layout, RECORDS)).toBe(whole);
      else await expectRefusal(without, `${key} gone`);
      for (const [other, its] of objects) {
        if (other === key) continue;
        await expectRefusal(new Map(objects).set(key, its), `${other} in place of ${key}`);
        await expectRefusal(new Map(objects).set(key, its).set(other, bytes), `${other} and ${key} swapped`);
      }
    }
  });

  // Without a record to be reached, a replica that has lost its newest objects is one that did not get them yet.
  it("gives less without an error only if its newest objects are gone", async () => {
    const objects = await replica(layout);
    const whole = await restored(objects, layout, undefined);
    const keys = [...objects.keys()].filter((key) => !isRegister(key));
    for (const key of keys) {
      const without = new Map(objects);
      without.delete(key);
      const answer = await restored(without, layout, undefined);
      if (key === keys.at(-1)) expect(whole.startsWith(answer)).toBe(true);
      else expect(answer, `${key} gone`).toMatch(REFUSAL);
    }
  });
});
