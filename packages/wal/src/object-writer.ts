import { hasCode, isHoldfastError, type StorageBackend, type StoragePrefix } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { CommitBuffer } from "./commit-buffer.js";
import type { CommitCursor, CommitRange, LogWriter } from "./device.js";
import { announceProblem } from "./diagnostics.js";
import { WalError } from "./errors.js";
import { encodeFloor, OBJECT_HEADER_BYTES, sealCommit } from "./format/object.js";
import { LogObjects } from "./log-objects.js";
import { claimTerm, type ClaimedTerm } from "./object-claim.js";
import { createOwn, createShared } from "./object-create.js";
import { listLog, readNewest, readOrigin, readParent, type LogOrigin } from "./object-end.js";
import type { ObjectHistory } from "./object-history.js";
import { logKey, trimKey } from "./object-layout.js";
import { ObjectPacker } from "./object-packer.js";
import { PackList } from "./object-packs.js";
import { ForwardCursor, readObjects, type ObjectCommit } from "./object-reader.js";
import { removeTrimmed } from "./object-trim.js";
import type { LogSettings } from "./options.js";
import { PositionIndex } from "./position-index.js";
import type { RetryPolicy } from "./retry.js";
import type { LogParent, LogRecovery } from "./types.js";
import { withoutEffect } from "./without-effect.js";

/** What {@link openObjectWriter} needs. */
export interface ObjectWriterOptions {
  readonly storage: StorageBackend;
  readonly prefix: StoragePrefix;
  readonly settings: LogSettings;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly signal: AbortSignal | undefined;
}

/** Opens a log on object storage for writing: takes it over from whoever writes to it. Nothing has to be recovered. */
export async function openObjectWriter(options: ObjectWriterOptions): Promise<LogWriter> {
  const { storage, prefix, settings, clock, random, signal } = options;
  const objects = new LogObjects(storage, prefix);
  const { commitTimeoutMs, takeoverTimeoutMs, startSeq, parent } = settings;
  const policy = { clock, random, timeoutMs: commitTimeoutMs };
  return new ObjectWriter(objects, settings, policy, await claimTerm({ objects, policy, takeoverTimeoutMs, startSeq, parent, signal }));
}

/** One commit is one object, created at the position behind the newest one. Whose create succeeds there is the writer. */
class ObjectWriter implements LogWriter, ObjectHistory {
  readonly headroomBytes = OBJECT_HEADER_BYTES;
  readonly unmarked = false;
  readonly rotations = 0;
  readonly markers = 0;
  readonly nextSeq: number;
  readonly recovery: LogRecovery;
  readonly objects: LogObjects;
  readonly index: PositionIndex = new PositionIndex();
  writtenBytes: number;
  readonly #policy: RetryPolicy;
  readonly #term: ClaimedTerm;
  readonly #packer: ObjectPacker;
  readonly #closing = new AbortController();
  #origin: LogOrigin;
  /** The newest object that this writer knows: its own. */
  #position: number;
  #durableSeq: number;
  #committedAtMs: number;
  #failure: unknown;
  /** Up to here everything trimmed has been removed. */
  #removedThrough = 0;
  #background: Promise<void> = Promise.resolve();

  constructor(objects: LogObjects, settings: LogSettings, policy: RetryPolicy, term: ClaimedTerm) {
    const { by, claim, listed, nextSeq, previous } = term;
    this.objects = objects;
    this.#policy = policy;
    this.#term = term;
    this.#origin = term.origin;
    this.#position = by.term;
    this.#durableSeq = nextSeq - 1;
    this.#committedAtMs = term.committedAtMs;
    this.nextSeq = nextSeq;
    this.writtenBytes = claim.length;
    this.#packer = new ObjectPacker(objects, settings.packObjects, by.term, by.term - 1 - listed.packedThrough, this.#closing.signal);
    this.index.add({ firstSeq: nextSeq, position: by.term });
    this.#keep(claim);
    const takeover = { term: by.term, previousTerm: previous?.term, attempts: term.attempts, unpackedObjects: listed.unpackedObjects };
    this.recovery = { ...NOTHING_TO_RECOVER, takeover };
  }

  get firstSeq(): number {
    return this.#origin.firstSeq;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  get logId(): string {
    return Buffer.from(this.#origin.logId).toString("hex");
  }

  parent(signal: AbortSignal | undefined): Promise<LogParent | undefined> {
    return readParent(this.objects, this.#origin, signal);
  }

  get segment(): number {
    return this.#position;
  }

  get packs(): number {
    return this.#packer.packs;
  }

  async commit(commit: CommitBuffer): Promise<void> {
    // Packs are made behind the commits, but not so far behind that memory fills up with what waits for them.
    if (this.#packer.heldBytes > MAX_HELD_BYTES) await this.#background;
    const { firstSeq, recordCount } = commit;
    const position = this.#position + 1;
    this.#committedAtMs = Math.max(this.#committedAtMs, this.#policy.clock.now());
    commit.committedAtMs = this.#committedAtMs;
    // A copy, since the buffer will hold other records: a request that was given up may still be on its way, and readers keep it.
    const bytes = new Uint8Array(commit.bytes.subarray(0, commit.end));
    sealCommit(bytes, { position, firstSeq, committedAtMs: this.#committedAtMs }, recordCount, this.#term.by);
    await this.#create(position, bytes, firstSeq, firstSeq + recordCount - 1);
    this.#position = position;
    this.#durableSeq = firstSeq + recordCount - 1;
    this.writtenBytes += bytes.length;
    this.index.add({ firstSeq: firstSeq + recordCount, position: position + 1 });
    this.#keep(bytes);
  }

  /** Whatever is in the log is durable. */
  sync(): Promise<void> {
    return Promise.resolve();
  }

  /** An object is whole or absent: nothing has to vouch for it. */
  mark(): Promise<void> {
    return Promise.resolve();
  }

  isFinal(): boolean {
    return this.#failure !== undefined;
  }

  async trim(seq: number): Promise<void> {
    const last = await this.#lastCommitBelow(seq).catch((error: unknown) => {
      throw withoutEffect(error);
    });
    if (last === undefined || last.position <= this.#origin.floor) return;
    const { prefix } = this.objects;
    const { logId } = this.#origin;
    const firstSeq = last.firstSeq + last.recordCount;
    await createShared(this.objects, trimKey(prefix, last.position), encodeFloor(last.position, firstSeq, logId));
    this.writtenBytes += OBJECT_HEADER_BYTES;
    this.#origin = { floor: last.position, firstSeq, logId };
    this.#inBackground("remove what was trimmed", async () => {
      this.#packer.forget(last.position);
      await removeTrimmed(this.objects, last.position, this.#removedThrough);
      this.#removedThrough = last.position;
    });
  }

  commits(range: CommitRange): CommitCursor {
    return readObjects(this, range);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#background;
  }

  // ------------------------------------------------------------------------------------------------ what cursors ask

  origin(): LogOrigin {
    return this.#origin;
  }

  newest(): number {
    return this.#position;
  }

  /** A writer that was fenced and does not know it, or a merger, may have trimmed or packed. */
  async refreshOrigin(): Promise<void> {
    const floor = (await this.objects.listFloors(undefined)).at(-1) ?? 0;
    if (floor > this.#origin.floor) this.#origin = await readOrigin(this.objects, floor, undefined);
  }

  held(position: number): Uint8Array | undefined {
    return this.#packer.held(position);
  }

  // ------------------------------------------------------------------------------------------------ inside

  /**
   * Whether an object at this position may have been removed, so that another one under its key does not say that it never was there:
   * the commit may have been sent twice on its way, and refused the second time. What was removed is in a pack or below the floor.
   * A claim under which the newest object was written was the first at its position: claims are not removed.
   */
  async #mayBeRemoved(position: number): Promise<boolean> {
    const { objects } = this;
    try {
      // Packs first: one goes only when a floor above it is there, so that whoever looks for the floor afterwards misses neither.
      const pack = await new PackList(objects, position - 1, undefined).covering(position);
      const floor = (await objects.listFloors(undefined)).at(-1) ?? 0;
      if (pack === undefined && floor < position) return false;
      const { newest } = await listLog(objects, undefined);
      return newest === undefined || (await readNewest(objects, newest.position, undefined))?.term !== position;
    } catch {
      // The storage does not say; the writer is fenced either way, and `unknown` is true of both.
      return true;
    }
  }

  /** @throws WAL_FENCED if the position is another writer's; what the storage says. */
  async #create(position: number, bytes: Uint8Array, firstSeq: number, lastSeq: number): Promise<void> {
    const key = logKey(this.objects.prefix, position);
    try {
      const creation = await createOwn(this.objects, key, bytes, this.#policy);
      if (creation.state === "created") return;
      const outcome = (await this.#mayBeRemoved(position)) ? "unknown" : creation.outcome;
      const message = "another writer has taken the log over; open it again to go on behind what it wrote";
      throw new WalError("WAL_FENCED", message, { operation: "append", key, position, outcome, firstSeq, lastSeq });
    } catch (error) {
      // What was certainly not applied harmed nothing, and the next commit may try again with other bytes.
      if (hasCode(error, "WAL_FENCED") || !isHoldfastError(error) || error.outcome !== "not_applied") this.#failure = error;
      throw error;
    }
  }

  /**
   * The last commit whose records are all below `seq` and that is not the newest object, or `undefined`. It is read and checked:
   * a commit cannot lie about its sequence numbers, as a claim that came late can.
   */
  async #lastCommitBelow(seq: number): Promise<ObjectCommit | undefined> {
    let target = Math.min(seq - 1, this.#durableSeq);
    while (target >= this.#origin.firstSeq) {
      const commit = await this.#commitWith(target);
      if (commit === undefined) return undefined;
      if (commit.firstSeq + commit.recordCount <= seq && commit.position < this.#position) return commit;
      target = commit.firstSeq - 1;
    }
    return undefined;
  }

  async #commitWith(seq: number): Promise<ObjectCommit | undefined> {
    const commits = await new ForwardCursor(this, { from: seq, to: seq, reverse: false, signal: undefined }).next();
    return commits?.[0];
  }

  #keep(bytes: Uint8Array): void {
    this.#packer.add(bytes);
    if (this.#packer.isDue) this.#inBackground("pack objects", () => this.#packer.pack());
  }

  /** One after the other, behind the commits. What fails here is tried again later, by this writer or another. */
  #inBackground(what: string, run: () => Promise<void>): void {
    this.#background = this.#background.then(run).catch((error: unknown) => {
      announceProblem(this.objects.prefix, what, error);
    });
  }
}

const NOTHING_TO_RECOVER = {
  tornTail: undefined,
  copiedRecords: 0,
  voidSegments: [],
  closedCleanly: true,
  scannedSegments: 1,
  scannedBytes: OBJECT_HEADER_BYTES,
  readOnlyUntilTrimmed: false,
};

/** Bytes of objects in memory above which commits wait for the packs. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
