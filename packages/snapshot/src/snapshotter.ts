import type { Clock } from "@holdfast/storage/ports";
import type { StateSettings } from "./options.js";
import type { SnapshotContent } from "./snapshot-body.js";
import type { SkippedSnapshot, SnapshotEntry, SnapshotInfo, SnapshotStore } from "./snapshot-store.js";

/** What a {@link Snapshotter} needs from its store. */
export interface SnapshotSource {
  /** Of the last durable event. */
  seq(): number;
  logId(): string | undefined;
  /** The state behind the last durable event, to be encoded while it is written; with the sequence number of that event. */
  capture(): { readonly seq: number; readonly content: SnapshotContent };
  /** Forgets the log below a sequence number. */
  trim(seq: number): Promise<void>;
  /** Something failed that stops no commit. */
  failed(error: unknown): void;
}

/**
 * Makes snapshots, one at a time, in the background or when asked for: writes one, reads back those that are to be kept, removes what is
 * older, and trims the log below the oldest that is kept, so that whichever of them has to be fallen back to has its events behind it.
 */
export class Snapshotter {
  readonly #snapshots: SnapshotStore;
  readonly #source: SnapshotSource;
  readonly #settings: StateSettings;
  readonly #clock: Clock;
  #base: SnapshotEntry | undefined;
  #skipped: readonly SkippedSnapshot[];
  #running: Promise<SnapshotEntry | undefined> | undefined;
  #cancelTimer: (() => void) | undefined;
  /** Bytes of events behind the last snapshot, and from when on the next one is due. */
  #bytes: number;
  #dueBytes: number;
  #closed = false;

  constructor(
    parts: { readonly snapshots: SnapshotStore; readonly source: SnapshotSource; readonly settings: StateSettings; readonly clock: Clock },
    found: { readonly base: SnapshotEntry | undefined; readonly skipped: readonly SkippedSnapshot[]; readonly bytes: number },
  ) {
    this.#snapshots = parts.snapshots;
    this.#source = parts.source;
    this.#settings = parts.settings;
    this.#clock = parts.clock;
    this.#base = found.base;
    this.#skipped = found.skipped;
    this.#bytes = found.bytes;
    this.#dueBytes = parts.settings.everyBytes;
    if (found.bytes > 0) this.committed(0);
  }

  /** The newest snapshot that was written, or that the store began with. */
  get last(): SnapshotEntry | undefined {
    return this.#base;
  }

  get bytesSince(): number {
    return this.#bytes;
  }

  /** What could not be read when it was looked at last. */
  get skipped(): readonly SkippedSnapshot[] {
    return this.#skipped;
  }

  /** Events of so many bytes are durable. */
  committed(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= this.#dueBytes) this.#takeBehind();
    else this.#armTimer();
  }

  /** Makes a snapshot of the state now, after the one that is being made. */
  async take(): Promise<SnapshotEntry | undefined> {
    const seq = this.#source.seq();
    while (this.#running !== undefined) await this.#running.catch(() => undefined); // Whoever has started it is told.
    if (this.#base !== undefined && this.#base.seq >= seq) return this.#base;
    if (seq === 0) return undefined;
    this.#running = this.#make();
    try {
      return await this.#running;
    } finally {
      this.#running = undefined;
      if (this.#bytes > 0) this.committed(0);
    }
  }

  /** Starts nothing any more, and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTimer();
    while (this.#running !== undefined) await this.#running.catch(() => undefined); // It was told already.
  }

  #takeBehind(): void {
    if (this.#running !== undefined || this.#closed) return;
    this.#stopTimer();
    // What fails is told by `failed`; it is tried again when as much has come once more.
    this.take().catch(() => undefined);
  }

  #armTimer(): void {
    const { everyMs } = this.#settings;
    if (everyMs === undefined || this.#cancelTimer !== undefined || this.#running !== undefined || this.#closed) return;
    const fire = (): void => {
      this.#cancelTimer = undefined;
      this.#takeBehind();
    };
    this.#cancelTimer = this.#clock.setTimer(fire, everyMs, { ref: false });
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  async #make(): Promise<SnapshotEntry> {
    this.#stopTimer();
    const bytesBefore = this.#bytes;
    const { seq, content } = this.#source.capture();
    try {
      const logId = this.#source.logId();
      const entry = await this.#snapshots.write(seq, content, { logId, version: this.#settings.version });
      const damage = await this.#tidy(entry);
      if (damage !== undefined) throw damage.error;
      this.#base = entry;
      this.#bytes -= bytesBefore;
      this.#dueBytes = this.#settings.everyBytes;
      return entry;
    } catch (error) {
      this.#dueBytes = this.#bytes + this.#settings.everyBytes;
      this.#source.failed(error);
      throw error;
    }
  }

  /**
   * Reads back, removes, trims. Answers why `written` cannot be read back, if so. Whatever else fails is told and harms nothing: it is done
   * behind the next snapshot.
   */
  async #tidy(written: SnapshotEntry): Promise<SkippedSnapshot | undefined> {
    const { keep } = this.#settings;
    const logId = this.#source.logId();
    const base = this.#base?.key;
    try {
      // One of nothing was put there for the log to begin with, before there was a log.
      const isOurs = (info: SnapshotInfo): boolean => info.logId === logId || info.seq === 0 || info.key === base;
      const { kept, skipped } = await this.#snapshots.retain({ keep, accept: isOurs });
      this.#skipped = skipped;
      const oldest = kept.at(-1);
      // As long as there are fewer, the log is what stands in for the others.
      if (oldest !== undefined && kept.length === keep) await this.#source.trim(oldest.seq + 1);
      return skipped.find(({ snapshot }) => snapshot.key === written.key);
    } catch (error) {
      this.#source.failed(error);
      return undefined;
    }
  }
}
