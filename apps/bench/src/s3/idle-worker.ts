/** Opens many logs, lets them be idle, closes them, opens them again, and reports. Arguments: kind of storage, how many logs, root directory. */
import { writeSync } from "node:fs";

import { memoryBackend, memoryDisk, systemClock, type StorageBackend } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { s3Backend } from "@holdfast/storage-s3";
import { mildAdversary } from "@holdfast/storage-sim";
import { SimObjectStore } from "@holdfast/storage-sim/object-store";
import { openLog, type Log } from "@holdfast/wal";

import { REPORT_DESCRIPTOR } from "../child.js";
import { collectGarbage } from "../garbage.js";
import { RECORD_BYTES } from "../records.js";
import { formatIdleReport } from "./idle-report.js";

/** A simulated bucket sorts all its names whenever one is added, which is its own affair: so it gets few. */
const LOGS_PER_SIMULATED_BUCKET = 100;
const IDLE_LIMIT_MS = 60_000;

const [kind = "", count = "0", root = ""] = process.argv.slice(2);
const total = Number(count);
const disk = memoryDisk();
let backends = await openBackends();

const first = await openAll();
for (const log of first.logs) await log.append(new Uint8Array(RECORD_BYTES));
await untilIdle(first.logs);
const open = memoryNow();
await letGo(first.logs);
const closed = memoryNow();
const again = await openAll();
await letGo(again.logs);
for (const backend of backends) await backend.close();
writeSync(REPORT_DESCRIPTOR, formatIdleReport({ newPerSecond: total / first.seconds, againPerSecond: total / again.seconds, bytesPerLog: (open - closed) / total }));

async function openBackends(): Promise<readonly StorageBackend[]> {
  if (kind === "directory") return [await fsBackend({ root })];
  if (kind === "memory") return [memoryBackend({ disk })];
  if (kind === "memory-objects") return [memoryBackend({ disk, appendable: false })];
  if (kind === "simulated-s3") return Array.from({ length: Math.ceil(total / LOGS_PER_SIMULATED_BUCKET) }, openSimulated);
  throw new Error(`There is no storage of kind ${kind}.`);
}

function openSimulated(): StorageBackend {
  const store = new SimObjectStore({ clock: systemClock, adversary: mildAdversary });
  const credentials = { accessKeyId: "simulated", secretAccessKey: "simulated" };
  return s3Backend({ bucket: "bucket", endpoint: "http://localhost", region: "us-east-1", credentials, port: store.port(), conditionalWrites: "trusted" });
}

async function openAll(): Promise<{ readonly logs: Log[]; readonly seconds: number }> {
  const logs: Log[] = [];
  const started = performance.now();
  for (let index = 0; index < total; index += 1) {
    const storage = backends[index % backends.length];
    if (storage === undefined) throw new RangeError("There is no backend.");
    logs.push(await openLog({ storage, prefix: `tenants/${index}` }));
  }
  return { logs, seconds: (performance.now() - started) / 1000 };
}

/** Until each log in files has written the marker behind its last commit. Elsewhere nothing follows. */
async function untilIdle(logs: readonly Log[]): Promise<void> {
  if (backends[0]?.appendable === undefined) return;
  const started = performance.now();
  while (logs.some((log) => log.stats().markers === 0)) {
    if (performance.now() - started > IDLE_LIMIT_MS) throw new Error("The logs did not become idle.");
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}

/**
 * Ends all logs. In memory as the death of a process does it: closing would write, and what the storage keeps would not be the same
 * with the logs and without.
 */
async function letGo(logs: Log[]): Promise<void> {
  if (kind.startsWith("memory")) {
    disk.crash();
    backends = await openBackends();
  } else for (const log of logs) await log.close();
  logs.length = 0;
}

function memoryNow(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
