import { rmSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";

import { killChildren } from "./child.js";
import { RefusedError } from "./refused.js";

/** A directory of this run alone, gone when the run ends. */
export interface Scratch {
  /** Absolute path. */
  readonly path: string;
  /** Makes an empty directory of this name, whatever stood there before, and answers its path. */
  directory(name: string): Promise<string>;
  /** Removes a directory made by `directory` and waits until the disk knows. */
  discard(path: string): Promise<void>;
  /** Bytes that this user may still write there. */
  freeBytes(): Promise<number>;
  /** Removes everything. Idempotent. */
  remove(): void;
}

/**
 * Makes a scratch directory below `root`. SIGINT and SIGTERM remove it, end the child processes, and then this process.
 *
 * @throws {@link RefusedError} if `root` lies in memory: nothing is durable there, so nothing could be proven or compared.
 */
export async function openScratch(root: string): Promise<Scratch> {
  const made = await mkdir(root, { recursive: true });
  if (isInMemory(await statfs(root))) {
    if (made !== undefined) rmSync(made, { recursive: true });
    throw new RefusedError(
      `${root} lies on a file system that is kept in memory (tmpfs or ramfs). A write there is durable as soon as it is made and never ` +
        `survives power loss, so the figures would mean nothing. Name a directory on a disk with --dir.`,
    );
  }
  const path = await mkdtemp(join(root, "run-"));
  const remove = (): void => {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  };
  removeOnSignal(remove);
  return {
    path,
    directory: async (name) => {
      const directory = join(path, name);
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory, { recursive: true });
      return directory;
    },
    discard: async (directory) => {
      await rm(directory, { recursive: true, force: true });
      await syncDirectory(path);
    },
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    },
    remove,
  };
}

/** Directories that runs left behind which could not clean up, because they were killed or are still running. */
export async function otherRuns(root: string, scratch: Scratch): Promise<readonly string[]> {
  const names = await readdir(root);
  return names.map((name) => join(root, name)).filter((path) => path !== scratch.path);
}

/** Whether a file system is one that Linux keeps in memory; elsewhere the magic numbers mean nothing, and none is known to. */
export function isInMemory(fileSystem: { readonly type: number }, platform: string = process.platform): boolean {
  return platform === "linux" && IN_MEMORY_MAGIC.has(fileSystem.type);
}

/** tmpfs and ramfs, from linux/magic.h. */
const IN_MEMORY_MAGIC: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

function removeOnSignal(remove: () => void): void {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    process.once(signal, () => {
      killChildren();
      remove();
      process.exit(code);
    });
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return; // directories cannot be opened there
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
