import { MAX_PACK_OBJECTS } from "./format/object.js";
import type { ListedPack, LogObjects } from "./log-objects.js";

/**
 * The packs of a log from a position on, listed as far as they are needed. Positions are asked for in ascending order. Packs may
 * overlap, where two were at work; they sort by their ends, so the widest one of a position may stand behind others that end
 * before it: how many positions a pack may cover says where to stop looking.
 */
export class PackList {
  readonly #listing: AsyncGenerator<ListedPack, void, undefined>;
  #packs: ListedPack[] = [];
  #isListed = false;

  /** @param after - Packs that end there or before are not looked at. */
  constructor(objects: LogObjects, after: number, signal: AbortSignal | undefined) {
    this.#listing = objects.listPacks(after, signal);
  }

  /** The pack that covers `position` and reaches furthest; `undefined` if none does. */
  async covering(position: number): Promise<ListedPack | undefined> {
    await this.#reach(position, position);
    return this.#packs.findLast(({ first }) => first <= position);
  }

  /** Whether a pack covers any of these positions. */
  async overlaps(first: number, last: number): Promise<boolean> {
    await this.#reach(first, last);
    return this.#packs.some((it) => it.first <= last);
  }

  /** Makes the list hold what ends at or behind `first`, complete as far as it can cover a position up to `last`. */
  async #reach(first: number, last: number): Promise<void> {
    while (!this.#isListed && (this.#packs.at(-1)?.last ?? 0) < last + MAX_PACK_OBJECTS) {
      const next = await this.#listing.next();
      if (next.done === true) this.#isListed = true;
      else this.#packs.push(next.value);
    }
    if ((this.#packs[0]?.last ?? first) < first) this.#packs = this.#packs.filter((it) => it.last >= first);
  }
}
