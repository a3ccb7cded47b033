import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { killChildren } from "./child.js";
import { runToolNow } from "./run-tool.js";
import { removeNow } from "../../../../scripts/command-line.js";

/** A directory of this run alone, and everything that has to be undone when it ends, however it ends. */
export interface Workspace {
  /** Absolute path. */
  readonly path: string;
  /** Makes an empty directory below it, whatever stood there before, and answers its path. */
  directory(name: string): string;
  /** Has `undo` called at the end, before what was registered earlier. The answer takes it back: then it is done, or no longer needed. */
  onEnd(undo: () => void): () => void;
  /** Undoes everything and removes the directory. Idempotent. */
  remove(): void;
}

/** Where the runs of this program put their directories: in the repository, ignored by git. */
export const scratchRoot: string = fileURLToPath(new URL("../../../../.scratch/crash-lab", import.meta.url));

/**
 * Makes the directory. When this process ends, however that comes about, its children are ended and everything is undone. What an earlier run left
 * behind that was killed is undone first; the names of directories say whose they are, and nothing else is touched.
 *
 * @param below - Default: {@link scratchRoot}.
 */
export function openWorkspace(below: string = scratchRoot): Workspace {
  mkdirSync(below, { recursive: true });
  removeLeftovers(below);
  const path = mkdtempSync(join(below, `crash-lab-${process.pid}-`));
  const undos: (() => void)[] = [];
  const remove = (): void => {
    killChildren();
    for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) undo();
    releaseBelow(path);
    removeNow(path);
    process.off("exit", remove);
  };
  process.once("exit", remove);
  return {
    path,
    directory: (name) => {
      const directory = join(path, name);
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { recursive: true });
      return directory;
    },
    onEnd: (undo) => {
      undos.push(undo);
      return () => {
        const index = undos.lastIndexOf(undo);
        if (index >= 0) undos.splice(index, 1);
      };
    },
    remove,
  };
}

/** Unmounts what is mounted below a directory and detaches the loop devices whose files lie there, as often as one uncovers another. */
function releaseBelow(directory: string): void {
  for (let round = 0; round < MAX_NESTING; round++) {
    const mounts = mountsBelow(directory, readIfThere("/proc/self/mountinfo"));
    const devices = loopDevicesBelow(directory);
    if (mounts.length === 0 && devices.length === 0) return;
    for (const mount of mounts) if (!runToolNow("umount", [mount])) runToolNow("umount", ["-l", mount]);
    for (const device of devices) runToolNow("losetup", ["-d", device]);
  }
}

/**
 * The mount points below a directory, innermost first.
 *
 * @param mountinfo - As in /proc/self/mountinfo: https://docs.kernel.org/filesystems/proc.html
 */
export function mountsBelow(directory: string, mountinfo: string): readonly string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .map((path) => path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((path) => path.startsWith(`${directory}/`))
    .reverse();
}

/** A loop device over a FUSE file over a directory is three; two more for what a failed step uncovers. */
const MAX_NESTING = 5;
/** Six characters are what mkdtemp adds. */
const RUN_NAME = /^crash-lab-(\d+)-[A-Za-z0-9]{6}$/;

function removeLeftovers(below: string): void {
  for (const name of readdirSync(below)) {
    const pid = Number(RUN_NAME.exec(name)?.[1] ?? 0);
    if (pid === 0 || isAlive(pid)) continue;
    releaseBelow(join(below, name));
    rmSync(join(below, name), { recursive: true, force: true, maxRetries: 3 });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"; // somebody else's: alive
  }
}

function loopDevicesBelow(directory: string): readonly string[] {
  if (!existsSync("/sys/block")) return [];
  return readdirSync("/sys/block")
    .filter((name) => /^loop\d+$/.test(name))
    .filter((name) => readIfThere(`/sys/block/${name}/loop/backing_file`).startsWith(`${directory}/`))
    .map((name) => `/dev/${name}`);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // a system without it, or a device that was detached just now: nothing to release
  }
}
