import { hasCode, StorageError, type AppendableStorage, type StorageBackend, type StoragePrefix } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import { ActiveSegment } from "./active-segment.js";
import { announceProblem, announceSegment } from "./diagnostics.js";
import { WalError } from "./errors.js";
import { reserveKey, segmentKey } from "./layout.js";
import type { LogSettings } from "./options.js";

/** What {@link SegmentFiles} needs. */
export interface SegmentFilesOptions {
  readonly storage: StorageBackend;
  readonly appendable: AppendableStorage;
  readonly prefix: StoragePrefix;
  readonly settings: LogSettings;
  readonly clock: Clock;
  readonly random: RandomSource;
}

/** The files of a log: makes and removes segments, and gives each a number that was never used. Only under the log's lock. */
export class SegmentFiles {
  readonly #options: SegmentFilesOptions;
  readonly #numbers: Set<number>;
  #nextNumber: number;
  #logId: Uint8Array | undefined;
  /** The following segment, made while the current one fills up. */
  #prepared: Promise<ActiveSegment> | undefined;
  #isShort = false;

  /**
   * @param numbers - Of the segments that are there.
   * @param nextNumber - Larger than every number that was ever used.
   * @param logId - 16 bytes, if the log has one yet.
   */
  constructor(options: SegmentFilesOptions, numbers: readonly number[], nextNumber: number, logId: Uint8Array | undefined) {
    this.#options = options;
    this.#numbers = new Set(numbers);
    this.#nextNumber = nextNumber;
    this.#logId = logId;
  }

  /** Of the log. */
  get prefix(): StoragePrefix {
    return this.#options.prefix;
  }

  /** Of all segments that are there, as far as this handle knows. */
  get numbers(): readonly number[] {
    return [...this.#numbers];
  }

  /** Whether the reserve was given up, and is not there again. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** 32 hexadecimal digits. */
  get logId(): string | undefined {
    return this.#logId === undefined ? undefined : Buffer.from(this.#logId).toString("hex");
  }

  /** Makes a segment ahead of its use, unless there is one. */
  prepare(): void {
    if (this.#prepared !== undefined) return;
    const making = this.#make();
    making.catch((error: unknown) => {
      // Who needs a segment next makes one, and tells if that fails too.
      if (this.#prepared === making) this.#prepared = undefined;
      announceProblem(this.#options.prefix, "prepare the next segment", error);
    });
    this.#prepared = making;
  }

  /**
   * The segment that was made ahead, or a new one: file, header and directory entry, all durable.
   *
   * @throws STORAGE_FULL, `not_applied`: nothing is left of it, and the next attempt takes the next number. WAL_FULL.
   */
  take(): Promise<ActiveSegment> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    return prepared ?? this.#make();
  }

  /** Closes the segment that was made ahead and, if asked, removes it: nothing was written to it. */
  async dropPrepared(removes: boolean): Promise<void> {
    const prepared = await this.#prepared?.catch(() => undefined); // `prepare` has told.
    this.#prepared = undefined;
    if (prepared === undefined) return;
    try {
      await prepared.close();
    } finally {
      if (removes) await this.remove([prepared.number]);
    }
  }

  async #make(): Promise<ActiveSegment> {
    const { prefix, settings, random, clock, appendable } = this.#options;
    if (this.#nextNumber >= Number.MAX_SAFE_INTEGER) {
      throw new WalError("WAL_FULL", "the segment numbers are used up", { operation: "append", outcome: "not_applied" });
    }
    const number = this.#nextNumber++;
    this.#logId ??= random.bytes(16);
    const header = { logId: this.#logId, number, createdAtMs: clock.now(), salt: random.bytes(8), commitAlignBytes: settings.commitAlignBytes };
    const reserveBytes = settings.prepareAhead ? settings.segmentBytes : 0;
    const sync = settings.syncEveryMs === undefined ? "each" : "manual";
    this.#numbers.add(number);
    try {
      const segment = await ActiveSegment.make(segmentKey(prefix, number), header, { appendable, reserveBytes, sync });
      announceSegment(prefix, "made", number);
      return segment;
    } catch (error) {
      if (hasCode(error, "STORAGE_FULL")) {
        // A file without a frame is void; it is only room that it takes.
        await this.remove([number]).catch((cause: unknown) => {
          announceProblem(prefix, "remove an unfinished segment", cause);
        });
      }
      throw notApplied(error);
    }
  }

  /** Removes segments, in ascending order. */
  async remove(numbers: readonly number[]): Promise<void> {
    const { storage, prefix } = this.#options;
    const ascending = [...numbers].sort((a, b) => a - b);
    if (ascending.length === 0) return;
    await storage.remove(ascending.map((number) => segmentKey(prefix, number)));
    for (const number of ascending) {
      this.#numbers.delete(number);
      announceSegment(prefix, "removed", number);
    }
  }

  /** Keeps room that a trim on a full disk can let go of. */
  async keepReserve(): Promise<void> {
    const { storage, prefix, random } = this.#options;
    const key = reserveKey(prefix);
    if ((await storage.stat(key)) === undefined) await storage.create(key, random.bytes(RESERVE_BYTES));
    this.#isShort = false;
  }

  /** Runs what makes a segment so that a trim can be stated; without room for it once more, in that of the reserve. What it removes makes more. */
  async withReserve<T>(attempt: () => Promise<T>): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      if (!hasCode(error, "STORAGE_FULL") || error.outcome !== "not_applied") throw error;
      await this.dropReserve().catch((cause: unknown) => {
        announceProblem(this.#options.prefix, "remove the reserve", cause);
        throw error; // It says that nothing was done.
      });
      return attempt();
    }
  }

  /** Lets go of that room. */
  async dropReserve(): Promise<void> {
    await this.#options.storage.remove([reserveKey(this.#options.prefix)]);
    this.#isShort = true;
  }
}

/**
 * A failure before the first frame of a segment touched nothing of the log. If it was for lack of room it may be tried again;
 * any other error is answered as it is.
 */
export function notApplied(error: unknown): unknown {
  if (!hasCode(error, "STORAGE_FULL") || error.outcome === "not_applied") return error;
  return new StorageError("STORAGE_FULL", "no room for a new segment", {
    operation: "append",
    key: error.key,
    backend: error.backend,
    outcome: "not_applied",
    retryable: true,
    cause: error,
  });
}

const RESERVE_BYTES = 64 * 1024;
