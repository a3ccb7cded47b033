import { StorageError, type AppendFile, type AppendableStorage, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";

/** When and how a process dies: at its nth step, before it, after it, or when a part of the bytes is written. */
export interface Death {
  /** Counted from 1. */
  readonly step: number;
  readonly how: "before" | "after" | { readonly part: number };
}

/** A backend whose process dies at one of its steps. Steps are the calls that change something. */
export interface DyingBackend {
  readonly backend: StorageBackend;
  /** The steps so far. */
  readonly steps: readonly string[];
  readonly hasDied: boolean;
}

/** @param die - Called once, at the step. */
export function dyingBackend(inner: StorageBackend, die: () => void, death: Death | undefined): DyingBackend {
  const appendable = inner.appendable;
  if (appendable === undefined) throw new Error("cannot append");
  const steps: string[] = [];
  let hasDied = false;
  const dead = (): StorageError => new StorageError("STORAGE_CLOSED", "the process has died", { operation: "step", outcome: "unknown" });

  async function step<T>(name: string, action: () => Promise<T>, part?: (fraction: number) => Promise<unknown>): Promise<T> {
    if (hasDied) throw dead();
    steps.push(name);
    if (steps.length !== death?.step) return action();
    const { how } = death;
    if (how === "after") await action();
    else if (how !== "before") await part?.(how.part);
    hasDied = true;
    die();
    throw dead();
  }

  const wrap = (file: AppendFile): AppendFile => ({
    key: file.key,
    get size() {
      return file.size;
    },
    append: (bytes, options) =>
      step(
        `append ${file.key} ${bytes.length}`,
        () => file.append(bytes, options),
        (fraction) => file.append(bytes.subarray(0, Math.floor(bytes.length * fraction)), options),
      ),
    sync: () => step(`sync ${file.key}`, () => file.sync()),
    truncate: (size) => step(`truncate ${file.key}`, () => file.truncate(size)),
    close: () => step(`close ${file.key}`, () => file.close()),
    [Symbol.asyncDispose]: () => file.close(),
  });
  const storage: AppendableStorage = {
    lock: (prefix, options) => step("lock", () => appendable.lock(prefix, options)),
    open: (key, options) => step(`open ${key}`, async () => wrap(await appendable.open(key, options))),
  };
  return {
    backend: {
      ...delegate(inner),
      appendable: storage,
      create: (key, body, options) => step(`create ${key}`, () => inner.create(key, body, options)),
      replace: (key, body, options) => step(`replace ${key}`, () => inner.replace(key, body, options)),
      remove: (keys, options) =>
        step(
          `remove ${keys.join()}`,
          () => inner.remove(keys, options),
          (fraction) => inner.remove(keys.slice(0, Math.floor(keys.length * fraction)), options),
        ),
    },
    steps,
    get hasDied() {
      return hasDied;
    },
  };
}
