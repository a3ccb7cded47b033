import { StorageError, type AppendFile, type AppendableStorage, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";

/** A backend whose commits wait at a gate, and fail on demand: appends, or where there are none objects that are created. */
export interface GatedBackend {
  readonly backend: StorageBackend;
  /** Lets everything through, what waits included. */
  open(): void;
  /** Commits wait from now on. */
  close(): void;
  /** No file and no object can be made: STORAGE_FULL, `not_applied`. */
  full: boolean;
  /** Commits and syncs fail: STORAGE_WRITE_FAILED, `unknown`. Nothing is written. */
  failing: boolean;
}

/** Puts a gate in front of the commits of a backend. It is closed. Claims pass: a log can be opened. */
export function gatedBackend(inner: StorageBackend): GatedBackend {
  const appendable = inner.appendable;
  let waiting: (() => void)[] = [];
  let isOpen = false;
  const pass = async (): Promise<void> => {
    if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const failIfAsked = (operation: string, key: string): void => {
    if (gated.failing) throw new StorageError("STORAGE_WRITE_FAILED", "injected", { operation, key, outcome: "unknown" });
  };
  const wrap = (file: AppendFile): AppendFile => ({
    key: file.key,
    get size() {
      return file.size;
    },
    async append(bytes, options) {
      await pass();
      failIfAsked("append", file.key);
      await file.append(bytes, options);
    },
    async sync() {
      await pass();
      failIfAsked("sync", file.key);
      await file.sync();
    },
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  });
  const failIfFull = (operation: string, key: string): void => {
    if (gated.full) throw new StorageError("STORAGE_FULL", "injected", { operation, key, outcome: "not_applied", retryable: true });
  };
  const create: StorageBackend["create"] = async (key, body, options) => {
    failIfFull("create", key);
    if (body instanceof Uint8Array && body.length > 128) {
      await pass();
      failIfAsked("create", key);
    }
    return inner.create(key, body, options);
  };
  const storage: AppendableStorage | undefined = appendable && {
    lock: (prefix, options) => appendable.lock(prefix, options),
    async open(key, options) {
      failIfFull("open", key);
      return wrap(await appendable.open(key, options));
    },
  };
  const gated: GatedBackend = {
    backend: { ...delegate(inner), appendable: storage, create: appendable === undefined ? create : (key, body, options) => inner.create(key, body, options) },
    open() {
      isOpen = true;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
    close() {
      isOpen = false;
    },
    full: false,
    failing: false,
  };
  return gated;
}
