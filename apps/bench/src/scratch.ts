import { mkdtempSync } from "node:fs";
import { mkdir, open, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";

import { killChildren } from "./child.js";
import { removeNow } from "../../../scripts/command-line.js";

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
  /** Ends the children and removes everything. Idempotent. */
  remove(): void;
}

/** Makes a scratch directory below `root`. When this process ends, however that comes about, its children are ended and the directory is removed. */
export async function openScratch(root: string): Promise<Scratch> {
  await mkdir(root, { recursive: true });
  // At once: a signal that comes between the making and the line that knows of it would leave the directory behind.
  const path = mkdtempSync(join(root, PREFIX));
  const remove = (): void => {
    killChildren();
    removeNow(path);
    process.off("exit", remove);
  };
  process.once("exit", remove);
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
  return names.filter((name) => SCRATCH_NAME.test(name)).map((name) => join(root, name)).filter((path) => path !== scratch.path);
}

const PREFIX = "run-";
/** Six characters are what mkdtemp adds. Anything else in the directory is somebody else's. */
const SCRATCH_NAME = /^run-[A-Za-z0-9]{6}$/;

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return; // directories cannot be opened there
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
