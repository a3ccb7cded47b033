import type { StorageBackend } from "@holdfast/storage";

/** A backend that hands every call on to `inner`, to be copied with something else in place of some of them: `{ ...delegate(inner), list }`. */
export function delegate(inner: StorageBackend): StorageBackend {
  return {
    name: inner.name,
    appendable: inner.appendable,
    read: (key, options) => inner.read(key, options),
    stream: (key, options) => inner.stream(key, options),
    stat: (key, options) => inner.stat(key, options),
    create: (key, body, options) => inner.create(key, body, options),
    replace: (key, body, options) => inner.replace(key, body, options),
    list: (prefix, options) => inner.list(prefix, options),
    remove: (keys, options) => inner.remove(keys, options),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}
