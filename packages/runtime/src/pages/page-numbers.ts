import type { StorageBackend, StorageKey, StoragePrefix } from "@holdfast/storage";
import { pagePrefix, parsePageKey } from "../layout.js";
import type { PageKind } from "../stored/page.js";

/** Pages that are there, whoever made them. */
export interface ListedPages {
  readonly keys: readonly StorageKey[];
  /** Numbers that no page has had. */
  readonly next: Readonly<Record<PageKind, number>>;
}

const PAGE_KINDS: readonly PageKind[] = ["events", "transcripts"];

export async function listPages(storage: StorageBackend, prefix: StoragePrefix): Promise<ListedPages> {
  const keys: StorageKey[] = [];
  const next = { events: 1, transcripts: 1 };
  for (const kind of PAGE_KINDS) {
    for await (const { key } of storage.list(pagePrefix(prefix, kind))) {
      const number = parsePageKey(key);
      if (number === undefined) continue;
      keys.push(key);
      next[kind] = Math.max(next[kind], number + 1);
    }
  }
  return { keys, next };
}
