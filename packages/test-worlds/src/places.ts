import { memoryBackend, memoryDisk, systemClock, systemRandom, type StorageBackend } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary, SimDisk, type VirtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";
import { freePath } from "./free-path.js";
import { simulatedBucket, simulatedDirectory, simulatedPorts } from "./simulated.js";

/** Storage that outlives the process that uses it. */
export interface Place {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** The storage, as a process sees it that runs now. */
  open(): Promise<StorageBackend>;
  /** That process dies as it stands. */
  kill(): Promise<void>;
  /** Waits for work, and lets simulated time pass where nothing goes on without. */
  run<T>(work: Promise<T>): Promise<T>;
  /** The same for work that waits for real files as well. */
  runBesideFiles<T>(work: Promise<T>): Promise<T>;
}

/** Every kind of storage there is, each empty. */
export const places: readonly (readonly [string, () => Place])[] = [
  ["memory", () => inMemory(true)],
  ["memory without append", () => inMemory(false)],
  ["a directory", inDirectory],
  ["a simulated disk", onSimulatedDisk],
  ["a simulated object store", onSimulatedObjects],
];

function inMemory(appendable: boolean): Place {
  const disk = memoryDisk();
  return {
    ...simulatedPorts(),
    ...timeless,
    open: () => Promise.resolve(memoryBackend({ disk, appendable })),
    kill: () => {
      disk.crash();
      return Promise.resolve();
    },
  };
}

/** A process of its own is killed by other tests; here it closes what it has. */
function inDirectory(): Place {
  const root = freePath();
  const opened: StorageBackend[] = [];
  return {
    ...timeless,
    clock: systemClock,
    random: systemRandom,
    async open() {
      const storage = await fsBackend({ root });
      opened.push(storage);
      return storage;
    },
    async kill() {
      for (const storage of opened.splice(0)) await storage.close();
    },
  };
}

function onSimulatedDisk(): Place {
  const its = simulatedPorts();
  let disk = new SimDisk({ profile: "posix", adversary: mildAdversary, clock: its.clock });
  return {
    ...its,
    ...timeless,
    open: () => simulatedDirectory(disk.port(), its),
    kill: () => {
      disk = disk.crash({ kind: "power" });
      return Promise.resolve();
    },
  };
}

function onSimulatedObjects(): Place {
  const its = simulatedPorts();
  const store = new SimObjectStore({ clock: its.clock, adversary: mildAdversary });
  let client = store.client();
  return {
    ...its,
    open: () => Promise.resolve(simulatedBucket(client.port, its)),
    kill: () => {
      client.kill();
      client = store.client();
      return Promise.resolve();
    },
    run: (work) => driveClock(its.clock, work),
    runBesideFiles: (work) => driveBesideFiles(its.clock, work),
  };
}

/** Where nothing waits for simulated time. */
const timeless: Pick<Place, "run" | "runBesideFiles"> = {
  run: (work) => work,
  runBesideFiles: (work) => work,
};

/** Moves time with every turn of the event loop, so that it does not run away while a file is waited for. */
async function driveBesideFiles<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  const state = { settled: false };
  const settle = (): void => {
    state.settled = true;
  };
  work.then(settle, settle);
  while (!state.settled) await clock.advance(10);
  return work;
}
