import { basename, dirname, join, resolve } from "node:path";
import type { FsPort } from "@holdfast/storage/ports";
import type { CommitSlots } from "./commit-slots.js";
import { isDenied, isFull, quote, storageError, systemCode, toStorageError } from "./errors.js";
import { unlessForeign } from "./foreign-parent.js";
import { collectLeftovers, discardTemporary, openTemporary, temporaryName, type TemporaryOptions } from "./temporaries.js";

/**
 * Makes the root directory, and those above it, where missing, and answers its path without symbolic links.
 *
 * Nothing is put into a directory before its own name is durable. So whatever openings have made, also such as were killed, only
 * the deepest directory that is found can have a name that a power loss takes away: that one's parent is synced before anything
 * is made in it. Where the root itself is found, {@link DurableDirectories} does that before the first answer.
 *
 * @throws STORAGE_UNSAFE_PATH if something else has that name; STORAGE_ACCESS_DENIED, STORAGE_FULL, STORAGE_WRITE_FAILED.
 */
export async function openRoot(root: string, slots: CommitSlots, permissions: number, temporaries: TemporaryOptions): Promise<string> {
  const { port } = temporaries;
  const failure = { operation: "open", key: root, outcome: "not_applied" } as const;
  try {
    const { existing, missing } = await nearestExisting(resolve(root), port);
    let path = existing;
    if (missing.length > 0) await unlessForeign(dirname(path), temporaries, (parent) => slots.run(() => port.syncDirectory(parent)));
    for (const name of missing) {
      const parent = path;
      path = join(parent, name);
      try {
        await port.mkdir(path, permissions);
      } catch (error) {
        // Another process is opening the same root.
        if (systemCode(error) !== "EEXIST") throw error;
        path = await port.realpath(path);
      }
      await slots.run(() => port.syncDirectory(parent));
    }
    const { kind } = await port.lstat(path);
    if (kind === "directory") return path;
    throw storageError("STORAGE_UNSAFE_PATH", `open: ${quote(root)} is no directory but a ${kind}`, failure);
  } catch (error) {
    throw toStorageError(error, failure);
  }
}

/**
 * Tries whether the file system has hard links, on which `create` rests, and collects what writers that died left in the root.
 * A medium that is read-only or full cannot be tried; it can still be read.
 *
 * @throws STORAGE_UNSUPPORTED_FILE_SYSTEM
 */
export async function probeLinks(root: string, fileSystemType: string, options: TemporaryOptions): Promise<void> {
  const { port } = options;
  const failure = { operation: "open", key: root, outcome: "not_applied" } as const;
  try {
    const temporary = await openTemporary(root, options, failure);
    try {
      const second = join(root, temporaryName(options.random));
      await port.link(temporary.path, second);
      await port.unlink(second);
    } catch (error) {
      if (!NO_LINKS.has(systemCode(error) ?? "")) throw error;
      const message = `open: ${quote(root)} is on a file system (${fileSystemType}) without hard links`;
      throw storageError("STORAGE_UNSUPPORTED_FILE_SYSTEM", message, { ...failure, cause: error });
    } finally {
      await discardTemporary(temporary, port);
    }
  } catch (error) {
    if (isDenied(error) || isFull(error)) return;
    throw toStorageError(error, failure);
  }
  if (options.locked) await collectLeftovers(root, port);
}

/** What `link` answers where there are none: EPERM on FAT. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

async function nearestExisting(path: string, port: FsPort): Promise<{ existing: string; missing: readonly string[] }> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    try {
      return { existing: await port.realpath(at), missing };
    } catch (error) {
      if (systemCode(error) !== "ENOENT" || dirname(at) === at) throw error;
      missing.unshift(basename(at));
    }
  }
}
