import { StorageError, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";

/**
 * What becomes of a request that changes something: it is `done` and answered; it is done and the answer is `lost`; it arrives
 * `late`, long after it was given up; it `never` arrives; it is `refused`, certainly not done.
 */
export type Fate = "done" | "lost" | "late" | "never" | "refused";

/** Whoever stands between a client and its storage. */
export interface Disturbance {
  /** Resolves when a request, or an answer, has its turn. */
  turn(what: string): Promise<void>;
  /** What becomes of this request. */
  fate(what: string): Fate;
  /** Takes what arrives late, to let it arrive some time. */
  keep(arrive: () => Promise<unknown>): void;
}

/** Storage as a client sees it whose requests and answers are disturbed. Lists come in pages of two. */
export function disturbed(inner: StorageBackend, by: Disturbance): StorageBackend {
  const change = async <T>(what: string, key: string, action: () => Promise<T>): Promise<T> => {
    await by.turn(what);
    const fate = by.fate(what);
    const failed = (outcome: "unknown" | "not_applied"): StorageError =>
      new StorageError("STORAGE_WRITE_FAILED", `injected: ${fate}`, { operation: what, key, outcome, retryable: true });
    if (fate === "refused") throw failed("not_applied");
    if (fate === "late") by.keep(action);
    if (fate === "late" || fate === "never") throw failed("unknown");
    try {
      const answer = await action();
      if (fate === "lost") throw failed("unknown");
      return answer;
    } catch (error) {
      // Also an answer that says no may be lost.
      throw fate === "lost" ? failed("unknown") : error;
    } finally {
      await by.turn(`answer to ${what}`);
    }
  };
  return {
    ...delegate(inner),
    async read(key, options) {
      await by.turn(`read ${key}`);
      const bytes = await inner.read(key, options);
      await by.turn(`answer to read ${key}`);
      return bytes;
    },
    async *list(prefix, options = {}) {
      const { limit = Infinity, signal } = options;
      let after: StorageKey | undefined = options.after;
      for (let listed = 0; listed < limit; ) {
        await by.turn(`list ${prefix}`);
        const page = [];
        for await (const entry of inner.list(prefix, { after, limit: Math.min(PAGE, limit - listed), signal })) page.push(entry);
        yield* page;
        if (page.length < PAGE) return;
        after = page.at(-1)?.key;
        listed += page.length;
      }
    },
    create: (key, body, options) => change(`create ${key}`, key, () => inner.create(key, body, options)),
    // Each key for itself: of several some may be removed and others not.
    async remove(keys, options) {
      for (const key of keys) await change(`remove ${key}`, key, () => inner.remove([key], options));
    },
  };
}

const PAGE = 2;
