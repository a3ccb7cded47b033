import type { StorageBody, StorageEntry, StorageKey } from "@holdfast/storage";
import { writeBody } from "./body.js";
import type { CommitSlots } from "./commit-slots.js";
import { directoryOf } from "./durable-directories.js";
import { absentIsUndefined, storageError, systemCode } from "./errors.js";
import { giveName, publishName, refuseTaken, type NameParts, type PutFailure } from "./object-names.js";
import { refuseOtherThanFile } from "./reading.js";
import { collectLeftovers, discardTemporary, openTemporary, type TemporaryOptions } from "./temporaries.js";

/** What an {@link ObjectWriter} writes with. */
export interface ObjectWriterParts extends NameParts {
  readonly slots: CommitSlots;
  readonly temporaries: TemporaryOptions;
}

/**
 * Writes whole objects: under a name that no key can have, synced, then linked (`create`) or renamed (`replace`) to the name of
 * the key, then the directory is synced.
 */
export class ObjectWriter {
  readonly #parts: ObjectWriterParts;
  /** Directories where leftovers were collected, or are being collected. */
  readonly #collected = new Map<string, Promise<unknown>>();

  constructor(parts: ObjectWriterParts) {
    this.#parts = parts;
  }

  /**
   * @returns The entry, when the object is durable.
   * @throws STORAGE_ALREADY_EXISTS for `create`; STORAGE_TOO_LARGE, STORAGE_UNSAFE_PATH; what `readBody` throws; the reason of
   * the signal; system errors.
   */
  async put(key: StorageKey, body: StorageBody, failure: PutFailure, signal: AbortSignal | undefined): Promise<StorageEntry> {
    const { port, slots, directories, temporaries } = this.#parts;
    const { operation } = failure;
    const directory = directoryOf(key);
    await directories.make(directory);
    await this.#checkTarget(key, failure);
    await this.#collect(directory);
    const temporary = await directories.within(directory, () => openTemporary(directories.directoryPath(directory), temporaries, failure));
    let entry: StorageEntry;
    try {
      const size = await writeBody(temporary.file, body, slots, failure, signal);
      entry = { key, size, modifiedAt: (await temporary.file.stat()).modifiedAt };
      signal?.throwIfAborted();
      await giveName(temporary.path, key, this.#parts, failure);
    } catch (error) {
      await discardTemporary(temporary, port);
      if (systemCode(error) !== "EFBIG") throw error;
      const message = `${operation}: the body is larger than the file system or a limit of the process allows`;
      throw storageError("STORAGE_TOO_LARGE", message, { ...failure, cause: error });
    }
    if (operation === "create") await discardTemporary(temporary, port);
    // Everything was synced before: an error of closing says nothing about it.
    else await temporary.file.close().catch(() => undefined);
    await publishName(key, directories, failure);
    return entry;
  }

  /** Refuses what is no plain file. For `create` an early answer; the late one is given by `link`. */
  async #checkTarget(key: StorageKey, failure: PutFailure): Promise<void> {
    const stat = await absentIsUndefined(this.#parts.port.lstat(this.#parts.directories.path(key)));
    if (stat === undefined) return;
    refuseOtherThanFile(stat, failure);
    if (failure.operation === "create") await refuseTaken(key, this.#parts, failure);
  }

  /** Once for each directory, before the first write to it. */
  async #collect(directory: string): Promise<void> {
    const { port, directories, temporaries } = this.#parts;
    if (!temporaries.locked) return;
    let collected = this.#collected.get(directory);
    if (collected === undefined) {
      if (this.#collected.size >= MAX_REMEMBERED) this.#collected.clear();
      collected = collectLeftovers(directories.directoryPath(directory), port);
      this.#collected.set(directory, collected);
    }
    await collected;
  }
}

const MAX_REMEMBERED = 65_536;
