import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Why something is not run here. Printed and counted: what was not run is not claimed. */
export interface Skip {
  readonly what: string;
  readonly reason: string;
}

/** The path of a program, or `undefined`. Also looked for where the programs of the system's administrator are. */
export function findTool(name: string): string | undefined {
  const { PATH = "" } = process.env;
  const folders = [...PATH.split(delimiter), "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path));
}

/** The first reason for which this machine cannot do something, or `undefined`. */
export function firstMissing(needs: readonly Need[]): string | undefined {
  return needs.find((need) => !need.isThere())?.reason;
}

/** Something a machine must have. */
export interface Need {
  readonly reason: string;
  isThere(): boolean;
}

/** The system calls and ioctls that are used. */
export const linux: Need = {
  reason: `needs Linux, this is ${process.platform}`,
  isThere: () => process.platform === "linux",
};

/** The right to mount. */
export const root: Need = {
  reason: "needs root, to mount file systems",
  isThere: () => process.getuid?.() === 0,
};

/** Block devices over files. */
export const loopDevices: Need = {
  reason: "there are no loop devices (/dev/loop-control)",
  isThere: () => existsSync("/dev/loop-control"),
};

/** File systems served by a process. */
export const fuse: Need = {
  reason: "there is no FUSE (/dev/fuse)",
  isThere: () => existsSync("/dev/fuse"),
};

/** Issues an ioctl without anything having to be compiled. */
export const ioctlTool: Need = {
  reason: "neither perl nor python3 is there, to issue an ioctl",
  isThere: () => findTool("perl") !== undefined || findTool("python3") !== undefined,
};

/** The need for a program on the PATH, by its name. */
export function tool(name: string): Need {
  return { reason: `${name} is not there`, isThere: () => findTool(name) !== undefined };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not ours to run: both mean that we cannot
  }
}
