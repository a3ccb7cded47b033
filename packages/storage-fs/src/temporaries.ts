import { threadId } from "node:worker_threads";
import type { FsFile, FsPort, RandomSource } from "@holdfast/storage/ports";
import { storageError, systemCode, type Failure } from "./errors.js";

/** A file that is being written under a name that no key can have. */
export interface Temporary {
  readonly path: string;
  readonly file: FsFile;
}

/** How temporaries are made. */
export interface TemporaryOptions {
  readonly port: FsPort;
  readonly random: RandomSource;
  readonly permissions: number;
  /** Whether temporaries are locked while they are written. Where locks cannot be relied on, nothing is collected either. */
  readonly locked: boolean;
}

/**
 * Makes a new empty file with a unique name in a directory and locks it, so that {@link collectLeftovers} of another process,
 * which takes only what it can lock, leaves it alone.
 *
 * @param directory - Path of the directory.
 */
export async function openTemporary(directory: string, options: TemporaryOptions, failure: Failure): Promise<Temporary> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const path = `${directory}/${temporaryName(options.random)}`;
    const temporary = { path, file: await options.port.open(path, { mode: "create", permissions: options.permissions }) };
    try {
      // A collector may come between the creation and the lock. Then it holds the lock, or has already taken the name away.
      if (!options.locked || ((await temporary.file.tryLock()) && (await temporary.file.stat()).links > 0)) return temporary;
    } catch (error) {
      await discardTemporary(temporary, options.port);
      throw error;
    }
    await temporary.file.close();
  }
  const message = `${failure.operation}: temporary files are taken away as soon as they are made`;
  throw storageError("STORAGE_WRITE_FAILED", message, { ...failure, outcome: "not_applied", retryable: true });
}

/**
 * Removes a temporary that is not needed any more. An error here harms nothing and would hide the one that led here: what is
 * left is collected by the next handle.
 */
export async function discardTemporary(temporary: Temporary, port: FsPort): Promise<void> {
  await port.unlink(temporary.path).catch(() => undefined);
  await temporary.file.close().catch(() => undefined);
}

/**
 * Removes the temporaries of writers that died: those that can be locked. An error harms nothing: what cannot be collected
 * now stays for the next handle.
 *
 * @param directory - Path of the directory.
 * @returns How many were removed.
 */
export async function collectLeftovers(directory: string, port: FsPort): Promise<number> {
  let collected = 0;
  try {
    for (const { name, kind } of await port.readdir(directory)) {
      if (kind === "file" && TEMPORARY_NAME.test(name) && (await collectOne(`${directory}/${name}`, port))) collected += 1;
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
  return collected;
}

const ATTEMPTS = 8;
const RANDOM_BYTES = 16;
const TEMPORARY_NAME = /^\.tmp-\d+-\d+-[0-9a-f]{32}$/;

/** Worker threads share the process id, and process ids come again: so the random part carries the uniqueness. */
export function temporaryName(random: RandomSource): string {
  return `.tmp-${process.pid}-${threadId}-${Buffer.from(random.bytes(RANDOM_BYTES)).toString("hex")}`;
}

async function collectOne(path: string, port: FsPort): Promise<boolean> {
  const file = await port.open(path, { mode: "write" });
  try {
    if (!(await file.tryLock())) return false;
    await port.unlink(path);
    return true;
  } finally {
    await file.close();
  }
}
