import { announcePack, announceProblem } from "./diagnostics.js";
import { encodePack, OBJECT_HEADER_BYTES } from "./format/object.js";
import type { LogObjects } from "./log-objects.js";
import { createShared } from "./object-create.js";
import { logKey, packKey } from "./object-layout.js";
import { mergeObjects, PACK_BYTES } from "./object-merge.js";

/**
 * Keeps the objects of a writer's term in memory until there are enough of them for a pack, and makes it: nothing has to be read,
 * and nothing checked, since these are the log's objects. The newest one is left out. What earlier writers left unpacked is
 * merged by reading, when it and these together are enough for a pack.
 */
export class ObjectPacker {
  packs = 0;
  readonly #objects: LogObjects;
  readonly #packObjects: number;
  readonly #signal: AbortSignal;
  /** Objects of this term at consecutive positions, the last one the newest of the log. */
  #run: Uint8Array[] = [];
  #runBytes = 0;
  /** Position of the first of them. */
  #first: number;
  /** Unpacked objects before the run. */
  #behind: number;
  /** After a failure: how many more objects have to come before it is tried again. */
  #rest = 0;
  #isPacking = false;

  /**
   * @param first - Position of the first object that will be added: the writer's claim.
   * @param behind - Unpacked objects before it.
   * @param signal - Aborts what is merged by reading.
   */
  constructor(objects: LogObjects, packObjects: number, first: number, behind: number, signal: AbortSignal) {
    this.#objects = objects;
    this.#packObjects = packObjects;
    this.#first = first;
    this.#behind = behind;
    this.#signal = signal;
  }

  /** An object of this term is in the log, behind those that were added before. */
  add(bytes: Uint8Array): void {
    this.#run.push(bytes);
    this.#runBytes += bytes.length;
    if (this.#rest > 0) this.#rest--;
  }

  /** An object that is still in memory. */
  held(position: number): Uint8Array | undefined {
    return this.#run[position - this.#first];
  }

  /** What lies at or below a floor needs no pack. Not while {@link pack} is at work. */
  forget(floor: number): void {
    const forgotten = Math.min(Math.max(floor - this.#first + 1, 0), this.#run.length);
    if (floor >= this.#first - 1) this.#behind = 0;
    this.#letGo(forgotten);
  }

  /** Bytes in memory. */
  get heldBytes(): number {
    return this.#runBytes;
  }

  /** Whether it is time to call {@link pack}. */
  get isDue(): boolean {
    return !this.#isPacking && this.#rest === 0 && (this.#mustMerge || this.#packable() > 0);
  }

  /** Merges and packs what is due. Never rejects: what fails is told, and tried again later, by this writer or another. */
  async pack(): Promise<void> {
    this.#isPacking = true;
    try {
      if (this.#mustMerge) {
        await mergeObjects(this.#objects, { packObjects: this.#packObjects, through: this.#first - 1, signal: this.#signal });
        this.#behind = 0;
      }
      for (let count = this.#packable(); count > 0; count = this.#packable()) await this.#packRun(count);
    } catch (error) {
      this.#rest = this.#packObjects;
      if (!this.#signal.aborted) announceProblem(this.#objects.prefix, "pack objects", error);
    } finally {
      this.#isPacking = false;
    }
  }

  get #mustMerge(): boolean {
    return this.#behind > 0 && this.#behind + this.#run.length > this.#packObjects;
  }

  /**
   * How many objects the next pack has, never the newest among them; 0 while there are too few. Bounded in number, and in bytes
   * by one object more than is enough.
   */
  #packable(): number {
    let bytes = 0;
    let count = 0;
    while (count < this.#run.length - 1 && count < this.#packObjects && bytes < PACK_BYTES) bytes += this.#run[count++]?.length ?? 0;
    return count === this.#packObjects || bytes >= PACK_BYTES ? count : 0;
  }

  async #packRun(count: number): Promise<void> {
    const { prefix } = this.#objects;
    const packed = this.#run.slice(0, count);
    const first = this.#first;
    const last = first + packed.length - 1;
    let isPacked = false;
    try {
      await createShared(this.#objects, packKey(prefix, { first, last }), encodePack(packed));
      isPacked = true;
    } finally {
      // Without the pack they stay as they are, and are merged by reading: memory must not wait for a storage that refuses.
      if (!isPacked) this.#behind += packed.length;
      this.#letGo(packed.length);
    }
    this.packs++;
    announcePack(prefix, first, last);
    const commits = packed.flatMap((it, index) => (it.length === OBJECT_HEADER_BYTES ? [] : [logKey(prefix, first + index)]));
    await this.#objects.remove(commits);
  }

  #letGo(count: number): void {
    for (const bytes of this.#run.splice(0, count)) this.#runBytes -= bytes.length;
    this.#first += count;
  }
}
