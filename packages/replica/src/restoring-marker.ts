import { joinKey } from "@holdfast/storage";
import type { StorageBackend, StorageEntry, StorageKey, StoragePrefix } from "@holdfast/storage";

/**
 * The key of the object that stands among those of a log until the log is restored completely. It lies where every opening looks for
 * segments or commits, so that every opening finds something that does not belong to a log, and refuses it.
 */
export function markerKey(storage: StorageBackend, prefix: StoragePrefix): StorageKey {
  return joinKey(prefix, `${storage.appendable === undefined ? "log" : "segment"}/restoring.marker`);
}

/** The same storage, in which an object is not listed: for who knows why it is there. */
export function without(storage: StorageBackend, hidden: StorageKey): StorageBackend {
  return {
    name: storage.name,
    appendable: storage.appendable,
    read: (key, options) => storage.read(key, options),
    stream: (key, options) => storage.stream(key, options),
    stat: (key, options) => storage.stat(key, options),
    create: (key, body, options) => storage.create(key, body, options),
    replace: (key, body, options) => storage.replace(key, body, options),
    // Behind it no log has an object, so that a limit is not reached with it where there is more.
    list: (prefix, options) => except(storage.list(prefix, options), hidden),
    remove: (keys, options) => storage.remove(keys, options),
    close: () => storage.close(),
    [Symbol.asyncDispose]: () => storage.close(),
  };
}

async function* except(entries: AsyncIterable<StorageEntry>, hidden: StorageKey): AsyncGenerator<StorageEntry, void, undefined> {
  for await (const entry of entries) if (entry.key !== hidden) yield entry;
}
