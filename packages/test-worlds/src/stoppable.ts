import type { AppendFile, StorageBackend } from "@holdfast/storage";

/** Stops a process before a call, or behind it: two steps each. */
export class Stops {
  #left = Infinity;
  #stopped: (() => void) | undefined;
  #isStopped = false;

  at(call: number): Promise<void> {
    this.#left = call;
    return new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  async step(): Promise<void> {
    this.#left -= 1;
    if (this.#left <= 0) this.#isStopped = true;
    if (!this.#isStopped) return;
    this.#stopped?.();
    await new Promise(() => undefined);
  }
}

/** Storage whose calls are made by a process that can be stopped. */
export function stoppable(inner: StorageBackend, stops: Stops): StorageBackend {
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    await stops.step();
    const answer = await run();
    await stops.step();
    return answer;
  };
  const file = (it: AppendFile): AppendFile => ({
    key: it.key,
    get size() {
      return it.size;
    },
    append: (bytes, options) => call(() => it.append(bytes, options)),
    sync: () => call(() => it.sync()),
    truncate: (size) => call(() => it.truncate(size)),
    close: () => call(() => it.close()),
    [Symbol.asyncDispose]: () => it.close(),
  });
  const { appendable } = inner;
  return {
    name: inner.name,
    appendable: appendable && {
      lock: (prefix, options) => call(() => appendable.lock(prefix, options)),
      open: (key, options) => call(async () => file(await appendable.open(key, options))),
    },
    read: (key, options) => call(() => inner.read(key, options)),
    stream: (key, options) => call(() => inner.stream(key, options)),
    stat: (key, options) => call(() => inner.stat(key, options)),
    create: (key, body, options) => call(() => inner.create(key, body, options)),
    replace: (key, body, options) => call(() => inner.replace(key, body, options)),
    async *list(prefix, options) {
      await stops.step();
      yield* inner.list(prefix, options);
    },
    remove: (keys, options) => call(() => inner.remove(keys, options)),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}
