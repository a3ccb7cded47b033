import { memoryBackend, systemClock, type StorageBackend } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary, SimDisk, type VirtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";
import { freePath, simulatedBucket, simulatedDirectory, simulatedPorts } from "@holdfast/test-worlds";

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
  const root = freePath();
  return { ...plain(await fsBackend({ root })), root };
}

function plain(storage: StorageBackend): TestStorage {
  return { storage, clock: systemClock, run: (work) => work, close: () => storage.close() };
}

async function simulatedDisk(): Promise<TestStorage> {
  const ports = simulatedPorts();
  const disk = new SimDisk({ profile: "posix", adversary: mildAdversary, clock: ports.clock });
  return simulated(await simulatedDirectory(disk.port(), ports), ports.clock);
}

async function simulatedObjectStore(): Promise<TestStorage> {
  const ports = simulatedPorts();
  const store = new SimObjectStore({ clock: ports.clock, adversary: mildAdversary });
  return simulated(simulatedBucket(store.client().port, ports), ports.clock);
}

function simulated(storage: StorageBackend, clock: VirtualClock): TestStorage {
  const run = <T>(work: Promise<T>): Promise<T> => driveClock(clock, work);
  return { storage, clock, run, close: () => run(storage.close()) };
}
