import type { StorageBackend, StorageKey, StoragePrefix } from "@holdfast/storage";
import { pagePrefix, parsePageKey } from "../layout.js";
import type { PageNumbers } from "../state/runtime-state.js";
import type { PageKind } from "../stored/page.js";

/** Pages that are there, whoever made them. */
export interface ListedPages {
  readonly keys: readonly StorageKey[];
  readonly next: PageNumbers;
}

const PAGE_KINDS: readonly PageKind[] = ["events", "transcripts"];

/** @param before - Numbers that no page had had when the newest snapshot was made: of what was removed since then nothing is listed. */
export async function listPages(storage: StorageBackend, prefix: StoragePrefix, before: PageNumbers): Promise<ListedPages> {
  const keys: StorageKey[] = [];
  const next = { ...before };
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
