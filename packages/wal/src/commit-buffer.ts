import { Outcome } from "./outcome.js";

/**
 * Records that will be one commit, in the bytes in which they are stored: `u32 length ‖ bytes`, one after the other, behind
 * room for the device's header. So a commit is copied once, at `append`, and written from here.
 */
export class CommitBuffer {
  firstSeq = 0;
  recordCount = 0;
  /** Unix milliseconds; set by the device that writes it. */
  committedAtMs = 0;
  /** Bytes of the records, without their lengths. */
  payloadBytes = 0;
  /** End of the records in `bytes`. */
  end: number;
  bytes: Uint8Array;
  /** For those who wait until it is written; in a strict log it is durable then. There is none where nobody waits. */
  #written: Outcome | undefined;
  /** For those who wait until it has survived a power cut, whatever the log's mode. */
  #synced: Outcome | undefined;
  readonly #start: number;

  constructor(headroomBytes: number, capacityBytes: number) {
    this.#start = headroomBytes;
    this.end = headroomBytes;
    this.bytes = Buffer.allocUnsafeSlow(Math.max(capacityBytes, headroomBytes));
  }

  /** Start of the records in `bytes`: as many bytes as the device's header needs. */
  get start(): number {
    return this.#start;
  }

  /** Bytes of the body: the records with their lengths. */
  get bodyBytes(): number {
    return this.end - this.#start;
  }

  /** Makes so many bytes more fit without growing. @throws RangeError if there is no memory; then nothing has changed. */
  makeRoom(bytes: number): void {
    if (this.end + bytes > this.bytes.length) this.#grow(this.end + bytes);
  }

  /** Adds a record. The caller has checked that it fits the commit's bound. */
  add(record: Uint8Array): void {
    const length = record.length;
    const at = this.end;
    const end = at + 4 + length;
    if (end > this.bytes.length) this.#grow(end);
    const bytes = this.bytes;
    bytes[at] = length;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length >>> 16;
    bytes[at + 3] = length >>> 24;
    bytes.set(record, at + 4);
    this.end = end;
    this.recordCount++;
    this.payloadBytes += length;
  }

  /** Adds the records of another buffer from its position `from` on. */
  addAll(other: CommitBuffer, from: CommitPosition): void {
    const length = other.end - from.end;
    const end = this.end + length;
    if (end > this.bytes.length) this.#grow(end);
    this.bytes.set(other.bytes.subarray(from.end, other.end), this.end);
    this.end = end;
    this.recordCount += other.recordCount - from.recordCount;
    this.payloadBytes += other.payloadBytes - from.payloadBytes;
  }

  /** Resolves when the commit is written, or has been synced as well; rejects with what {@link settle} is told. */
  outcome(synced: boolean): Promise<void> {
    const outcome = synced ? (this.#synced ??= new Outcome()) : (this.#written ??= new Outcome());
    return outcome.promise;
  }

  /** Tells those who wait for the write. */
  settleWritten(error: unknown): void {
    this.#written?.settle(error);
    this.#written = undefined;
  }

  /** Those who wait for a sync, to be told by somebody else. */
  takeSynced(): Outcome | undefined {
    const synced = this.#synced;
    this.#synced = undefined;
    return synced;
  }

  /** Tells everybody who waits. */
  settle(error: unknown): void {
    this.settleWritten(error);
    this.takeSynced()?.settle(error);
  }

  /** Where the next record would go, to come back to. */
  position(): CommitPosition {
    return { end: this.end, recordCount: this.recordCount, payloadBytes: this.payloadBytes };
  }

  /** Forgets the records behind a position. */
  rewind(to: CommitPosition): void {
    this.end = to.end;
    this.recordCount = to.recordCount;
    this.payloadBytes = to.payloadBytes;
  }

  /** Makes the buffer as new, its memory kept. */
  clear(): void {
    this.rewind({ end: this.#start, recordCount: 0, payloadBytes: 0 });
    this.firstSeq = 0;
    this.#written = undefined;
    this.#synced = undefined;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(this.#start, this.end), this.#start);
    this.bytes = grown;
  }
}

/** A place in a {@link CommitBuffer}. */
export interface CommitPosition {
  readonly end: number;
  readonly recordCount: number;
  readonly payloadBytes: number;
}

/** Keeps the memory of a few commits for the next ones. */
export class CommitBufferPool {
  readonly #free: CommitBuffer[] = [];
  readonly #headroomBytes: number;

  constructor(headroomBytes: number) {
    this.#headroomBytes = headroomBytes;
  }

  take(): CommitBuffer {
    return this.#free.pop() ?? new CommitBuffer(this.#headroomBytes, FIRST_CAPACITY_BYTES);
  }

  /** Gives a buffer back. One that is large and was mostly empty is let go, so that one burst does not hold memory for ever. */
  give(buffer: CommitBuffer): void {
    const wasteful = buffer.bytes.length > LARGE_BYTES && buffer.end * 4 < buffer.bytes.length;
    if (this.#free.length < MAX_FREE && !wasteful) {
      buffer.clear();
      this.#free.push(buffer);
    }
  }
}

/** Little, since it stays with each of perhaps ten thousand logs that wrote once and are idle; it doubles as it is needed. */
const FIRST_CAPACITY_BYTES = 2 * 1024;
const LARGE_BYTES = 1024 * 1024;
const MAX_FREE = 3;
