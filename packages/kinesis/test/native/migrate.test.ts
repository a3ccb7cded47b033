import fc from "fast-check";
import { memoryBackend, storagePrefix, type StorageBackend } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { delegate, freePath, places } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { contentsOf, encodeKinesisState, loadKinesisState, migrateKinesisState, openKinesisDirectory, openKinesisStore, tablesOf, type KinesisContents, type KinesisState } from "../../src/index.js";
import { kinesisState } from "../support/arbitraries.js";
import { emptyState, sampleStream } from "../support/states.js";
import { place, vectors } from "../support/vectors.js";

const sample: KinesisContents = {
  ...emptyState,
  streams: [sampleStream],
  records: [{ streamName: "orders", shardHex: "0", records: [["0/2", Uint8Array.of(2)], ["0/1", Uint8Array.of(1, 0, 255)]] }],
  consumers: [["arn:c", Uint8Array.of(123, 125)]],
  retainedBytes: 2n ** 64n - 1n,
  retainedRecords: 2n,
};

describe.each(places)("to %s", (_, newPlace) => {
  it("and back: any state, with nothing of the source changed, and the store goes on", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(kinesisState, async (state) => {
        const [there, back] = [freePath(), freePath()];
        await directoryOf(there, state);
        const files = await filesIn(there);
        const testPlace = newPlace();
        const storage = await testPlace.open();
        const store = { storage, prefix: "native" };
        const ports = { clock: testPlace.clock, random: testPlace.random };
        const counts = await testPlace.runBesideFiles(migrateKinesisState({ directory: there }, store, ports));
        const expected = contentsOf(tablesOf(state));
        expect(counts).toEqual({ streams: expected.streams.length, records: expected.records.flatMap(({ records }) => records).length, consumers: expected.consumers.length });
        expect(await filesIn(there)).toEqual(files);

        const objects = await testPlace.run(objectsIn(storage));
        await testPlace.runBesideFiles(migrateKinesisState(store, { directory: back }, ports));
        // On object storage whoever opens a log takes it over, which is an object.
        if (storage.appendable !== undefined) expect(await testPlace.run(objectsIn(storage))).toEqual(objects);
        expect(bytesOf(await loaded(back))).toBe(bytesOf(expected));

        const native = await testPlace.run(openKinesisStore({ ...store, ...ports }));
        await testPlace.run(native.commit({ kind: "PutPolicy", arn: "new", policy: "{}" }));
        expect(native.state.policies.get("new")).toBe("{}");
        await testPlace.run(native.close());
        await testPlace.kill();
      }),
      { numRuns: 4 },
    );
  });

  it("refuses what is not empty, and what holds no state, and changes neither", async () => {
    const source = freePath();
    await directoryOf(source, sample);
    const testPlace = newPlace();
    const storage = await testPlace.open();
    const [store, ports] = [{ storage, prefix: "native" }, { clock: testPlace.clock, random: testPlace.random }];
    const missing = freePath();
    await expect(testPlace.runBesideFiles(migrateKinesisState(store, { directory: missing }, ports))).rejects.toMatchObject({ code: "KINESIS_INVALID_ARGUMENT" });
    await expect(testPlace.runBesideFiles(migrateKinesisState({ directory: missing }, store, ports))).rejects.toMatchObject({ code: "KINESIS_INVALID_ARGUMENT" });
    await expect(readdir(missing)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await testPlace.run(objectsIn(storage))).toEqual(new Map());

    await testPlace.runBesideFiles(migrateKinesisState({ directory: source }, store, ports));
    const objects = await testPlace.run(objectsIn(storage));
    await expect(testPlace.runBesideFiles(migrateKinesisState({ directory: source }, store, ports))).rejects.toMatchObject({ code: "KINESIS_NOT_EMPTY" });
    expect(await testPlace.run(objectsIn(storage))).toEqual(objects);
    await testPlace.kill();
  });
});

it("refuses a directory with any file in it, also one that is no part of a state", async () => {
  const [source, target] = [freePath(), freePath()];
  await directoryOf(source, sample);
  await mkdir(target);
  await writeFile(join(target, "snapshot.bin.tmp"), "");
  await expect(migrateKinesisState({ directory: source }, { directory: target })).rejects.toMatchObject({ code: "KINESIS_NOT_EMPTY" });
  expect(await readdir(target)).toEqual(["snapshot.bin.tmp"]);
  await expect(migrateKinesisState({ directory: join(target, "snapshot.bin.tmp") }, { directory: freePath() })).rejects.toMatchObject({ code: "KINESIS_INVALID_ARGUMENT" });
});

it("notices a target that does not hold what was written to it, and a source that changes meanwhile", async () => {
  const source = freePath();
  await directoryOf(source, sample);
  const inner = memoryBackend();
  const forgetful: StorageBackend = { ...delegate(inner), create: async (key, _, options) => inner.create(key, await snapshotOf(emptyState, key), options) };
  await expect(migrateKinesisState({ directory: source }, { storage: forgetful, prefix: "native" })).rejects.toMatchObject({ code: "KINESIS_MIGRATION_FAILED" });

  const plain = memoryBackend();
  const meddling: StorageBackend = {
    ...delegate(plain),
    create: async (key, body, options) => {
      const directory = await openKinesisDirectory(source);
      await directory.append({ ...sample, retainedRecords: 3n });
      await directory.close();
      return plain.create(key, body, options);
    },
  };
  await expect(migrateKinesisState({ directory: source }, { storage: meddling, prefix: "native" })).rejects.toMatchObject({ code: "KINESIS_CHANGED" });
});

it("takes what the original wrote, case by case, to a store and back, equal to the byte but for time and order", { timeout: 60_000 }, async () => {
  let migrated = 0;
  for (const vector of vectors.filter(({ sameAsOriginal, byOriginal }) => sameAsOriginal && byOriginal)) {
    const [source, back] = [freePath(), freePath()];
    place(vector, source);
    const state = await loaded(source).catch(() => undefined);
    const store = { storage: memoryBackend(), prefix: "native" };
    if (state === undefined) continue;
    await migrateKinesisState({ directory: source }, store);
    await migrateKinesisState(store, { directory: back });
    expect(bytesOf(await loaded(back)), vector.name).toBe(bytesOf(contentsOf(tablesOf(state))));
    for (const [name, bytes] of vector.files) expect(Buffer.from(bytes).equals(await readFile(join(source, name))), `${vector.name} ${name}`).toBe(true);
    migrated += 1;
  }
  expect(migrated).toBeGreaterThan(5);
});

async function directoryOf(path: string, contents: KinesisContents): Promise<void> {
  await using directory = await openKinesisDirectory(path);
  await directory.append(contents);
}

async function loaded(path: string): Promise<KinesisState | undefined> {
  await using storage = await fsBackend({ root: path });
  return (await loadKinesisState({ storage })).state;
}

/** Without the time. */
function bytesOf(state: KinesisContents | undefined): string {
  return state === undefined ? "" : Buffer.from(encodeKinesisState({ ...state, createdAtMs: 0n })).toString("latin1");
}

async function filesIn(path: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(path)).sort();
  return new Map(await Promise.all(names.map(async (name) => [name, (await readFile(join(path, name))).toString("latin1")] as const)));
}

async function objectsIn(storage: StorageBackend): Promise<ReadonlyMap<string, string>> {
  const objects = new Map<string, string>();
  for await (const { key } of storage.list(storagePrefix(""))) objects.set(key, Buffer.from((await storage.read(key)) ?? []).toString("latin1"));
  return objects;
}

/** A snapshot of another state under this name. */
async function snapshotOf(contents: KinesisContents, key: string): Promise<Uint8Array> {
  const [storage, source] = [memoryBackend(), freePath()];
  await directoryOf(source, contents);
  await migrateKinesisState({ directory: source }, { storage, prefix: "native" });
  for await (const entry of storage.list(storagePrefix("native/snapshot"))) if (entry.key === key) return (await storage.read(entry.key)) ?? new Uint8Array();
  throw new Error(`there is no ${key}`);
}
