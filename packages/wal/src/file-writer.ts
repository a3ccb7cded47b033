import { hasCode, isHoldfastError, StorageError, type StorageLock } from "@holdfast/storage";
import type { ActiveSegment } from "./active-segment.js";
import { beginSegment, copyInto } from "./begin-segment.js";
import type { CommitBuffer } from "./commit-buffer.js";
import type { CommitCursor, CommitRange, LogWriter } from "./device.js";
import { announceProblem, announceSegment } from "./diagnostics.js";
import { WalError } from "./errors.js";
import { BLOCK_BYTES, FRAME_HEADER_BYTES, FrameKind, SEGMENT_HEADER_BYTES, TRIM_BODY_BYTES, type Begin, type Floor, type ParentLog } from "./format/segment.js";
import { recoverFiles, type RecoveredFiles } from "./file-recovery.js";
import { FileTidier } from "./file-tidier.js";
import { absorbHead, followHead, type Copy, type Inheritance } from "./inheritance.js";
import { namedParent } from "./log-parent.js";
import { SegmentFiles, type SegmentFilesOptions } from "./segment-files.js";
import type { SegmentChain } from "./segment-chain.js";
import { readSegments, type SegmentHistory } from "./segment-reader.js";
import type { LogParent, LogRecovery } from "./types.js";
import { withoutEffect } from "./without-effect.js";

/** What {@link openFileWriter} needs. */
export interface FileWriterOptions extends SegmentFilesOptions {
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens a log in files for writing: lock, recover, and copy what an interrupted writer left unproven. Otherwise nothing is
 * written; the first commit makes the segment.
 */
export async function openFileWriter(options: FileWriterOptions): Promise<LogWriter> {
  const lock = await options.appendable.lock(options.prefix, { signal: options.signal });
  try {
    for (let round = 1; ; round++) {
      const found = await recoverFiles(options.storage, options.prefix, options.settings.startSeq, options.signal);
      const writer = new FileWriter(options, lock, found);
      if (await writer.inherit()) return writer;
      // What was to be copied no longer reads as it did: the pages of a failed write were let go. Look again.
      if (round === MAX_ROUNDS) throw unsteady(options.prefix);
    }
  } catch (error) {
    await lock.release().catch((cause: unknown) => {
      announceProblem(options.prefix, "release lock", cause);
    });
    throw error;
  }
}

class FileWriter implements LogWriter {
  readonly headroomBytes = FRAME_HEADER_BYTES;
  readonly nextSeq: number;
  readonly packs = 0;
  rotations = 0;
  markers = 0;
  writtenBytes = 0;
  recovery: LogRecovery;
  readonly #options: FileWriterOptions;
  readonly #lock: StorageLock;
  readonly #history: SegmentHistory;
  readonly #found: RecoveredFiles;
  /** The history; its newest segment is the one that is written to, if this handle has made one. */
  readonly #chain: SegmentChain;
  #current: ActiveSegment | undefined;
  readonly #files: SegmentFiles;
  readonly #tidier: FileTidier;
  /** Stated by every segment, so that the newest one tells it whatever was trimmed. */
  readonly #parent: ParentLog | undefined;
  #floor: Floor;
  /** The part of the floor that is known to be durable: proven when the log was opened, or written by this handle. */
  #durableFloorSeq: number;
  #committedAtMs: number;
  /** Whether a commit stands behind the copies of this handle's first segment. */
  #hasCommitted = false;
  /** Copies could not be made for lack of room. */
  #full = false;
  /** The log is anybody's: what a loop that is still reading meets says nothing about it. */
  #isReleased = false;

  constructor(options: FileWriterOptions, lock: StorageLock, found: RecoveredFiles) {
    this.#options = options;
    this.#lock = lock;
    this.#found = found;
    this.#chain = found.chain;
    this.#files = new SegmentFiles(options, found.numbers, found.newNumber, found.logId);
    this.#tidier = new FileTidier(options.prefix, this.#files, found, {
      floorNumber: () => this.#floor.number,
      currentNumber: () => this.segment,
    });
    this.#parent = found.headBegin === undefined ? options.settings.parent : found.headBegin.parent;
    this.#floor = found.floor;
    this.#durableFloorSeq = found.provenFloorSeq;
    this.#committedAtMs = found.committedAtMs;
    this.#history = {
      storage: options.storage,
      segments: () => this.#chain.segments,
      reach: (seq) => this.#chain.reach(seq),
      firstSeq: () => this.#floor.seq,
      refresh: () => Promise.resolve(), // Nobody else changes the log while this handle has the lock.
    };
    this.nextSeq = found.nextSeq;
    this.recovery = found.recovery;
  }

  get firstSeq(): number {
    return this.#floor.seq;
  }

  get durableSeq(): number {
    return this.#current?.lastSeq ?? this.#found.lastSeq;
  }

  get unmarked(): boolean {
    return this.#current?.hasFrames === true && !this.#current.isMarked;
  }

  get logId(): string | undefined {
    return this.#files.logId;
  }

  parent(): Promise<LogParent | undefined> {
    return Promise.resolve(namedParent(this.#parent));
  }

  get segment(): number {
    return this.#current?.number ?? 0;
  }

  /** Copies the unproven commits. Answers whether the log is ready; `false`: look again. */
  async inherit(): Promise<boolean> {
    if (this.#found.copy.length === 0) return true;
    try {
      if ((await this.#first()) === undefined) return false;
      await this.#removed();
    } catch (error) {
      if (!hasCode(error, "STORAGE_FULL")) throw error;
      // Readable through what is proven, and trimmable; the copies wait until there is room.
      this.#full = true;
      this.recovery = { ...this.recovery, readOnlyUntilTrimmed: true };
    }
    return true;
  }

  commit(commit: CommitBuffer): Promise<void> {
    const current = this.#current;
    if (current?.hasRoomFor(commit.bodyBytes, this.#options.settings.segmentBytes) === true) return this.#commitTo(current, commit);
    return this.#commitToNew(commit);
  }

  async sync(): Promise<void> {
    if (this.#full) throw noRoom(this.#options.prefix);
    await this.#current?.sync();
    if (this.#hasCommitted) this.#tidier.settle();
  }

  async mark(): Promise<void> {
    const current = this.#current;
    if (current === undefined) return;
    await current.mark(FrameKind.marker, this.#now());
    this.markers++;
    this.writtenBytes += FRAME_HEADER_BYTES;
    this.#tidier.settle();
  }

  async trim(seq: number): Promise<void> {
    if (this.#full) {
      // Also without a higher floor: there may be room by now.
      await this.#trimWhenFull(Math.max(seq, this.#floor.seq)).catch((error: unknown) => {
        // Where the floor is durable the trim is done. That there still is no room for the copies is told by the appends.
        if (!hasCode(error, "STORAGE_FULL") || this.#durableFloorSeq < seq) throw error;
      });
      return;
    }
    // A floor that was only read may be what an interrupted trim left in the cache: it is written again.
    if (seq <= this.#durableFloorSeq) return;
    const current = this.#current;
    const floor = await this.#floorAt(Math.max(seq, this.#floor.seq));
    if (current === undefined) {
      // No frame of this handle yet: the begin of its first segment states the floor.
      this.#use(await this.#files.withReserve(() => this.#begin(this.#inheritingBegin(followHead(this.#found), floor))));
    } else {
      const target = current.hasRoomFor(TRIM_BODY_BYTES, this.#options.settings.segmentBytes) ? current : await this.#files.withReserve(() => this.#rotate());
      await target.trim(floor, this.#now());
      this.#durableFloorSeq = floor.seq;
      this.writtenBytes += FRAME_HEADER_BYTES + TRIM_BODY_BYTES;
    }
    this.#floor = floor;
    this.#chain.dropBelow(this.#floor.number);
    this.#tidier.trimmed(current !== undefined);
    // Where there was no room an append right after this one needs what is removed now.
    if (this.#files.isShort) await this.#tidier.done();
  }

  isFinal(error: unknown): boolean {
    // A poisoned file has written nothing, and never will: preparing space in it failed.
    return !isHoldfastError(error) || error.outcome !== "not_applied" || error.code === "STORAGE_POISONED";
  }

  commits(range: CommitRange): CommitCursor {
    const cursor = readSegments(this.#history, range);
    return {
      next: () =>
        cursor.next().catch((error: unknown) => {
          throw this.#isReleased ? closedWhileRead(error) : error;
        }),
    };
  }

  async close(clean: boolean): Promise<void> {
    const problems: unknown[] = [];
    const attempt = async (step: () => Promise<unknown> | undefined): Promise<void> => {
      try {
        await step();
      } catch (error) {
        problems.push(error);
      }
    };
    await this.#tidier.done();
    const current = this.#current;
    if (clean && current !== undefined) await attempt(() => current.mark(FrameKind.seal, this.#now()));
    await attempt(() => current?.close());
    await attempt(() => this.#files.dropPrepared(clean));
    this.#isReleased = true;
    await attempt(() => this.#lock.release());
    if (problems.length > 0) throw problems[0];
  }

  // ------------------------------------------------------------------------------------------------ commits and segments

  #commitTo(segment: ActiveSegment, commit: CommitBuffer): Promise<void> {
    const before = segment.end;
    return segment.commit(commit, this.#options.clock.now()).then(() => {
      const isFirst = !this.#hasCommitted;
      this.writtenBytes += segment.end - before;
      this.#hasCommitted = true;
      // In relaxed mode the commit vouches for nothing before it is synced.
      if (this.#options.settings.syncEveryMs === undefined) this.#tidier.settle();
      if (segment.end > this.#options.settings.segmentBytes * PREPARE_NEXT_AT) this.#files.prepare();
      return isFirst ? this.#removed() : undefined;
    });
  }

  /**
   * A process that dies behind its first answer leaves a file, and has removed none yet. Where that has happened opening or the first
   * commit waits for what may go, so that such files do not pile up, however often it happens.
   */
  #removed(): Promise<void> | undefined {
    return this.#found.voids.length > 0 ? this.#tidier.done() : undefined;
  }

  async #commitToNew(commit: CommitBuffer): Promise<void> {
    if (this.#full) throw noRoom(this.#options.prefix);
    const segment = await this.#newSegment().catch((error: unknown) => {
      throw withoutEffect(error); // Nothing of the commit was written yet.
    });
    await this.#commitTo(segment, commit);
  }

  async #newSegment(): Promise<ActiveSegment> {
    const segment = this.#current === undefined ? await this.#first() : await this.#rotate();
    if (segment === undefined) throw unsteady(this.#options.prefix);
    return segment;
  }

  /** Goes on in a new segment that names the end of this one. */
  async #rotate(): Promise<ActiveSegment> {
    const old = this.#current;
    if (old === undefined) throw new Error("there is no segment to rotate");
    await this.sync();
    const next = await this.#begin({
      predecessor: { number: old.number, provenBytes: old.end },
      lastSeq: old.writtenSeq,
      inheritedThrough: old.writtenSeq,
      floor: this.#floor,
      parent: this.#parent,
      committedAtMs: this.#now(),
    });
    this.#use(next);
    this.rotations++;
    this.#tidier.run("close a full segment", () => old.close());
    return next;
  }

  /**
   * Makes the first segment of this handle, with its copies. It takes the place of a small head if there is room for that,
   * else it follows the head. `undefined`: what was to be copied no longer reads as it did.
   */
  async #first(): Promise<ActiveSegment | undefined> {
    const { storage } = this.#options;
    const absorbing = await absorbHead(storage, this.#found);
    if (absorbing !== undefined) {
      const segment = await this.#firstOn(absorbing).catch((error: unknown) => {
        if (hasCode(error, "STORAGE_FULL")) return undefined;
        throw error;
      });
      if (segment !== undefined) return segment;
    }
    return this.#firstOn(followHead(this.#found));
  }

  async #firstOn(inheritance: Inheritance): Promise<ActiveSegment | undefined> {
    const segment = await this.#begin(this.#inheritingBegin(inheritance, this.#floor));
    if (!(await this.#copyInto(segment, inheritance.copies))) return undefined;
    // Readers go on in the head until everything it holds is here.
    this.#use(segment, inheritance.absorbsHead);
    // Files of interrupted openings may go when the copies are durable, an absorbed head only when they are vouched for.
    if (inheritance.copies.length > 0 && !inheritance.absorbsHead) this.#tidier.settle();
    return segment;
  }

  #inheritingBegin({ predecessor, lastSeq, copies }: Inheritance, floor: Floor): Begin {
    return {
      predecessor,
      lastSeq,
      inheritedThrough: this.#found.nextSeq - 1,
      floor,
      parent: this.#parent,
      // Copies keep their times, and no frame may be older than the one before it.
      committedAtMs: copies[0]?.frame.committedAtMs ?? this.#now(),
    };
  }

  #use(segment: ActiveSegment, replacesNewest = false): void {
    this.#current = segment;
    if (replacesNewest) this.#chain.replaceNewest(segment);
    else this.#chain.push(segment);
    announceSegment(this.#options.prefix, "begun", segment.number);
  }

  async #begin(begin: Begin): Promise<ActiveSegment> {
    const segment = await beginSegment(this.#files, begin, this.#durableFloorSeq);
    this.#durableFloorSeq = begin.floor.seq;
    this.writtenBytes += SEGMENT_HEADER_BYTES + BLOCK_BYTES;
    return segment;
  }

  #copyInto(segment: ActiveSegment, copies: readonly Copy[]): Promise<boolean> {
    return copyInto(segment, copies, this.#options.storage, (bytes) => {
      this.writtenBytes += bytes;
    });
  }

  #now(): number {
    this.#committedAtMs = Math.max(this.#committedAtMs, this.#current?.committedAtMs ?? 0, this.#options.clock.now());
    return this.#committedAtMs;
  }

  // ------------------------------------------------------------------------------------------------ floor, full disk

  /** The floor that makes `seq` the first one kept: the newest segment of the history that begins at or before it. */
  async #floorAt(seq: number): Promise<Floor> {
    await this.#chain.reach(seq).catch((error: unknown) => {
      throw withoutEffect(error);
    });
    return { seq, number: Math.max(this.#chain.find(seq)?.number ?? 1, this.#floor.number) };
  }

  /** No room for the copies: a begin of 8 KiB with the new floor comes first, then room is made, then the copies follow it. */
  async #trimWhenFull(seq: number): Promise<void> {
    const { prefix } = this.#options;
    const floor = await this.#floorAt(seq);
    const inheritance = followHead(this.#found);
    await this.#files.dropReserve();
    const segment = await this.#begin(this.#inheritingBegin(inheritance, floor));
    this.#floor = floor;
    this.#chain.dropBelow(this.#floor.number);
    await this.#files.remove(this.#files.numbers.filter((number) => number < floor.number)).catch((error: unknown) => {
      announceProblem(prefix, "remove trimmed segments", error); // The next trim or opening tries again.
    });
    // Copies that find only part of their room take all of it: what the next trim needs is put back before them. If there is no
    // room for both, the floor holds and the log stays as it is.
    await this.#files.keepReserve();
    if (!(await this.#copyInto(segment, inheritance.copies))) throw unsteady(prefix);
    this.#full = false;
    this.#use(segment);
    this.recovery = { ...this.recovery, readOnlyUntilTrimmed: false };
    this.#tidier.settle();
  }
}

function noRoom(prefix: string): StorageError {
  return new StorageError("STORAGE_FULL", "the disk had no room for the commits that an interrupted writer left; trim the log first", {
    operation: "append",
    key: prefix,
    outcome: "not_applied",
    retryable: true,
  });
}

/** The next writer may have trimmed what a loop of this one still wants, or taken the place of it. */
function closedWhileRead(error: unknown): unknown {
  return isHoldfastError(error) ? new WalError("WAL_CLOSED", "the log was closed while it was read", { operation: "read", cause: error }) : error;
}

function unsteady(prefix: string): WalError {
  return new WalError("WAL_READ_FAILED", "what an interrupted writer left reads differently each time", { operation: "openLog", key: prefix, retryable: true });
}

const MAX_ROUNDS = 3;
/** How full a segment is when the following one is made. */
const PREPARE_NEXT_AT = 0.75;
