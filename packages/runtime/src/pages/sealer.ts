import { hasCode, type StorageBackend, type StorageKey } from "@holdfast/storage";
import type { Log } from "@holdfast/wal";
import { pageKey, snapshotKey, type SnapshotName } from "../layout.js";
import type { RuntimeSettings } from "../options.js";
import type { RuntimeState } from "../state/runtime-state.js";
import type { Change } from "../stored/change.js";
import { encodeSnapshot } from "../stored/snapshot.js";
import type { RuntimeProblem } from "../types.js";
import { letGo, pagedState, type Cut } from "./cut.js";
import { makeEventPages } from "./event-pages.js";
import { NewPages } from "./new-pages.js";
import { listPages } from "./page-numbers.js";
import type { PageStore } from "./page-store.js";
import { makeTranscriptPages } from "./transcript-pages.js";

/** What a sealer needs. */
export interface SealerParts {
  readonly storage: StorageBackend;
  readonly log: Log;
  readonly settings: RuntimeSettings;
  readonly state: RuntimeState;
  readonly pages: PageStore;
  /** Snapshots that are there, oldest first. */
  readonly snapshots: readonly SnapshotName[];
  /** Those of them that cannot be read: they are left alone. */
  readonly unreadable: ReadonlySet<string>;
  /** The state as it is in one moment, with nothing on its way to files. `taken` is called in that moment. */
  readonly cut: (taken: () => void) => Promise<Cut>;
  readonly commit: (changes: readonly Change[]) => Promise<void>;
  readonly failed: (operation: RuntimeProblem["operation"], error: unknown) => void;
}

/** So many snapshots are kept: should the newest one be damaged, the one before and the journal behind it tell the same. */
const KEPT_SNAPSHOTS = 2;

const ATTEMPTS = 5;

/**
 * Moves what is in the journal into pages, behind the mutations, so that the journal stays short and the memory small:
 *
 * 1. pages are made of what is in memory, and a snapshot that names them;
 * 2. `sealed` is committed. Whoever was fenced fails here, and removes nothing;
 * 3. memory lets go, the journal is trimmed below the older of the two snapshots that are kept;
 * 4. older snapshots are removed, and pages that neither of the two names.
 */
export class Sealer {
  readonly #parts: SealerParts;
  #new: NewPages | undefined;
  /** Oldest first, with the pages that each names. */
  #kept: readonly KeptSnapshot[];
  /** Keys that may be there and are not needed. */
  readonly #superfluous = new Set<StorageKey>();
  #nextSnapshot: number;
  #journalBytes: number;
  #dueAt: number;
  #running: Promise<void> | undefined;
  #closed = false;

  /** @param journalBytes - Of the records that were replayed. */
  constructor(parts: SealerParts, journalBytes: number) {
    this.#parts = parts;
    const newest = parts.snapshots.filter((name) => !parts.unreadable.has(snapshotKey(parts.settings.prefix, name))).at(-1);
    this.#kept = newest === undefined ? [] : [{ name: newest, pages: pageKeys(parts) }];
    this.#nextSnapshot = Math.max(0, ...parts.snapshots.map(({ number }) => number)) + 1;
    this.#journalBytes = journalBytes;
    this.#dueAt = parts.settings.pageBytes;
  }

  /** Bytes of mutations since the last snapshot. */
  get journalBytes(): number {
    return this.#journalBytes;
  }

  /** A mutation was committed. */
  committed(bytes: number): void {
    this.#journalBytes += bytes;
    if (this.#journalBytes < this.#dueAt || this.#running !== undefined || this.#closed) return;
    // Told in `health`, and tried again when some more has come.
    this.seal().catch(() => undefined);
  }

  /** Moves everything that is durable when it begins. One at a time; a call while one runs gets one that begins behind it. */
  async seal(): Promise<void> {
    const before = this.#running;
    const running = (async () => {
      await before?.catch(() => undefined);
      await this.#sealUnderFreeNames();
    })();
    this.#running = running;
    try {
      await running;
    } catch (error) {
      this.#dueAt = this.#journalBytes + this.#parts.settings.pageBytes / 4;
      this.#parts.failed("move to pages", error);
      throw error;
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }

  /** Waits for what runs, and seals once more if it is worth it. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running?.catch(() => undefined);
    if (this.#journalBytes >= this.#parts.settings.pageBytes / 16) await this.seal().catch(() => undefined);
  }

  /** A writer before that was fenced and does not know it may make objects under the same names: then the names behind them are taken. */
  async #sealUnderFreeNames(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#seal();
        return;
      } catch (error) {
        if (!hasCode(error, "STORAGE_ALREADY_EXISTS") || attempt === ATTEMPTS) throw error;
        this.#new = undefined;
      }
    }
  }

  async #seal(): Promise<void> {
    const { storage, settings, state, pages, log, commit } = this.#parts;
    if (this.#journalBytes === 0 && this.#kept.length > 0) return;
    const made = (this.#new ??= await this.#begin());
    let bytesBefore = 0;
    const cut = await this.#parts.cut(() => {
      bytesBefore = this.#journalBytes;
    });
    const eventPages = await makeEventPages(made, pages, cut);
    const paged = { eventPages, ...(await makeTranscriptPages(made, pages, cut)), nextPages: made.next };
    const name = { seq: cut.seq, number: this.#nextSnapshot };
    this.#nextSnapshot += 1;
    const snapshot = encodeSnapshot(name, log.logId ?? "", pagedState(cut, paged));
    await storage.create(snapshotKey(settings.prefix, name), snapshot);
    await commit([{ type: "sealed", seq: cut.seq }]);
    letGo(state, cut, paged);
    this.#journalBytes -= bytesBefore;
    this.#dueAt = Math.max(settings.pageBytes, snapshot.length);
    this.#keep({ name, pages: pageKeys(this.#parts) });
    await this.#tidy();
  }

  /** Pages that are there and that nobody names are of attempts that were interrupted, or of snapshots that go. */
  async #begin(): Promise<NewPages> {
    const { storage, settings, log, state } = this.#parts;
    const { keys, next } = await listPages(storage, settings.prefix, state.nextPages);
    const needed = new Set(this.#kept.flatMap(({ pages }) => [...pages]));
    for (const key of keys) if (!needed.has(key)) this.#superfluous.add(key);
    for (const name of this.#parts.snapshots) {
      const key = snapshotKey(settings.prefix, name);
      if (!this.#kept.some((kept) => kept.name === name) && !this.#parts.unreadable.has(key)) this.#superfluous.add(key);
    }
    return new NewPages({ storage, logId: log.logId ?? "", settings }, next);
  }

  #keep(snapshot: KeptSnapshot): void {
    const all = [...this.#kept, snapshot];
    const kept = all.slice(-KEPT_SNAPSHOTS);
    for (const { name, pages } of all.slice(0, -KEPT_SNAPSHOTS)) {
      this.#superfluous.add(snapshotKey(this.#parts.settings.prefix, name));
      for (const key of pages) this.#superfluous.add(key);
    }
    for (const { pages } of kept) for (const key of pages) this.#superfluous.delete(key);
    this.#kept = kept;
  }

  /** What fails here is tried again behind the next snapshot. */
  async #tidy(): Promise<void> {
    const { storage, log, failed } = this.#parts;
    const oldest = this.#kept[0];
    if (this.#kept.length < KEPT_SNAPSHOTS || oldest === undefined) return;
    try {
      if (oldest.name.seq >= log.firstSeq) await log.trim(oldest.name.seq + 1);
      const keys = [...this.#superfluous];
      if (keys.length > 0) await storage.remove(keys);
      for (const key of keys) this.#superfluous.delete(key);
    } catch (error) {
      failed("remove", error);
    }
  }
}

interface KeptSnapshot {
  readonly name: SnapshotName;
  /** Keys of the pages that it names. */
  readonly pages: ReadonlySet<StorageKey>;
}

/** The pages that the state names now. */
function pageKeys({ settings, state }: Pick<SealerParts, "settings" | "state">): ReadonlySet<StorageKey> {
  const events = state.eventPages.map(({ number }) => pageKey(settings.prefix, "events", number));
  const transcripts = [...state.transcriptPages.keys()].map((number) => pageKey(settings.prefix, "transcripts", number));
  return new Set([...events, ...transcripts]);
}
