import type { StorageBackend } from "@holdfast/storage";
import { delegate } from "./delegate.js";

/** What happens around each call of a backend. `call` says which one it is: `read a/b`, `list a/`, `remove a/b,a/c`. */
export interface Steps {
  readonly before: (call: string) => Promise<void>;
  /** Behind a call that was done, before it is answered. */
  readonly behind?: (call: string) => Promise<void>;
}

/**
 * A backend that makes each call of `inner` when `before` has resolved, and answers when `behind` has. A listing begins when `before` has
 * resolved; `appendable` and `close` go to `inner`.
 */
export function inSteps(inner: StorageBackend, { before, behind }: Steps): StorageBackend {
  const call = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    await before(name);
    const answer = await run();
    if (behind !== undefined) await behind(name);
    return answer;
  };
  return {
    ...delegate(inner),
    read: (key, options) => call(`read ${key}`, () => inner.read(key, options)),
    stream: (key, options) => call(`stream ${key}`, () => inner.stream(key, options)),
    stat: (key, options) => call(`stat ${key}`, () => inner.stat(key, options)),
    create: (key, body, options) => call(`create ${key}`, () => inner.create(key, body, options)),
    replace: (key, body, options) => call(`replace ${key}`, () => inner.replace(key, body, options)),
    async *list(prefix, options) {
      await before(`list ${prefix}`);
      yield* inner.list(prefix, options);
    },
    remove: (keys, options) => call(`remove ${keys.join()}`, () => inner.remove(keys, options)),
  };
}
