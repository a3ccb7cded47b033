import type { AppendFile, StorageBackend } from "@holdfast/storage";
import { inSteps } from "./in-steps.js";

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
  const step = (): Promise<void> => stops.step();
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    await step();
    const answer = await run();
    await step();
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
    ...inSteps(inner, { before: step, behind: step }),
    appendable: appendable && {
      lock: (prefix, options) => call(() => appendable.lock(prefix, options)),
      open: (key, options) => call(async () => file(await appendable.open(key, options))),
    },
  };
}
