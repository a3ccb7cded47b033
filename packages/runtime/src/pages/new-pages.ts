import type { StorageBackend, StoragePrefix } from "@holdfast/storage";
import { pageKey } from "../layout.js";
import type { RuntimeSettings } from "../options.js";
import type { PageNumbers, PageRef } from "../state/runtime-state.js";
import { PageWriter, type PageKind } from "../stored/page.js";
import { TimeSlices } from "./time-slices.js";

/** So many small pages become one with what is added to them. */
export const SMALL_PAGES = 8;

/** Makes pages under numbers that were never used. */
export class NewPages {
  /** Bytes after which a page ends. */
  readonly pageBytes: number;
  readonly slices: TimeSlices;
  readonly #storage: StorageBackend;
  readonly #prefix: StoragePrefix;
  readonly #logId: string;
  readonly #next: Record<PageKind, number>;

  constructor(parts: { readonly storage: StorageBackend; readonly logId: string; readonly settings: Pick<RuntimeSettings, "prefix" | "pageBytes" | "clock"> }, next: PageNumbers) {
    const { prefix, pageBytes, clock } = parts.settings;
    this.pageBytes = pageBytes;
    this.slices = new TimeSlices(clock);
    this.#storage = parts.storage;
    this.#prefix = prefix;
    this.#logId = parts.logId;
    this.#next = { ...next };
  }

  /** Numbers that no page has had, those that were begun here included. */
  get next(): PageNumbers {
    return { ...this.#next };
  }

  /** A page to write to. Its number is taken, whatever becomes of it. */
  begin(kind: PageKind): NewPage {
    const number = this.#next[kind];
    this.#next[kind] += 1;
    return { kind, number, writer: new PageWriter({ kind, number, logId: this.#logId }) };
  }

  /**
   * Makes the object.
   *
   * @throws STORAGE_ALREADY_EXISTS if a writer that was fenced has made one of that number: the next attempt takes the next number.
   */
  async create({ kind, number, writer }: NewPage): Promise<Omit<PageRef, "count">> {
    const { bytes, indexOffset } = writer.finish();
    await this.#storage.create(pageKey(this.#prefix, kind, number), bytes);
    return { number, bytes: bytes.length, indexOffset };
  }
}

/** A page that is being written. */
export interface NewPage {
  readonly kind: PageKind;
  readonly number: number;
  readonly writer: PageWriter;
}

/** Whether a page is so small that many of its kind are worth one. */
export function isSmall(page: PageRef, pageBytes: number): boolean {
  return page.bytes < pageBytes / 2;
}
