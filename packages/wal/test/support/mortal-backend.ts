import { StorageError, type AppendFile, type StorageBackend } from "@holdfast/storage";

/**
 * A backend whose process can die: from then on its calls reject with STORAGE_CLOSED, those on their way as well. A simulated
 * one never answers who is dead, and whoever tests waits for it. All are said to be not applied, so that nobody tries again:
 * what a dead process is told does not matter.
 *
 * @param life - Aborted when the process dies.
 */
export function mortalBackend(inner: StorageBackend, life: AbortSignal): StorageBackend {
  const dead = (): StorageError => new StorageError("STORAGE_CLOSED", "the process has died", { operation: "step", outcome: "not_applied" });
  const call = <T>(work: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const die = (): void => {
        reject(dead());
      };
      if (life.aborted) {
        die();
        return;
      }
      life.addEventListener("abort", die, { once: true });
      work()
        .then(resolve, reject)
        .finally(() => {
          life.removeEventListener("abort", die);
        });
    });
  const wrap = (file: AppendFile): AppendFile => ({
    key: file.key,
    get size() {
      return file.size;
    },
    append: (bytes, options) => call(() => file.append(bytes, options)),
    sync: () => call(() => file.sync()),
    truncate: (size) => call(() => file.truncate(size)),
    close: () => call(() => file.close()),
    [Symbol.asyncDispose]: () => call(() => file.close()),
  });
  const { appendable } = inner;
  return {
    name: inner.name,
    appendable: appendable && {
      lock: (prefix, options) =>
        call(async () => {
          const lock = await appendable.lock(prefix, options);
          return { name: lock.name, release: () => call(() => lock.release()), [Symbol.asyncDispose]: () => call(() => lock.release()) };
        }),
      open: (key, options) => call(async () => wrap(await appendable.open(key, options))),
    },
    read: (key, options) => call(() => inner.read(key, options)),
    stream: (key, options) => call(() => inner.stream(key, options)),
    stat: (key, options) => call(() => inner.stat(key, options)),
    create: (key, body, options) => call(() => inner.create(key, body, options)),
    replace: (key, body, options) => call(() => inner.replace(key, body, options)),
    async *list(prefix, options) {
      const entries = inner.list(prefix, options)[Symbol.asyncIterator]();
      try {
        for (let next = await call(() => entries.next()); next.done !== true; next = await call(() => entries.next())) yield next.value;
      } finally {
        if (!life.aborted) await entries.return?.();
      }
    },
    remove: (keys, options) => call(() => inner.remove(keys, options)),
    close: () => call(() => inner.close()),
    [Symbol.asyncDispose]: () => call(() => inner.close()),
  };
}
