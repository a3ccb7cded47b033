import { crc32c } from "@holdfast/bytes";
import type { StorageBackend } from "@holdfast/storage";
import { isWholeBody } from "./format/records.js";
import { decodeTrimBody, FIRST_FRAME_OFFSET, newFrameHeader } from "./format/segment.js";
import { walkFrames, type ReadableSegment, type WalkEnd } from "./segment-reader.js";
import type { VerifyFinding } from "./verify.js";

/** Checks one segment through its proven end, a window at a time, the next one read ahead. Stops at the first thing that is wrong. */
export class VerifyingWalk {
  finding: VerifyFinding | undefined;
  commits = 0;
  records = 0;
  checkedBytes = 0;
  /** When its first and its last frame were committed. */
  firstAtMs: number;
  lastAtMs = 0;
  readonly #storage: StorageBackend;
  readonly #segment: ReadableSegment;
  readonly #onBytes: (bytes: number) => void;
  readonly #signal: AbortSignal | undefined;
  #seq: number;
  readonly #memory: Uint8Array[];
  readonly #frame = newFrameHeader();
  /** Of the window that is being checked. */
  readonly #bodies: Body[] = [];
  #reportedBytes = 0;
  /** The window that is asked for. */
  #reading: Promise<Uint8Array | undefined> | undefined;
  #running: Promise<void> | undefined;
  #isAbandoned = false;

  /**
   * @param memory - Two windows, for this walk alone while it runs.
   * @param onBytes - Told how many more bytes were checked.
   */
  constructor(storage: StorageBackend, segment: ReadableSegment, memory: Uint8Array[], onBytes: (bytes: number) => void, signal: AbortSignal | undefined) {
    this.firstAtMs = Infinity;
    this.#memory = memory;
    this.#storage = storage;
    this.#segment = segment;
    this.#onBytes = onBytes;
    this.#signal = signal;
    this.#seq = segment.firstSeq;
  }

  start(): void {
    this.#running ??= this.#run();
    this.#running.catch(() => undefined); // Thrown by `done`.
  }

  /** Resolves when a walk that was started is over. */
  async done(): Promise<void> {
    await this.#running;
  }

  /** Ends the walk soon, and resolves when it no longer reads. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    try {
      await this.#check();
    } finally {
      // It writes into memory that may be another walk's from now on.
      await this.#reading?.catch(() => undefined);
    }
  }

  async #check(): Promise<void> {
    const segment = this.#segment;
    const limit = segment.provenBytes;
    let offset = FIRST_FRAME_OFFSET;
    while (offset < limit && !this.#isAbandoned) {
      const bytes = await (this.#reading ?? this.#read(offset, VERIFY_WINDOW_BYTES));
      if (bytes === undefined) {
        this.found("WAL_SEGMENT_MISSING", undefined, "the segment is not there any more");
        return;
      }
      const walked = this.#walk(bytes, offset, limit);
      if (walked.next === offset) {
        if (bytes.length < walked.needs && offset + walked.needs <= limit && bytes.length < limit - offset) {
          this.#reading = this.#read(offset, walked.needs);
          continue;
        }
        this.found("WAL_CORRUPT", offset, walked.reason);
        return;
      }
      // The headers say where the next window begins: it is read while the bodies of this one are checked.
      if (walked.next < limit) this.#reading = this.#readAhead(walked.next);
      if (!(await this.#checkBodies(bytes, offset))) return;
      offset = walked.next;
      this.#checkedTo(offset);
    }
    this.#checkedTo(offset);
    if (offset !== limit || this.#seq !== segment.lastSeq + 1) {
      this.found("WAL_CORRUPT", offset, `ends at ${offset} with record ${this.#seq - 1}, not at ${limit} with record ${segment.lastSeq}`);
    }
  }

  /** Checks the headers of a window, and notes where the bodies are. */
  #walk(bytes: Uint8Array, offset: number, limit: number): WalkEnd {
    this.#bodies.length = 0;
    return walkFrames(this.#segment, bytes, offset, limit, this.#frame, (frame, at, start, stop) => {
      if (frame.firstSeq !== this.#seq) return `record ${frame.firstSeq} stands where record ${this.#seq} must be`;
      if (frame.committedAtMs < this.lastAtMs) return OLDER_FRAME;
      if (frame.bodyBytes > 0) this.#bodies.push({ at, start, stop, bodyCrc: frame.bodyCrc, recordCount: frame.recordCount, firstSeq: frame.firstSeq });
      this.#seq += frame.recordCount;
      this.firstAtMs = Math.min(this.firstAtMs, frame.committedAtMs);
      this.lastAtMs = frame.committedAtMs;
      return undefined;
    });
  }

  async #checkBodies(bytes: Uint8Array, offset: number): Promise<boolean> {
    const { check } = this.#segment;
    let since = 0;
    for (const { at, start, stop, bodyCrc, recordCount, firstSeq } of this.#bodies) {
      if (crc32c(bytes.subarray(start, stop), check.seedAt(at)) !== bodyCrc) {
        this.found("WAL_CORRUPT", at, "the checksum of a frame's body does not fit");
        return false;
      }
      since += stop - start;
      if (since >= TURN_BYTES) {
        since = 0;
        await Promise.resolve(); // A turn for the read that was begun, which takes a few to be on its way.
      }
      if (recordCount > 0) {
        if (!isWholeBody(bytes, start, stop, recordCount)) {
          this.found("WAL_CORRUPT", at, "the records of a commit do not fill it");
          return false;
        }
        this.commits++;
        this.records += recordCount;
      } else if (decodeTrimBody(bytes, start, firstSeq, this.#segment.number) === undefined) {
        // Of the frames without records only a trim has a body here.
        this.found("WAL_CORRUPT", at, "a trim frame contradicts itself");
        return false;
      }
      this.checkedBytes = Math.max(offset, at);
    }
    return true;
  }

  #read(offset: number, length: number): Promise<Uint8Array | undefined> {
    const range = { offset, length: Math.max(0, Math.min(length, this.#segment.provenBytes - offset)) };
    // Two windows take turns: one is checked while the other is filled.
    this.#memory.reverse();
    const into = range.length <= VERIFY_WINDOW_BYTES ? this.#memory[0] : undefined;
    return this.#storage.read(this.#segment.key, { range, into, signal: this.#signal });
  }

  #readAhead(offset: number): Promise<Uint8Array | undefined> {
    const reading = this.#read(offset, VERIFY_WINDOW_BYTES);
    reading.catch(() => undefined); // Thrown where it is awaited.
    return reading;
  }

  #checkedTo(offset: number): void {
    this.checkedBytes = offset;
    this.#onBytes(offset - this.#reportedBytes);
    this.#reportedBytes = offset;
  }

  found(code: VerifyFinding["code"], offset: number | undefined, reason: string): VerifyFinding {
    this.finding = { code, key: this.#segment.key, offset, reason };
    return this.finding;
  }
}

/** Where the body of a frame is: `at` in the file the frame, from `start` to `stop` in the window the body. */
interface Body {
  readonly at: number;
  readonly start: number;
  readonly stop: number;
  readonly bodyCrc: number;
  readonly recordCount: number;
  readonly firstSeq: number;
}

/** The reason that a segment is wrong for whose first frame is older than what stands in the one before. */
export const OLDER_FRAME = "a frame is older than the one before it";
/** The most that is read at once. */
export const VERIFY_WINDOW_BYTES: number = 2 * 1024 * 1024;
const TURN_BYTES = 16 * 1024;
