import { storageKey, type StorageBackend } from "@holdfast/storage";
import { mildAdversary, SimDisk, type SimDiskOptions } from "@holdfast/storage-sim";
import { SimObjectStore, type SimClient } from "@holdfast/storage-sim/object-store";
import { simulatedBucket, simulatedDirectory, simulatedPorts } from "@holdfast/test-worlds";
import type { Place } from "./backends.js";
import { mortalBackend } from "./mortal-backend.js";

/** A directory on a simulated disk. */
export interface SimDiskPlace extends Place {
  /** The disk as it is now: another one after each crash. */
  readonly disk: SimDisk;
  /** The power goes: only what is on the disk is left, here nothing that was not flushed. */
  losePower(): Promise<void>;
}

export function simDiskPlace(options: Partial<Pick<SimDiskOptions, "adversary" | "capacityBytes">> = {}): SimDiskPlace {
  let disk = new SimDisk({ profile: "posix", adversary: mildAdversary, ...options });
  const ports = simulatedPorts();
  let life = new AbortController();
  const open = async (): Promise<StorageBackend> => mortalBackend(await simulatedDirectory(disk.port(), ports), life.signal);
  const end = (kind: "process" | "power"): Promise<void> => {
    disk.stop();
    disk = disk.crash({ kind });
    life.abort();
    life = new AbortController();
    return Promise.resolve();
  };
  return {
    get disk() {
      return disk;
    },
    open,
    crash: () => end("process"),
    losePower: () => end("power"),
    files() {
      const files = [...disk.files()].filter(([path]) => !path.endsWith("/.lock"));
      return Promise.resolve(sorted(files.map(([path, bytes]) => [path.slice(ROOT.length + 1), bytes])));
    },
    put: async (key, bytes) => putInto(await open(), key, bytes),
    remove: async (key) => removeFrom(await open(), key),
  };
}

/** A bucket of a simulated object store, behind the real backend. Nothing in it takes time. */
export function simObjectsPlace(): Place {
  const ports = simulatedPorts();
  const store = new SimObjectStore({ clock: ports.clock, adversary: mildAdversary });
  // What is known of the bucket is kept for each port: the processes of one life share it.
  let client: SimClient = store.client();
  let life = new AbortController();
  const open = (): StorageBackend => mortalBackend(simulatedBucket(client.port, ports), life.signal);
  return {
    open: () => Promise.resolve(open()),
    crash() {
      client.kill();
      client = store.client();
      life.abort();
      life = new AbortController();
      return Promise.resolve();
    },
    files: () => Promise.resolve(sorted([...store.objects].map(([name, { bytes }]) => [name, bytes]))),
    put: (key, bytes) => putInto(open(), key, bytes),
    remove: (key) => removeFrom(open(), key),
  };
}

/** Where a simulated directory is on its disk. */
const ROOT = "/data";

function sorted(files: readonly (readonly [string, Uint8Array])[]): Map<string, Uint8Array> {
  return new Map([...files].sort(([one], [other]) => (one < other ? -1 : 1)));
}

async function putInto(storage: StorageBackend, key: string, bytes: Uint8Array): Promise<void> {
  await storage.replace(storageKey(key), bytes);
  await storage.close();
}

async function removeFrom(storage: StorageBackend, key: string): Promise<void> {
  await storage.remove([storageKey(key)]);
  await storage.close();
}
