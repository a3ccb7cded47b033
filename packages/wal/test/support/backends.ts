import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { memoryBackend, memoryDisk, storageKey, storagePrefix, type StorageBackend } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { onTestFinished } from "vitest";
import { faultPort, type FaultPort } from "./fault-port.js";
import { simDiskPlace, simObjectsPlace } from "./simulated-places.js";

/** Contents that outlive the processes that work on them. */
export interface Place {
  /** A backend on the contents, as a process that starts now has it. */
  open(): Promise<StorageBackend>;
  /** Every process that has opened a backend so far dies: nothing of it happens any more, its locks are free. */
  crash(): Promise<void>;
  /** The bytes of every object. Lock files are none. */
  files(): Promise<Map<string, Uint8Array>>;
  /** Puts an object, whatever was there. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
}

/** A kind of place. Each is emptied when the test that made it has finished. */
export interface Store {
  readonly name: string;
  /** Whether files grow there. Else a log is made of objects. */
  readonly appendable: boolean;
  make(): Promise<Place>;
}

export const memory: Store = { name: "memory", appendable: true, make: () => Promise.resolve(memoryPlace()) };
const directory: Store = { name: "directory", appendable: true, make: () => directoryPlace() };
const objects: Store = { name: "memory without append", appendable: false, make: () => Promise.resolve(memoryPlace(false)) };
const simDisk: Store = { name: "a simulated disk", appendable: true, make: () => Promise.resolve(simDiskPlace()) };
const simObjects: Store = { name: "a simulated object store", appendable: false, make: () => Promise.resolve(simObjectsPlace()) };
/** Where files grow. */
export const stores: readonly Store[] = [memory, directory, simDisk];
/** Every kind of storage: what a log promises does not depend on it. */
export const everyStore: readonly Store[] = [...stores, objects, simObjects];

export function memoryPlace(appendable = true): Place {
  const disk = memoryDisk();
  const open = (): StorageBackend => memoryBackend({ disk, appendable });
  return {
    open: () => Promise.resolve(open()),
    crash: () => {
      disk.crash();
      return Promise.resolve();
    },
    async files() {
      const files = new Map<string, Uint8Array>();
      const backend = open();
      for await (const { key } of backend.list(storagePrefix(""))) files.set(key, (await backend.read(key)) ?? new Uint8Array(0));
      return files;
    },
    async put(key, bytes) {
      await open().replace(storageKey(key), bytes);
    },
    remove: (key) => open().remove([storageKey(key)]),
  };
}

/** A temporary directory. */
export interface DirectoryPlace extends Place {
  readonly root: string;
  /** Removes it, for a test that makes many. */
  clear(): Promise<void>;
  /** As `open`, over this port. */
  openOver(port: FaultPort): Promise<StorageBackend>;
}

export async function directoryPlace(): Promise<DirectoryPlace> {
  const root = await mkdtemp(join(tmpdir(), "holdfast-wal-"));
  const ports: FaultPort[] = [];
  const crash = async (): Promise<void> => {
    for (const port of ports.splice(0)) await port.die();
  };
  const clear = async (): Promise<void> => {
    await crash();
    await rm(root, { recursive: true, force: true });
  };
  onTestFinished(clear);
  const openOver = (port: FaultPort): Promise<StorageBackend> => {
    ports.push(port);
    return fsBackend({ root, port });
  };
  return {
    root,
    openOver,
    open: () => openOver(faultPort()),
    crash,
    clear,
    async files() {
      const files = new Map<string, Uint8Array>();
      const entries = await readdir(root, { recursive: true, withFileTypes: true });
      for (const entry of entries.filter((it) => it.isFile() && it.name !== ".lock")) {
        const path = join(entry.parentPath, entry.name);
        files.set(path.slice(root.length + 1), await readFile(path));
      }
      return new Map([...files].sort(([one], [other]) => (one < other ? -1 : 1)));
    },
    async put(key, bytes) {
      const path = join(root, key);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
    },
    remove: (key) => rm(join(root, key)),
  };
}

/** What is in a place, to be compared: the bytes of each object as a checksum, since comparing megabytes value by value takes seconds. */
export async function contents(place: Place): Promise<string[]> {
  return [...(await place.files())].map(([key, bytes]) => `${key} ${bytes.length} ${createHash("sha1").update(bytes).digest("hex")}`);
}
