import type { StateDefinition } from "@holdfast/snapshot";

/** Items in pages, so that a change copies one page and not everything. */
export interface Shelf {
  readonly pages: readonly (readonly string[])[];
  readonly changes: number;
}

/** The item of this number becomes another one. */
export interface Placed {
  readonly number: number;
  readonly item: string;
}

const PAGE_ITEMS = 1024;
/** Bytes of one item of the measured state. */
export const ITEM_BYTES = 1024;

/** What is measured, also by a worker thread that builds its snapshots. */
export const definition: StateDefinition<Shelf, Placed> = {
  initial: { pages: [], changes: 0 },
  apply({ pages, changes }, { number, item }) {
    const index = Math.floor(number / PAGE_ITEMS);
    const page = [...(pages[index] ?? [])];
    page[number % PAGE_ITEMS] = item;
    return { pages: pages.with(index, page), changes: changes + 1 };
  },
};

/** A state whose items have so many MiB together; they do not share their bytes. */
export function filledShelf(mebibytes: number): Shelf {
  const pages = Array.from({ length: (mebibytes * 1024 * 1024) / ITEM_BYTES / PAGE_ITEMS }, (_, page) =>
    Array.from({ length: PAGE_ITEMS }, (_, index) => itemText(page * PAGE_ITEMS + index)),
  );
  return { pages, changes: 0 };
}

/** A text of {@link ITEM_BYTES} ASCII characters, flat in memory. */
export function itemText(number: number): string {
  return Buffer.alloc(ITEM_BYTES, `${number},`).toString("latin1");
}
