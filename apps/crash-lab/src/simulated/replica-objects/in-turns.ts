import type { StorageBackend } from "@holdfast/storage";

/** The same storage, whose every call begins and ends when its process has a turn, as requests to an object store do. What grows in place goes on by itself. */
export function inTurns(storage: StorageBackend, turn: () => Promise<void>): StorageBackend {
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    await turn();
    try {
      return await work();
    } finally {
      await turn();
    }
  };
  return {
    name: storage.name,
    appendable: storage.appendable,
    read: (key, options) => call(() => storage.read(key, options)),
    stream: (key, options) => call(() => storage.stream(key, options)),
    stat: (key, options) => call(() => storage.stat(key, options)),
    create: (key, body, options) => call(() => storage.create(key, body, options)),
    replace: (key, body, options) => call(() => storage.replace(key, body, options)),
    async *list(prefix, options) {
      await turn();
      yield* storage.list(prefix, options);
    },
    remove: (keys, options) => call(() => storage.remove(keys, options)),
    close: () => storage.close(),
    [Symbol.asyncDispose]: () => storage.close(),
  };
}
