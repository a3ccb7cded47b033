import { storageKey } from "@holdfast/storage";
import type { AppendFile, AppendOpenOptions, StorageBackend, StorageKey } from "@holdfast/storage";
import { appendableOf } from "./case.js";

/** The file of a case that needs one. */
export const KEY: StorageKey = storageKey("dir/file.seg");

/** What is no number of bytes, and no position. */
export const NOT_SIZES: readonly number[] = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1];

/** Makes {@link KEY}, and opens it. */
export function created(backend: StorageBackend, options?: Omit<AppendOpenOptions & { mode: "create" }, "mode">): Promise<AppendFile> {
  return appendableOf(backend).open(KEY, { ...options, mode: "create" });
}

/** Opens {@link KEY}, which is there. */
export function continued(backend: StorageBackend): Promise<AppendFile> {
  return appendableOf(backend).open(KEY, { mode: "continue" });
}
