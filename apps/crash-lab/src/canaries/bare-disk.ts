import { hasCode, isHoldfastError } from "@holdfast/storage";
import type { FsBackend } from "@holdfast/storage-fs";
import { mildAdversary, seededRandom, SimDisk, virtualClock, type Adversary } from "@holdfast/storage-sim";

import type { SceneCast } from "./directed-history.js";

/** An empty disk, for a scene with a directory and no log. */
export function newDisk({ profile, onDisk }: SceneCast, adversary: Adversary = mildAdversary): SimDisk {
  const disk = new SimDisk({ profile, adversary });
  onDisk(disk);
  return disk;
}

/** @param process - Draws its random bytes from a seed of its own. */
export function openBackend({ modules }: SceneCast, disk: SimDisk, process: number): Promise<FsBackend> {
  return modules.storageFs.fsBackend({ root: "/data", port: disk.port(), clock: virtualClock(), random: seededRandom(process) });
}

/** What a power loss leaves: nothing that was not flushed. */
export function powerLost({ onCrash }: SceneCast, disk: SimDisk): SimDisk {
  onCrash("power");
  return disk.crash({ kind: "power", adversary: mildAdversary });
}

/** The UTF-8 bytes of a text. */
export function text(value: string): Uint8Array {
  return Buffer.from(value);
}

/** What a call answers; `undefined`: it was refused, which is an answer. */
export async function given<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isHoldfastError(error) && !hasCode(error, "STORAGE_INVALID_ARGUMENT")) return undefined;
    throw error;
  }
}
