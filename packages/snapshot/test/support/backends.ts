import { memoryBackend, type StorageBackend } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { s3Backend } from "@holdfast/storage-s3";
import { mildAdversary, seededRandom, SimDisk, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { SimObjectStore } from "@holdfast/storage-sim/object-store";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach } from "vitest";

const root = await mkdtemp(join(tmpdir(), "holdfast-snapshot-"));
let directories = 0;
const opened: { readonly storage: StorageBackend; readonly stop: () => void }[] = [];

afterEach(async () => {
  for (const { storage, stop } of opened.splice(0)) {
    await storage.close();
    stop();
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Every kind of storage, empty; closed after the test. */
export const backends: readonly (readonly [string, () => Promise<StorageBackend>])[] = [
  ["memory", async () => kept(memoryBackend())],
  ["memory without append", async () => kept(memoryBackend({ appendable: false }))],
  ["a directory", async () => kept(await fsBackend({ root: join(root, String((directories += 1))) }))],
  ["a simulated disk", simulatedDisk],
  ["a simulated object store", simulatedObjects],
];

async function simulatedDisk(): Promise<StorageBackend> {
  const ports = { clock: virtualClock(), random: seededRandom(1) };
  const disk = new SimDisk({ profile: "posix", adversary: mildAdversary, clock: ports.clock });
  return kept(await fsBackend({ root: "/data", port: disk.port(), ...ports }));
}

async function simulatedObjects(): Promise<StorageBackend> {
  const ports = { clock: virtualClock(), random: seededRandom(1) };
  const { port } = new SimObjectStore({ clock: ports.clock, adversary: mildAdversary }).client();
  const credentials = { accessKeyId: "id", secretAccessKey: "secret" };
  return kept(s3Backend({ ...ports, bucket: "bucket", endpoint: "http://localhost", region: "us-east-1", credentials, port }), running(ports.clock));
}

function kept(storage: StorageBackend, stop: () => void = () => undefined): StorageBackend {
  opened.push({ storage, stop });
  return storage;
}

/** Lets simulated time pass with every turn of the event loop. */
function running(clock: VirtualClock): () => void {
  let isOver = false;
  const turn = async (): Promise<void> => {
    while (!isOver) {
      await clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  void turn();
  return () => {
    isOver = true;
  };
}
