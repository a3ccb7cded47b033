import { crc32c } from "@holdfast/bytes";
import type { AppendFile, AppendableStorage, StorageKey } from "@holdfast/storage";
import type { CommitBuffer } from "./commit-buffer.js";
import {
  BEGIN_OFFSET,
  BLOCK_BYTES,
  encodeBegin,
  encodeFrameHeader,
  encodeSegmentHeader,
  encodeTrimBody,
  FIRST_FRAME_OFFSET,
  FRAME_HEADER_BYTES,
  frameCheck,
  FrameKind,
  newFrameHeader,
  place,
  roundUp,
  TRIM_BODY_BYTES,
  type Begin,
  type Floor,
  type FrameCheck,
  type SegmentHeader,
} from "./format/segment.js";
import { SegmentIndex } from "./segment-index.js";
import type { ReadableSegment } from "./segment-reader.js";

/** What every segment of one handle is made with. */
export interface SegmentMaking {
  readonly appendable: AppendableStorage;
  /** Zeroed space may be prepared up to this file size; 0: none. */
  readonly reserveBytes: number;
  /** `manual`: frames are durable only when `sync` says so. */
  readonly sync: "each" | "manual";
}

/**
 * A segment that this handle made: a header, then (once it is put to use) a `begin`, then frames. Methods are called one at a
 * time. What it knows to be durable is what its frames vouch for.
 */
export class ActiveSegment implements ReadableSegment {
  readonly number: number;
  readonly key: StorageKey;
  readonly check: FrameCheck;
  readonly commitAlignBytes: 8 | 4096;
  readonly index: SegmentIndex = new SegmentIndex();
  readonly #file: AppendFile;
  readonly #sync: "each" | "manual";
  readonly #frame = newFrameHeader();
  #firstSeq = 1;
  /** Last sequence number written, and of that the last one known to be durable. */
  #writtenSeq = 0;
  #durableSeq = 0;
  #end = FIRST_FRAME_OFFSET;
  #durableEnd = FIRST_FRAME_OFFSET;
  #committedAtMs = 0;
  #hasFrames = false;
  #isMarked = false;

  private constructor(key: StorageKey, header: SegmentHeader, file: AppendFile, sync: "each" | "manual") {
    this.number = header.number;
    this.key = key;
    this.check = frameCheck(header.salt);
    this.commitAlignBytes = header.commitAlignBytes;
    this.#file = file;
    this.#sync = sync;
  }

  /** Makes the file and its header, both durable. What it leaves behind when it fails is a file that carries nothing. */
  static async make(key: StorageKey, header: SegmentHeader, making: SegmentMaking): Promise<ActiveSegment> {
    const file = await making.appendable.open(key, { mode: "create", sync: making.sync, reserveBytes: making.reserveBytes });
    try {
      await file.append(encodeSegmentHeader(header));
      if (making.sync === "manual") await file.sync();
      return new ActiveSegment(key, header, file, making.sync);
    } catch (error) {
      await file.close().catch(() => undefined); // The first error says more.
      throw error;
    }
  }

  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** The last sequence number known to be durable. */
  get lastSeq(): number {
    return this.#durableSeq;
  }

  /** The bytes known to be durable. */
  get provenBytes(): number {
    return this.#durableEnd;
  }

  /** End of the last frame. */
  get end(): number {
    return this.#end;
  }

  get writtenSeq(): number {
    return this.#writtenSeq;
  }

  get committedAtMs(): number {
    return this.#committedAtMs;
  }

  /** Whether a frame with `bodyBytes` ends within `segmentBytes`. The first frame of a segment always fits. */
  hasRoomFor(bodyBytes: number, segmentBytes: number): boolean {
    return this.#end === FIRST_FRAME_OFFSET || place(this.#end, this.commitAlignBytes) + FRAME_HEADER_BYTES + bodyBytes <= segmentBytes;
  }

  /** Puts the segment to use: writes `begin`, durably. */
  async begin(begin: Begin): Promise<void> {
    await this.#file.append(encodeBegin(begin, this.check), { at: BEGIN_OFFSET });
    if (this.#sync === "manual") await this.#file.sync();
    this.#firstSeq = begin.lastSeq + 1;
    this.#writtenSeq = begin.lastSeq;
    this.#durableSeq = begin.lastSeq;
    this.#committedAtMs = begin.committedAtMs;
  }

  /**
   * Writes a commit from the buffer in which it was gathered: one write, header and records together. In mode `each` it is
   * durable when this resolves.
   */
  commit(commit: CommitBuffer, nowMs: number): Promise<void> {
    const offset = place(this.#end, this.commitAlignBytes);
    const bytes = this.#frameOf(commit.bytes, commit.start, commit.end, commit.firstSeq, commit.recordCount, offset, nowMs);
    commit.committedAtMs = this.#committedAtMs;
    return this.#append(bytes, offset, commit.firstSeq + commit.recordCount - 1);
  }

  /** Writes a commit that another segment holds: same records, same time, this segment's checksums. `bytes` has room for a header. */
  async copy(bytes: Uint8Array, frame: { readonly firstSeq: number; readonly recordCount: number; readonly committedAtMs: number }): Promise<void> {
    const offset = place(this.#end, this.commitAlignBytes);
    const framed = this.#frameOf(bytes, FRAME_HEADER_BYTES, bytes.length, frame.firstSeq, frame.recordCount, offset, frame.committedAtMs);
    await this.#append(framed, offset, frame.firstSeq + frame.recordCount - 1);
    // A copy is durable before the next one is made, in every mode.
    if (this.#sync === "manual") await this.sync();
  }

  /** Evidence for what is before it, in a block of its own. Everything before it must be durable. */
  async mark(kind: typeof FrameKind.marker | typeof FrameKind.seal, nowMs: number): Promise<void> {
    const offset = roundUp(this.#end, BLOCK_BYTES);
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    this.#header(bytes, 0, kind, 0, 0, this.#writtenSeq + 1, 0, offset, nowMs);
    await this.#appendSynced(bytes, offset);
    this.#isMarked = true;
  }

  /** States a new floor, durably. Everything before it must be durable. */
  trim(floor: Floor, nowMs: number): Promise<void> {
    const offset = place(this.#end, this.commitAlignBytes);
    const bytes = new Uint8Array(FRAME_HEADER_BYTES + TRIM_BODY_BYTES);
    encodeTrimBody(bytes, FRAME_HEADER_BYTES, floor);
    const bodyCrc = crc32c(bytes.subarray(FRAME_HEADER_BYTES), this.check.seedAt(offset));
    this.#header(bytes, 0, FrameKind.trim, TRIM_BODY_BYTES, 0, this.#writtenSeq + 1, bodyCrc, offset, nowMs);
    return this.#appendSynced(bytes, offset);
  }

  /** Makes every frame so far durable. */
  async sync(): Promise<void> {
    const end = this.#end;
    const seq = this.#writtenSeq;
    if (end === this.#durableEnd) return;
    await this.#file.sync();
    this.#durableEnd = end;
    this.#durableSeq = seq;
  }

  /** Whether a frame was written behind `begin`. */
  get hasFrames(): boolean {
    return this.#hasFrames;
  }

  /** Whether the last frame is a marker or seal. */
  get isMarked(): boolean {
    return this.#isMarked;
  }

  /** Cuts off the space that was prepared, and closes. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #frameOf(bytes: Uint8Array, start: number, end: number, firstSeq: number, recordCount: number, offset: number, nowMs: number): Uint8Array {
    const bodyCrc = crc32c(bytes.subarray(start, end), this.check.seedAt(offset));
    const headerAt = start - FRAME_HEADER_BYTES;
    this.#header(bytes, headerAt, FrameKind.commit, end - start, recordCount, firstSeq, bodyCrc, offset, nowMs);
    return bytes.subarray(headerAt, end);
  }

  #header(
    bytes: Uint8Array,
    at: number,
    kind: FrameKind,
    bodyBytes: number,
    recordCount: number,
    firstSeq: number,
    bodyCrc: number,
    offset: number,
    nowMs: number,
  ): void {
    const frame = this.#frame;
    frame.kind = kind;
    frame.bodyBytes = bodyBytes;
    frame.recordCount = recordCount;
    frame.firstSeq = firstSeq;
    frame.committedAtMs = Math.max(nowMs, this.#committedAtMs);
    // Only what was durable before this frame is written: the sentence that recovery rests on.
    frame.durableThrough = this.#durableEnd;
    frame.bodyCrc = bodyCrc;
    this.#committedAtMs = frame.committedAtMs;
    encodeFrameHeader(bytes, at, frame, this.check.mark, this.check.seedAt(offset));
  }

  #append(bytes: Uint8Array, offset: number, lastSeq: number): Promise<void> {
    return this.#file.append(bytes, { at: offset }).then(() => {
      this.index.add(this.#writtenSeq + 1, offset);
      this.#end = offset + bytes.length;
      this.#writtenSeq = lastSeq;
      this.#hasFrames = true;
      this.#isMarked = false;
      if (this.#sync === "each") {
        this.#durableEnd = this.#end;
        this.#durableSeq = lastSeq;
      }
    });
  }

  async #appendSynced(bytes: Uint8Array, offset: number): Promise<void> {
    await this.#file.append(bytes, { at: offset });
    if (this.#sync === "manual") await this.#file.sync();
    this.#end = offset + bytes.length;
    this.#durableEnd = this.#end;
    this.#durableSeq = this.#writtenSeq;
    this.#hasFrames = true;
    this.#isMarked = false;
  }
}
