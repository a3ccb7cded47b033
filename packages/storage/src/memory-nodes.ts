import type { StorageKey } from "./keys.js";
import type { Node } from "./memory-disk.js";

/**
 * What the names of a memory disk stand for, found by name and in the order of names. The names lie in blocks, each in order and of
 * bounded length: finding a place, adding and removing cost what a few blocks cost, however many names there are.
 */
export class MemoryNodes {
  readonly #isLess: (one: string, other: string) => boolean;
  readonly #nodes = new Map<StorageKey, Node>();
  /** None of them empty. */
  readonly #blocks: StorageKey[][] = [];

  /** @param isLess - The order of names, which is that of their bytes. A test counts here how often names are compared. */
  constructor(isLess: (one: string, other: string) => boolean = (one, other) => one < other) {
    this.#isLess = isLess;
  }

  get(key: StorageKey): Node | undefined {
    return this.#nodes.get(key);
  }

  has(key: StorageKey): boolean {
    return this.#nodes.has(key);
  }

  set(key: StorageKey, node: Node): void {
    if (!this.#nodes.has(key)) this.#add(key);
    this.#nodes.set(key, node);
  }

  delete(key: StorageKey): void {
    if (!this.#nodes.delete(key)) return;
    const index = this.#blockOf(key);
    const block = this.#blocks[index] ?? [];
    block.splice(this.#countBelow(block, key), 1);
    if (block.length === 0) this.#blocks.splice(index, 1);
  }

  /** The least name that is not below `text`, or with `isAfter` the least one above it; `undefined` behind the last one. */
  next(text: string, isAfter: boolean): StorageKey | undefined {
    const index = this.#blockOf(text);
    const block = this.#blocks[index] ?? [];
    const at = this.#countBelow(block, text);
    const place = isAfter && block[at] === text ? at + 1 : at;
    return block[place] ?? this.#blocks[index + 1]?.[0];
  }

  #add(key: StorageKey): void {
    const index = this.#blockOf(key);
    const block = this.#blocks[index];
    if (block === undefined) {
      this.#blocks.push([key]);
      return;
    }
    block.splice(this.#countBelow(block, key), 0, key);
    if (block.length > BLOCK_NAMES) this.#blocks.splice(index + 1, 0, block.splice(BLOCK_NAMES / 2));
  }

  /** Index of the block in which a name would stand: the last one that does not begin above it, else the first. */
  #blockOf(text: string): number {
    const blocks = this.#blocks;
    const begun = countWhile(blocks.length, (index) => !this.#isLess(text, blocks[index]?.[0] ?? ""));
    return Math.max(begun - 1, 0);
  }

  #countBelow(block: readonly StorageKey[], text: string): number {
    return countWhile(block.length, (index) => this.#isLess(block[index] ?? "", text));
  }
}

/** The longest block. */
const BLOCK_NAMES = 512;

/** How many of `count` indices, from 0 on, pass a test that the first ones pass and the others do not: by halving. */
function countWhile(count: number, passes: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (passes(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
