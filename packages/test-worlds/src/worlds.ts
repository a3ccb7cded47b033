import { memoryBackend, memoryDisk, type MemoryDisk, type StorageBackend } from "@holdfast/storage";
import type { FsPort } from "@holdfast/storage/ports";
import { SimDisk, type Adversary } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";
import { simulatedBucket, simulatedDirectory, simulatedPorts, type SimulatedPorts } from "./simulated.js";
import { stoppable, Stops } from "./stoppable.js";

/** Storage whose process can be stopped in any call, and what is left of it. */
export interface World extends SimulatedPorts {
  /** The file system below it, where there is one. */
  readonly port?: FsPort | undefined;
  /** The storage, as the one process sees it that runs now. */
  open(): Promise<StorageBackend>;
  /** From this call on (counted from 1, from now on) none is answered. Resolves when it is made. */
  stopAt(call: number): Promise<void>;
  /** The process dies, or the power goes. Answers the world after that. */
  crash(): World;
}

/** Runs work, and lets time pass where nothing goes on without. */
export function driven<T>({ clock }: World, work: Promise<T>): Promise<T> {
  return driveClock(clock, work);
}

/** The adversary decides what a crash leaves, and in which order requests are answered. */
export const worlds: readonly (readonly [string, (adversary: Adversary) => World])[] = [
  ["memory", () => memoryWorld(true)],
  ["memory without append", () => memoryWorld(false)],
  ["a simulated disk", (adversary) => diskWorld(new SimDisk({ profile: "posix", adversary, clock: START }))],
  ["a simulated ordered disk", (adversary) => diskWorld(new SimDisk({ profile: "ordered", adversary, clock: START }))],
  ["a simulated object store", (adversary) => objectWorld(adversary)],
];

const START = { now: () => 946_684_800_000 };

function diskWorld(disk: SimDisk, its: SimulatedPorts = simulatedPorts()): World {
  const port = disk.port();
  return {
    ...its,
    port,
    open: () => simulatedDirectory(port, its),
    stopAt: (call) => disk.stopAt(disk.calls + call),
    crash: () => diskWorld(disk.crash({ kind: "power" }), its),
  };
}

function memoryWorld(appendable: boolean, disk: MemoryDisk = memoryDisk(), its: SimulatedPorts = simulatedPorts()): World {
  const stops = new Stops();
  return {
    ...its,
    open: () => Promise.resolve(stoppable(memoryBackend({ disk, appendable, clock: its.clock }), stops)),
    stopAt: (call) => stops.at(call),
    crash: () => {
      stops.stop();
      disk.crash();
      return memoryWorld(appendable, disk, its);
    },
  };
}

function objectWorld(adversary: Adversary): World {
  const its = simulatedPorts();
  return clientWorld(new SimObjectStore({ clock: its.clock, adversary }), its);
}

function clientWorld(store: SimObjectStore, its: SimulatedPorts): World {
  const client = store.client();
  return {
    ...its,
    open: () => Promise.resolve(simulatedBucket(client.port, its)),
    // Every request is two steps: on its way, and done without its answer having come.
    stopAt(call) {
      let left = call;
      return new Promise((resolve) => {
        const end = store.observe(() => {
          left -= 1;
          if (left !== 0) return;
          client.kill();
          end();
          resolve();
        });
      });
    },
    crash: () => {
      client.kill();
      return clientWorld(store, its);
    },
  };
}
