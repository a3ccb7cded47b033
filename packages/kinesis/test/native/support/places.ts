import { memoryBackend, memoryDisk, systemClock, systemRandom, type StorageBackend } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import { fsBackend } from "@holdfast/storage-fs";
import { s3Backend } from "@holdfast/storage-s3";
import { mildAdversary, seededRandom, SimDisk, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** Storage that outlives the process that uses it. */
export interface TestPlace {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** The storage, as a process sees it that runs now. */
  open(): Promise<StorageBackend>;
  /** That process dies as it stands. */
  kill(): Promise<void>;
  /** Waits for work, and lets simulated time pass meanwhile. */
  run<T>(work: Promise<T>): Promise<T>;
  /** The same for work that waits for real files as well. */
  runBesideFiles<T>(work: Promise<T>): Promise<T>;
}

const root = await mkdtemp(join(tmpdir(), "holdfast-kinesis-"));
let directories = 0;
afterAll(() => rm(root, { recursive: true, force: true }));

/** A directory that is not there yet, removed after the tests. */
export function newDirectory(): string {
  directories += 1;
  return join(root, String(directories));
}

export const testPlaces: readonly (readonly [string, () => TestPlace])[] = [
  ["memory", () => inMemory(true)],
  ["memory without append", () => inMemory(false)],
  ["a directory", inDirectory],
  ["a simulated disk", onSimulatedDisk],
  ["a simulated object store", onSimulatedObjects],
];

function inMemory(appendable: boolean): TestPlace {
  const disk = memoryDisk();
  return {
    ...simulated(),
    open: async () => memoryBackend({ disk, appendable }),
    kill: async () => {
      disk.crash();
    },
    run: (work) => work,
    runBesideFiles: (work) => work,
  };
}

/** A process of its own is killed by other tests; here it closes what it has. */
function inDirectory(): TestPlace {
  const directory = newDirectory();
  const opened: StorageBackend[] = [];
  return {
    clock: systemClock,
    random: systemRandom,
    async open() {
      const storage = await fsBackend({ root: directory });
      opened.push(storage);
      return storage;
    },
    async kill() {
      for (const storage of opened.splice(0)) await storage.close();
    },
    run: (work) => work,
    runBesideFiles: (work) => work,
  };
}

function onSimulatedDisk(): TestPlace {
  const its = simulated();
  let disk = new SimDisk({ profile: "posix", adversary: mildAdversary, clock: its.clock });
  return {
    ...its,
    open: () => fsBackend({ root: "/data", port: disk.port(), ...its }),
    kill: async () => {
      disk = disk.crash({ kind: "power" });
    },
    run: (work) => work,
    runBesideFiles: (work) => work,
  };
}

function onSimulatedObjects(): TestPlace {
  const its = simulated();
  const store = new SimObjectStore({ clock: its.clock, adversary: mildAdversary });
  let client = store.client();
  return {
    ...its,
    open: async () => {
      const credentials = { accessKeyId: "id", secretAccessKey: "secret" };
      return s3Backend({ ...its, bucket: "bucket", endpoint: "http://localhost", region: "us-east-1", credentials, port: client.port });
    },
    kill: async () => {
      client.kill();
      client = store.client();
    },
    run: (work) => driveClock(its.clock, work),
    async runBesideFiles(work) {
      const ended = work.then(
        () => true,
        () => true,
      );
      const turn = (): Promise<false> => new Promise((resolve) => setImmediate(resolve, false));
      while (!(await Promise.race([ended, turn()]))) await its.clock.advance(10);
      return work;
    },
  };
}

function simulated(): { readonly clock: VirtualClock; readonly random: RandomSource } {
  return { clock: virtualClock(), random: seededRandom(1) };
}
