import { chmod, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";

import type { Child, ChildEnd } from "../child.js";
import { inTime } from "../in-time.js";
import { firstMissing, linux, root as asRoot, tool, type Need } from "../machine.js";
import { runTool, runToolNow } from "../run-tool.js";
import { runScript, type Prepared } from "./prepared.js";
import { checkAfter, type Case, type Run } from "./run.js";

/** Each store's script on a file system that is full, under limits of the process, on a read-only medium, and without rights. */
export function limitCases(all: readonly Prepared[], run: Run): readonly Case[] {
  return [...FULL, ...PROCESS, ...RIGHTS].flatMap((limit) => {
    const missing = firstMissing(limit.needs);
    if (missing === undefined) return all.map((prepared) => limitCase(limit, prepared, run));
    run.skipped.push({ what: limit.name, reason: missing });
    return [];
  });
}

/** Something that the system itself refuses: real errors, at places that nobody chose. */
interface Limit {
  readonly name: string;
  readonly needs: readonly Need[];
  /** A command that starts the child under the limit. */
  readonly through?: readonly string[];
  /** The option of `prlimit` that is imposed on the child when it has been loaded. */
  prlimit?(highestDescriptor: number): string;
  /** The store lies on a tmpfs of its own, which is mounted anew with these options when the child has been loaded. */
  remount?(used: { readonly bytes: number; readonly inodes: number }): string;
  /** Permissions of the store's directories, when the child has been loaded. */
  readonly directoryMode?: number;
}

const KIB = 1024;
const MOUNTING = [linux, asRoot, tool("mount"), tool("umount")];
const LIMITING = [linux, tool("prlimit")];

/** Room for so much more, and then none. */
const FULL: readonly Limit[] = [
  ...[0, 4, 12, 40, 100].map((kib): Limit => ({ name: `a disk with ${kib} KiB left`, needs: MOUNTING, remount: ({ bytes }) => `size=${bytes + kib * KIB}` })),
  ...[0, 1, 2, 4].map((left): Limit => ({ name: `a disk with ${left} inodes left`, needs: MOUNTING, remount: ({ inodes }) => `nr_inodes=${inodes + left}` })),
  { name: "a read-only medium", needs: MOUNTING, remount: () => "ro" },
];

/** Files of at most so many bytes (a short write, then EFBIG), and room for so many more descriptors (then EMFILE). */
const PROCESS: readonly Limit[] = [
  ...[4, 10, 20, 65].map((kib): Limit => ({ name: `files of at most ${kib} KiB`, needs: LIMITING, prlimit: () => `--fsize=${kib * KIB}` })),
  ...[0, 1, 2, 3, 4, 6].map((more): Limit => ({ name: `${more} more descriptors`, needs: LIMITING, prlimit: (highest) => `--nofile=${highest + 1 + more}` })),
];

/** Root obeys permissions when it has given up its capabilities. */
const RIGHTS: readonly Limit[] = [
  ["directories that may not be written to", 0o500],
  ["directories that may not be entered", 0o600],
].map(([name, directoryMode]) => ({
  name: String(name),
  needs: [linux, asRoot, tool("setpriv")],
  through: ["setpriv", "--inh-caps=-all", "--bounding-set=-all"],
  directoryMode: Number(directoryMode),
}));

function limitCase(limit: Limit, prepared: Prepared, run: Run): Case {
  const where = `${prepared.store}: ${limit.name}`;
  const attempt = async (mountPoint: string): Promise<void> => {
    const root = join(mountPoint, "store");
    if (limit.remount !== undefined) await runTool("mount", ["-t", "tmpfs", "-o", "size=64m", "crash-lab", mountPoint]);
    try {
      const impose = async (child: Child): Promise<ChildEnd> => {
        await imposeOn(child, limit, mountPoint, root);
        child.tell("go");
        return inTime("a script under a limit", child.ended());
      };
      const end = await runScript(prepared, root, limit.through === undefined ? {} : { through: limit.through }, impose);
      if (limit.remount !== undefined) await remount(mountPoint, "rw,size=64m,nr_inodes=1000");
      if (limit.directoryMode !== undefined) await chmodDirectories(root, 0o700);
      if (!end.isComplete) run.violations.push({ kind: "died", where, detail: `the script did not come to its end: ${end.signal ?? `code ${String(end.code)}`}` });
      run.counts.add("limits tried");
      run.counts.add(end.refused > 0 ? "limits that refused something" : "limits that refused nothing");
      await checkAfter(end.history, root, where, run);
    } finally {
      if (limit.remount !== undefined && !runToolNow("umount", [mountPoint])) runToolNow("umount", ["-l", mountPoint]);
    }
  };
  return { where, attempt };
}

async function imposeOn(child: Child, limit: Limit, mountPoint: string, root: string): Promise<void> {
  if (limit.remount !== undefined) await remount(mountPoint, limit.remount(await usage(mountPoint)));
  if (limit.directoryMode !== undefined) await chmodDirectories(root, limit.directoryMode);
  if (limit.prlimit !== undefined) await runTool("prlimit", ["--pid", String(child.pid), limit.prlimit(await highestDescriptor(child.pid))]);
}

async function highestDescriptor(pid: number): Promise<number> {
  return Math.max(...(await readdir(`/proc/${pid}/fd`)).map(Number));
}

async function usage(mountPoint: string): Promise<{ readonly bytes: number; readonly inodes: number }> {
  const { blocks, bfree, bsize, files, ffree } = await statfs(mountPoint);
  return { bytes: (blocks - bfree) * bsize, inodes: files - ffree };
}

async function remount(mountPoint: string, options: string): Promise<void> {
  await runTool("mount", ["-o", `remount,${options}`, mountPoint]);
}

/** From the innermost out when rights are taken, so that the way there stays open; root finds its way back with all of its own. */
async function chmodDirectories(directory: string, mode: number): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await chmodDirectories(join(directory, entry.name), mode);
  }
  await chmod(directory, mode);
}
