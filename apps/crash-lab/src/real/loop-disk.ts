import { mkdirSync, readdirSync, readlinkSync } from "node:fs";

import { firstMissing, linux, loopDevices, root, tool } from "./machine.js";
import { runTool, runToolNow, ToolError } from "./run-tool.js";
import type { Workspace } from "./workspace.js";

/** A file as a disk. */
export interface LoopDisk {
  /** `/dev/loop…` */
  readonly device: string;
  /** Makes a file system on it. */
  format(fileSystem: FileSystem, options?: readonly string[]): Promise<void>;
  /** Mounts it at a directory, which is made. */
  mount(directory: string, fileSystem: FileSystem, options?: readonly string[]): Promise<void>;
  /** Unmounts it. Waits a moment for who still closes files: whoever goes on using it makes this fail. */
  unmount(directory: string): Promise<void>;
  /** Gives the device back. */
  detach(): Promise<void>;
}

/** File systems that know FS_IOC_SHUTDOWN and can be made here. */
export type FileSystem = "ext4" | "xfs";

/** Why there can be no loop disk with this file system here, or `undefined`. */
export function whyNoLoopDisk(fileSystem: FileSystem): string | undefined {
  return firstMissing([linux, root, loopDevices, tool("losetup"), tool("mount"), tool("umount"), tool(`mkfs.${fileSystem}`)]);
}

/**
 * Makes a file a block device.
 *
 * @param file - Absolute path of what the disk holds.
 * @throws ToolError where loop devices may not be used, as in most containers.
 */
export async function attachLoopDisk(file: string, workspace: Workspace): Promise<LoopDisk> {
  const device = (await runTool("losetup", ["--find", "--show", file])).trim();
  if (!/^\/dev\/loop\d+$/.test(device)) throw new ToolError(`losetup answered ${JSON.stringify(device)}`);
  const isDetached = workspace.onEnd(() => runToolNow("losetup", ["-d", device]));
  const areUnmounted = new Map<string, () => void>();
  return {
    device,
    format: async (fileSystem, options = []) => {
      await runTool(`mkfs.${fileSystem}`, [...FORMAT[fileSystem], ...options, device]);
    },
    mount: async (directory, fileSystem, options = []) => {
      mkdirSync(directory, { recursive: true });
      const chosen = options.length === 0 ? [] : ["-o", options.join(",")];
      await runTool("mount", ["-t", fileSystem, ...chosen, device, directory]);
      areUnmounted.set(directory, workspace.onEnd(() => runToolNow("umount", ["-l", directory])));
    },
    unmount: async (directory) => {
      await unmountSoon(directory);
      areUnmounted.get(directory)?.();
      areUnmounted.delete(directory);
    },
    detach: async () => {
      await runTool("losetup", ["-d", device]);
      isDetached();
    },
  };
}

const UNMOUNT_MS = 5_000;
const TRY_AGAIN_MS = 20;

async function unmountSoon(directory: string): Promise<void> {
  const until = performance.now() + UNMOUNT_MS;
  for (;;) {
    try {
      await runTool("umount", [directory]);
      return;
    } catch (error) {
      if (performance.now() > until) throw new ToolError(`${String(error)}; this process has open: ${openBelow(directory).join(" ") || "nothing there"}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, TRY_AGAIN_MS);
    });
  }
}

/** The files below a directory that this process has open. */
function openBelow(directory: string): readonly string[] {
  return readdirSync("/proc/self/fd")
    .map((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`);
      } catch {
        return ""; // closed meanwhile
      }
    })
    .filter((path) => path.startsWith(`${directory}/`));
}

/** Quietly, and whatever is there; ext4 without the work that it puts off until it is mounted. */
const FORMAT: Readonly<Record<FileSystem, readonly string[]>> = {
  ext4: ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
  xfs: ["-q", "-f"],
};
