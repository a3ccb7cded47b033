import { hasCode, type AppendFile, type AppendOpenOptions, type StorageKey } from "@holdfast/storage";
import type { FsFile, FsFileSystem } from "@holdfast/storage/ports";
import { FsAppendFile } from "./append-file.js";
import { checkSize } from "./arguments.js";
import type { CommitSlots } from "./commit-slots.js";
import { DirectWrites } from "./direct-writes.js";
import { directoryOf } from "./durable-directories.js";
import { absentIsUndefined, quote, storageError, systemCode, type Failure } from "./errors.js";
import { refuseForeignLocks } from "./lock.js";
import { perhapsNamed, publishName, refuseTaken, type NameParts } from "./object-names.js";
import { refuseOtherThanFile } from "./reading.js";
import { Reservation } from "./reservation.js";

/** What {@link openForAppending} needs. */
export interface AppendOpenParts extends NameParts {
  readonly slots: CommitSlots;
  /** Permission bits of a file that is made. */
  readonly fileMode: number;
  readonly allowNetworkFileSystem: boolean;
  /** Whether files whose space is reserved are written past the cache where the file system can. */
  readonly directWrites: boolean;
  /** Called once when the file is closed. */
  readonly onClose: (file: AppendFile) => void;
}

/**
 * Makes a file that grows in place, or opens one to go on behind its end. Its name, and what it holds, are durable when this
 * resolves.
 *
 * @throws STORAGE_INVALID_ARGUMENT; STORAGE_ALREADY_EXISTS for `create`, STORAGE_NOT_FOUND for `continue`; STORAGE_UNSAFE_PATH;
 * STORAGE_UNSUPPORTED_FILE_SYSTEM where the local kernel does not keep locks; STORAGE_FULL; system errors.
 */
export async function openForAppending(
  key: StorageKey,
  options: AppendOpenOptions,
  parts: AppendOpenParts,
  failure: Failure,
): Promise<FsAppendFile> {
  const { port, slots, onClose } = parts;
  const reserveBytes = options.mode === "create" ? (options.reserveBytes ?? 0) : 0;
  checkSize("reserveBytes", reserveBytes, failure);
  const dsync = options.sync !== "manual" && port.appendMode() === "dsync";
  const opened = options.mode === "create" ? await createFile(key, dsync, parts, failure) : await continueFile(key, dsync, parts, failure);
  // Who asks for space ahead says that zeros may stand behind the appends: whole blocks may be written then.
  const reserves = reserveBytes > 0 && !opened.fileSystem.copyOnWrite;
  return new FsAppendFile({
    slots,
    key,
    file: opened.file,
    size: opened.size,
    flush: options.sync === "manual" ? "none" : dsync ? "dsync" : "datasync",
    reservation: reserves ? new Reservation(reserveBytes) : undefined,
    direct: reserves && dsync && parts.directWrites ? await openDirect(key, opened.file, parts) : undefined,
    onClose,
  });
}

/** Opens a new file once more, past the cache. `undefined`: its file system knows no such way, or the name leads to another file by now. */
async function openDirect(key: StorageKey, made: FsFile, { port, directories }: AppendOpenParts): Promise<DirectWrites | undefined> {
  let file: FsFile;
  try {
    file = await port.open(directories.path(key), { mode: "write", dsync: true, direct: true });
  } catch {
    return undefined; // Whatever the reason: through the cache it works, or says what is wrong.
  }
  const direct = new DirectWrites(file);
  try {
    const [one, other] = await Promise.all([file.stat(), made.stat()]);
    if (one.identity === other.identity) return direct;
  } catch {
    // As above.
  }
  await direct.close();
  return undefined;
}

interface Opened {
  readonly file: FsFile;
  readonly size: number;
  readonly fileSystem: FsFileSystem;
}

async function createFile(key: StorageKey, dsync: boolean, parts: AppendOpenParts, failure: Failure): Promise<Opened> {
  const { port, directories, fileMode } = parts;
  const directory = directoryOf(key);
  await directories.make(directory);
  const fileSystem = await refuseForeignLocks(directories.directoryPath(directory), parts, failure);
  const path = directories.path(key);
  let file: FsFile;
  try {
    file = await directories.within(directory, () => port.open(path, { mode: "create", dsync, permissions: fileMode }));
  } catch (error) {
    if (systemCode(error) === "EEXIST") return refuseTaken(key, parts, failure);
    throw perhapsNamed(error, key, directories, failure);
  }
  try {
    await publishName(key, directories, failure);
  } catch (error) {
    const isGone = await takeBack(path, file, key, parts);
    if (!isGone || !hasCode(error, "STORAGE_FULL")) throw error;
    throw storageError("STORAGE_FULL", error.message, { ...failure, cause: error, retryable: true });
  }
  return { file, size: 0, fileSystem };
}

/**
 * Removes an empty file again that nobody was told of.
 *
 * @returns Whether it is gone for good. If not, an empty object may be left, which is what the error that led here says.
 */
async function takeBack(path: string, file: FsFile, key: StorageKey, { port, directories }: AppendOpenParts): Promise<boolean> {
  try {
    await port.unlink(path);
    await file.close();
    await directories.publish(directoryOf(key));
    return true;
  } catch {
    await file.close().catch(() => undefined);
    return false;
  }
}

async function continueFile(key: StorageKey, dsync: boolean, parts: AppendOpenParts, failure: Failure): Promise<Opened> {
  const { port, slots, directories } = parts;
  const directory = directoryOf(key);
  const missing = (): Error => storageError("STORAGE_NOT_FOUND", `open: ${quote(key)} does not exist`, failure);
  if (!(await directories.enter(directory))) throw missing();
  const fileSystem = await refuseForeignLocks(directories.directoryPath(directory), parts, failure);
  const file = await absentIsUndefined(port.open(directories.path(key), { mode: "write", dsync }));
  if (file === undefined) throw missing();
  try {
    const stat = await file.stat();
    refuseOtherThanFile(stat, failure);
    // What is found becomes durable before anything is put behind it, its name included: whoever made it may have died before
    // that, and a later synced write pins only its own bytes.
    await slots.run(() => file.datasync());
    await directories.publish(directory);
    return { file, size: stat.size, fileSystem };
  } catch (error) {
    // Nothing was written through it: an error of closing would only hide the one that led here.
    await file.close().catch(() => undefined);
    throw error;
  }
}
