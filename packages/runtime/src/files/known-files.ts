import { joinPrefix, type StorageBackend, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import type { DirectoryAccess } from "./directory-access.js";
import type { FileMarks } from "./file-mark.js";
import { eventsKey, runtimeFileKey, transcriptKey, workerFileKey, workersPrefix } from "./layout.js";

/** Where it is remembered what files were. */
export interface KnownFilesPlace {
  readonly storage: StorageBackend;
  readonly directories: DirectoryAccess;
  /** Of the object that remembers. It is a hint: without it, or with another one, all files are read. */
  readonly key: StorageKey;
}

/**
 * The stamps that the files of a runtime had when they were as their marks say: a directory of thousands of files that nobody touched since is
 * known to be unchanged without reading them.
 *
 * A stamp is taken before a file is compared, or right behind our own writing of it, and never later: whoever changes the file afterwards
 * changes the stamp.
 */
export class KnownFiles {
  readonly #place: KnownFilesPlace;
  readonly #stamps = new Map<StorageKey, string>();
  #isRemembered = false;

  constructor(place: KnownFilesPlace) {
    this.#place = place;
  }

  /** Whether all files are as their marks say, and there are no others, by what was remembered of them. */
  async areUntouched(prefix: StoragePrefix, marks: FileMarks): Promise<boolean> {
    const { storage, key, directories } = this.#place;
    const remembered = await storage.read(key);
    if (remembered === undefined) return false;
    const workers = workersPrefix(prefix);
    const known = new Set(directoriesOf(workers, marks));
    const entries = (await directories.entries(workers)) ?? [];
    // Other names cannot be those of a worker.
    if (entries.some(({ name, isDirectory }) => isDirectory && !known.has(name) && /^[a-z0-9_-]+$/.test(name))) return false;
    await this.take(filesOf(prefix, marks));
    this.#isRemembered = Buffer.from(remembered).toString() === this.#text(prefix, marks);
    return this.#isRemembered;
  }

  /** Takes the stamps of files that are compared next, or that were written just now. */
  async take(keys: readonly StorageKey[]): Promise<void> {
    const stamps = await this.#place.directories.stamps(keys);
    for (const [index, key] of keys.entries()) this.#stamps.set(key, stamps[index] ?? ABSENT);
    this.#isRemembered = false;
  }

  /** Of every file that there should be, and of every other that there could be. */
  async takeAll(prefix: StoragePrefix, marks: FileMarks): Promise<void> {
    await this.take(filesOf(prefix, marks));
  }

  /** Remembers the stamps of files that are as their marks say. One without a stamp will not be known. */
  async remember(prefix: StoragePrefix, marks: FileMarks): Promise<void> {
    if (this.#isRemembered) return;
    await this.#place.storage.replace(this.#place.key, Buffer.from(this.#text(prefix, marks)));
    this.#isRemembered = true;
  }

  #text(prefix: StoragePrefix, marks: FileMarks): string {
    const lines = filesOf(prefix, marks).map((key) => {
      const mark = marks.get(key);
      return `${key} ${mark === undefined ? ABSENT : `${mark.bytes}:${mark.crc32c}`} ${this.#stamps.get(key) ?? UNKNOWN}\n`;
    });
    return lines.join("");
  }
}

const ABSENT = "-";
/** Of a file in what is remembered: equal to no stamp that is taken. */
const UNKNOWN = "?";

function filesOf(prefix: StoragePrefix, marks: FileMarks): readonly StorageKey[] {
  const workers = workersPrefix(prefix);
  const directories = directoriesOf(workers, marks).map((name) => joinPrefix(workers, name));
  return [runtimeFileKey(prefix), eventsKey(prefix), ...directories.flatMap((directory) => [workerFileKey(directory), transcriptKey(directory)])];
}

/** Names of directories of workers, in order. */
function directoriesOf(workers: StoragePrefix, marks: FileMarks): readonly string[] {
  const names = new Set<string>();
  for (const key of marks.keys()) {
    const name = key.startsWith(workers) ? key.slice(workers.length).split("/")[0] : undefined;
    if (name !== undefined) names.add(name);
  }
  return [...names].sort();
}
