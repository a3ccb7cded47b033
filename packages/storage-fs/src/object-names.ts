import type { StorageKey } from "@holdfast/storage";
import type { FsPort } from "@holdfast/storage/ports";
import { directoryOf, type DurableDirectories } from "./durable-directories.js";
import { absentIsUndefined, isDenied, isFull, quote, storageError, systemCode, toStorageError, type Failure } from "./errors.js";
import { refuseOtherThanFile } from "./reading.js";

/** Where names are given. */
export interface NameParts {
  readonly port: FsPort;
  readonly directories: DurableDirectories;
}

/** Which write of a whole object it is, and what its errors say. */
export interface PutFailure extends Failure {
  readonly operation: "create" | "replace";
}

/**
 * Gives a file that is written and synced the name of its key: for `create` by `link`, which decides who is first, for
 * `replace` by `rename`. The name is there then, but not durable.
 *
 * @param path - Path of the file as it is named now.
 * @throws STORAGE_ALREADY_EXISTS for `create`; STORAGE_UNSAFE_PATH; system errors where nothing was changed; STORAGE_WRITE_FAILED
 * with outcome `unknown` where that cannot be told.
 */
export async function giveName(path: string, key: StorageKey, parts: NameParts, failure: PutFailure): Promise<void> {
  const { port, directories } = parts;
  try {
    if (failure.operation === "create") await port.link(path, directories.path(key));
    else await port.rename(path, directories.path(key));
  } catch (error) {
    if (systemCode(error) === "EEXIST") return refuseTaken(key, parts, failure);
    throw perhapsNamed(error, key, directories, failure);
  }
}

/**
 * What is thrown when giving a name has failed: the error itself where nothing was changed. Else the name may be there, which the
 * error says, and it is not answered before it is durable.
 *
 * @param error - What `link`, `rename`, or `open` of a new file has thrown.
 */
export function perhapsNamed(error: unknown, key: StorageKey, directories: DurableDirectories, failure: Failure): unknown {
  if (isFull(error) || isDenied(error) || NOT_APPLIED.has(systemCode(error) ?? "")) return error;
  directories.doubt(directoryOf(key));
  return toStorageError(error, { ...failure, outcome: "unknown" });
}

/**
 * Makes a name durable that was given.
 *
 * @throws Errors with outcome `unknown`: whether the name lasts is not known then.
 */
export async function publishName(key: StorageKey, directories: DurableDirectories, failure: Failure): Promise<void> {
  try {
    await directories.publish(directoryOf(key));
  } catch (error) {
    throw toStorageError(error, { ...failure, outcome: "unknown" });
  }
}

/**
 * Who is told that an object is there must be able to rely on it: its name is made durable first.
 *
 * @throws STORAGE_ALREADY_EXISTS; STORAGE_UNSAFE_PATH if no plain file has the name; system errors.
 */
export async function refuseTaken(key: StorageKey, { port, directories }: NameParts, failure: Failure): Promise<never> {
  const stat = await absentIsUndefined(port.lstat(directories.path(key)));
  if (stat !== undefined) refuseOtherThanFile(stat, failure);
  await directories.publish(directoryOf(key));
  throw storageError("STORAGE_ALREADY_EXISTS", `${failure.operation}: ${quote(key)} exists`, failure);
}

/** Errors of `link`, `rename` and `open` that say, beside those of room and access, that nothing was changed. */
const NOT_APPLIED: ReadonlySet<string> = new Set([
  "EISDIR",
  "ELOOP",
  "EMLINK",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOSYS",
  "ENOTDIR",
  "ENOTEMPTY",
  "ENOTSUP",
  "EOPNOTSUPP",
  "EXDEV",
]);
