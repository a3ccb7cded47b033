import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryBackend, systemClock, type StorageBackend } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { fsBackend } from "@holdfast/storage-fs";
import { s3Backend } from "@holdfast/storage-s3";
import { mildAdversary, seededRandom, SimDisk, virtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";

/** A storage for one test. */
export interface TestStorage {
  readonly storage: StorageBackend;
  /** Of the storage. What waits beside it has to wait by the same one: where nothing goes on without, its time passes at once. */
  readonly clock: Clock;
  /** Waits for work, and lets time pass where nothing goes on without. */
  run<T>(work: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Every kind of storage there is, each empty. */
export const storages: readonly (readonly [string, () => Promise<TestStorage>])[] = [
  ["memory", async () => plain(memoryBackend())],
  ["memory without append", async () => plain(memoryBackend({ appendable: false }))],
  ["a directory", directory],
  ["a simulated disk", simulatedDisk],
  ["a simulated object store", simulatedObjectStore],
];

/** A real directory, and its path. */
export async function directory(): Promise<TestStorage & { readonly root: string }> {
  const root = await mkdtemp(join(tmpdir(), "holdfast-replica-"));
  const storage = await fsBackend({ root });
  return {
    ...plain(storage),
    root,
    close: async () => {
      await storage.close();
      await rm(root, { recursive: true });
    },
  };
}

function plain(storage: StorageBackend): TestStorage {
  return { storage, clock: systemClock, run: (work) => work, close: () => storage.close() };
}

async function simulatedDisk(): Promise<TestStorage> {
  const clock = virtualClock();
  const disk = new SimDisk({ profile: "posix", adversary: mildAdversary, clock });
  const storage = await fsBackend({ root: "/data", port: disk.port(), clock, random: seededRandom(1) });
  return { storage, clock, run: (work) => driveClock(clock, work), close: () => storage.close() };
}

async function simulatedObjectStore(): Promise<TestStorage> {
  const clock = virtualClock();
  const store = new SimObjectStore({ clock, adversary: mildAdversary });
  const storage = s3Backend({
    bucket: "bucket",
    endpoint: "http://localhost",
    region: "us-east-1",
    credentials: { accessKeyId: "id", secretAccessKey: "secret" },
    port: store.client().port,
    clock,
    random: seededRandom(1),
  });
  const run = <T>(work: Promise<T>): Promise<T> => driveClock(clock, work);
  return { storage, clock, run, close: () => run(storage.close()) };
}
