import { announceRemoved, announceUnreadable } from "./diagnostics.js";
import { checkpointKey, entryKey } from "./layout.js";
import { entryOf, isUnreadable, readStored } from "./read-stored.js";
import type { StreamContext } from "./stream-context.js";
import type { StoredName } from "./stream-names.js";

/** Finds out which of the newest checkpoints can be read back, before older ones are removed for them. */
export class ReadBack {
  readonly #context: StreamContext;
  /** Position of the newest one that was read back. */
  #verified = 0;
  readonly #unreadable = new Set<number>();

  constructor(context: StreamContext) {
    this.#context = context;
  }

  /**
   * Those that may be removed if so many are to be kept: readable ones behind them. None at all, unless one was read to its end. What
   * cannot be read is reported, does not count as kept, and is left alone.
   *
   * @param newestFirst - All that count.
   */
  async superfluous(newestFirst: readonly StoredName[], keep: number): Promise<{ readonly isSafe: boolean; readonly names: readonly StoredName[] }> {
    for (const name of newestFirst) {
      if (name.position === this.#verified || (await this.#isReadable(name))) {
        this.#verified = name.position;
        return { isSafe: true, names: newestFirst.filter(({ position }) => !this.#unreadable.has(position)).slice(keep) };
      }
    }
    return { isSafe: false, names: [] };
  }

  async #isReadable(name: StoredName): Promise<boolean> {
    if (this.#unreadable.has(name.position)) return false;
    try {
      return (await readStored(this.#context, name, undefined)) !== undefined;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.#unreadable.add(name.position);
      const { place } = this.#context;
      announceUnreadable({ streamId: place.streamId, entry: entryOf(place, name, name.size), error });
      return false;
    }
  }
}

/**
 * Removes checkpoints, and then their entries: a checkpoint without an entry does not count, and would be left for ever. The newest entry stays.
 *
 * @throws What the storage says.
 */
export async function removeCheckpoints({ storage, place }: StreamContext, names: readonly StoredName[], newest: number): Promise<void> {
  if (names.length === 0) return;
  await storage.remove(names.map((name) => checkpointKey(place, name)));
  await storage.remove(names.filter(({ position }) => position < newest).map(({ position }) => entryKey(place, position)));
  announceRemoved({ streamId: place.streamId, entries: names.map((name) => entryOf(place, name, name.size)) });
}
