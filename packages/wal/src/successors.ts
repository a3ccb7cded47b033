import type { StorageBackend, StoragePrefix } from "@holdfast/storage";
import { isShrinking, PlanReader, readFailed } from "./file-recovery.js";
import type { SegmentScan } from "./format/scan.js";
import { segmentKey } from "./layout.js";

/** The segment that a reader takes for the newest of the history. */
export interface Head {
  readonly number: number;
  readonly provenBytes: number;
}

/**
 * Watches the files that are newer than the head: one that was made ahead, or one that an opening is filling. That such a file
 * becomes the head shows in nothing but its own bytes.
 */
export class Successors {
  readonly #storage: StorageBackend;
  readonly #prefix: StoragePrefix;
  #seen = new Map<number, Sighting>();

  constructor(storage: StorageBackend, prefix: StoragePrefix) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  /**
   * Whether one of them has become part of the history, proves more of the head than is known, or is not what a writer leaves.
   *
   * @param numbers - Of all segments that are there.
   */
  async overtake(head: Head, numbers: readonly number[]): Promise<boolean> {
    const newer = numbers.filter((it) => it > head.number);
    this.#seen = new Map([...this.#seen].filter(([number]) => newer.includes(number)));
    for (const number of newer) if ((await this.#hasChanged(number)) && (await this.#overtakes(head, number))) return true;
    return false;
  }

  /** A file whose size and time are the same is mostly left alone: one that an interrupted opening left may be large. */
  async #hasChanged(number: number): Promise<boolean> {
    const entry = await this.#storage.stat(segmentKey(this.#prefix, number));
    const seen = this.#seen.get(number);
    if (entry === undefined || seen?.size !== entry.size || seen.modifiedAt !== entry.modifiedAt) {
      this.#seen.set(number, { size: entry?.size ?? 0, modifiedAt: entry?.modifiedAt ?? 0, looks: 0 });
      return true;
    }
    // Times are coarse: something may have been written right behind the last look.
    seen.looks++;
    return seen.looks % LOOKS_BEFORE_DOUBT === 0;
  }

  async #overtakes(head: Head, number: number): Promise<boolean> {
    const scan = await this.#scan(number);
    if (scan?.class === "absent" || scan?.class === "prepared") return false;
    if (scan?.class !== "begun") return true;
    const { predecessor } = scan.begin;
    return predecessor?.number === head.number && predecessor.provenBytes > head.provenBytes;
  }

  /** `undefined`: it has gone, or changed while it was read. */
  async #scan(number: number): Promise<SegmentScan | undefined> {
    const key = segmentKey(this.#prefix, number);
    try {
      return await new PlanReader(this.#storage, this.#prefix, undefined).scan(number, key);
    } catch (error) {
      if (isShrinking(error)) return undefined;
      throw readFailed(error, key);
    }
  }
}

interface Sighting {
  readonly size: number;
  readonly modifiedAt: number;
  /** Looks at it since. */
  looks: number;
}

const LOOKS_BEFORE_DOUBT = 20;
