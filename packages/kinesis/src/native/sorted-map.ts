import { compareUtf8 } from "../format/types.js";

type Entry<V> = readonly [key: string, value: V];
type Page<V> = readonly Entry<V>[];

/**
 * A map in the order of its keys' UTF-8 bytes, which never changes: a change answers another one that shares all but a page with it. So
 * it costs the same, nearly, whatever the map holds; keys that come in order fill pages wholly.
 */
export class SortedMap<V> implements Iterable<Entry<V>> {
  readonly size: number;
  /** In order; none is empty. */
  readonly #pages: readonly Page<V>[];

  constructor(pages: readonly Page<V>[] = [], size: number = pages.reduce((sum, { length }) => sum + length, 0)) {
    this.#pages = pages;
    this.size = size;
  }

  /** The value of a key; `undefined` if there is none. */
  get(key: string): V | undefined {
    const { page, at, found } = this.#find(key);
    return found ? page[at]?.[1] : undefined;
  }

  /** With another value for a key, or with one more key. */
  with(key: string, value: V): SortedMap<V> {
    const { index, page, at, found } = this.#find(key);
    if (found) return new SortedMap(this.#pages.with(index, page.with(at, [key, value])), this.size);
    // Behind everything, as keys mostly come: a full page is left as it is.
    const pages = at === page.length && page.length >= PAGE_ENTRIES ? [page, [[key, value] as const]] : halves(page.toSpliced(at, 0, [key, value]));
    return new SortedMap(this.#pages.toSpliced(index, 1, ...pages), this.size + 1);
  }

  /** Without a key; the same map if there is none. */
  without(key: string): SortedMap<V> {
    const { index, page, at, found } = this.#find(key);
    if (!found) return this;
    const left = page.length === 1 ? [] : [page.toSpliced(at, 1)];
    return new SortedMap(this.#pages.toSpliced(index, 1, ...left), this.size - 1);
  }

  /** Without the keys that come before this one. */
  withoutBelow(key: string): SortedMap<V> {
    const { index, page, at } = this.#find(key);
    const left = page.slice(at);
    return new SortedMap([...(left.length === 0 ? [] : [left]), ...this.#pages.slice(index + 1)]);
  }

  /** Keys and values in order, from a key on or from the first. */
  *entries(from?: string): Generator<Entry<V>, void, undefined> {
    const { index, at } = from === undefined ? { index: 0, at: 0 } : this.#find(from);
    for (let next = index; next < this.#pages.length; next++) {
      const page = this.#pages[next] ?? [];
      for (let entry = next === index ? at : 0; entry < page.length; entry++) yield page[entry] ?? never();
    }
  }

  [Symbol.iterator](): Generator<Entry<V>, void, undefined> {
    return this.entries();
  }

  /** The page that a key is in or belongs into, and where in it. */
  #find(key: string): { readonly index: number; readonly page: Page<V>; readonly at: number; readonly found: boolean } {
    // The last page that does not begin behind the key.
    const index = Math.max(0, firstWhere(this.#pages.length, (it) => compareUtf8(this.#pages[it]?.[0]?.[0] ?? "", key) > 0) - 1);
    const page = this.#pages[index] ?? [];
    const at = firstWhere(page.length, (it) => compareUtf8(page[it]?.[0] ?? "", key) >= 0);
    return { index, page, at, found: page[at]?.[0] === key };
  }
}

/** Copying a page for each change takes less time than the change's own bytes. */
const PAGE_ENTRIES = 256;

/** A page that has grown too large as two. */
function halves<V>(page: Page<V>): readonly Page<V>[] {
  if (page.length <= PAGE_ENTRIES) return [page];
  const middle = page.length >> 1;
  return [page.slice(0, middle), page.slice(middle)];
}

/** The first number below `count` from which on it is so; `count` if there is none. */
function firstWhere(count: number, isSo: (index: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isSo(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function never(): never {
  throw new RangeError("a page has no such entry");
}
