import { joinPrefix, type StoragePrefix } from "@holdfast/storage";
import type { DirectoryAccess } from "./directory-access.js";
import { corruptMessage, type RuntimeFinding } from "./finding.js";
import { workersPrefix } from "./layout.js";
import { readWorker, type ReadWorkerOptions, type UsableWorker } from "./read-worker.js";

/** How the workers of a runtime are read. */
export interface ReadWorkersOptions extends ReadWorkerOptions {
  readonly directories: DirectoryAccess | undefined;
}

/** The workers of a runtime. */
export interface WorkersReading {
  /** Ascending by the UTF-8 bytes of their ids: so are the names of their directories. */
  readonly usable: readonly UsableWorker[];
  /** Those that cannot be used, by their ids: that of the directory's name, and that in the file. */
  readonly damaged: ReadonlyMap<string, RuntimeFinding>;
  readonly findings: readonly RuntimeFinding[];
}

/** Reads all directories of workers, some at a time. */
export async function readWorkers(prefix: StoragePrefix, options: ReadWorkersOptions): Promise<WorkersReading> {
  const workers = workersPrefix(prefix);
  const { names, strays } = await namesIn(workers, options);
  const findings = strays.map((name): RuntimeFinding => {
    const why = corruptMessage("read worker", `${workers}${name}`, "worker path exists but is not a directory");
    return { code: "stray_entry", message: why, key: workers };
  });
  const usable: UsableWorker[] = [];
  const damaged = new Map<string, RuntimeFinding>();
  for (let at = 0; at < names.length; at += AT_A_TIME) {
    const some = names.slice(at, at + AT_A_TIME);
    for (const read of await Promise.all(some.map((name) => readWorker(joinPrefix(workers, name), name, options)))) {
      findings.push(...read.findings);
      if (read.worker !== undefined) usable.push(read.worker);
      else for (const id of [read.directoryId, read.foundId]) if (id !== undefined) damaged.set(id, read.why);
    }
  }
  for (const { record } of usable) damaged.delete(record.workerRef.workerId);
  return { usable, damaged, findings };
}

const AT_A_TIME = 8;

/** Directories of workers, in order, and what is none. */
async function namesIn(workers: StoragePrefix, { storage, directories, signal }: ReadWorkersOptions): Promise<{ readonly names: readonly string[]; readonly strays: readonly string[] }> {
  const names = new Set<string>();
  const strays = new Set<string>();
  for await (const { key } of storage.list(workers, { signal })) {
    const [name = "", ...below] = key.slice(workers.length).split("/");
    (below.length > 0 ? names : strays).add(name);
  }
  for (const { name, isDirectory } of (await directories?.entries(workers)) ?? []) {
    // A directory that no key can be in cannot be read, and is a stray too.
    (isDirectory && /^[a-z0-9_-]+$/.test(name) ? names : strays).add(name);
  }
  return { names: [...names].sort(), strays: [...strays].sort() };
}
