import { crc32c } from "@holdfast/bytes";

import {
  BEGIN_OFFSET,
  BLOCK_BYTES,
  FIRST_FRAME_OFFSET,
  FRAME_HEADER_BYTES,
  FrameKind,
  TRIM_BODY_BYTES,
  encodeBegin,
  encodeFrameHeader,
  encodeSegmentHeader,
  encodeTrimBody,
  frameCheck,
  place,
  roundUp,
  type Begin,
  type Floor,
  type FrameCheck,
  type SegmentHeader,
} from "../../src/format/segment.js";

/** A frame that was built. */
export interface BuiltFrame {
  readonly offset: number;
  readonly end: number;
  readonly kind: FrameKind;
  readonly firstSeq: number;
  readonly durableThrough: number;
  readonly records: readonly Uint8Array[];
  readonly body: Uint8Array;
}

/** What a frame may state other than what a writer in synced mode would. */
export interface FrameOverrides {
  readonly durableThrough?: number;
  readonly committedAtMs?: number;
  readonly firstSeq?: number;
  readonly recordCount?: number;
  readonly offset?: number;
}

/** Puts a segment together frame by frame, as a writer in synced mode does unless a call says otherwise. */
export class SegmentBuilder {
  readonly header: SegmentHeader;
  readonly begin: Begin;
  readonly check: FrameCheck;
  readonly frames: BuiltFrame[] = [];
  end = FIRST_FRAME_OFFSET;
  /** What the next frame states: the end of the last frame, unless `relaxed`. */
  durableThrough = FIRST_FRAME_OFFSET;
  relaxed = false;
  nextSeq: number;
  #bytes = new Uint8Array(16384);

  constructor(header: Partial<SegmentHeader> = {}, begin: Partial<Begin> = {}) {
    const number = header.number ?? 1;
    this.header = {
      logId: header.logId ?? fill(16, 0xa0),
      number,
      createdAtMs: header.createdAtMs ?? 1_700_000_000_000,
      salt: header.salt ?? fill(8, 0x10 + number),
      commitAlignBytes: header.commitAlignBytes ?? 8,
    };
    const lastSeq = begin.lastSeq ?? 0;
    this.begin = {
      predecessor: begin.predecessor,
      lastSeq,
      inheritedThrough: begin.inheritedThrough ?? lastSeq,
      floor: begin.floor ?? { seq: 1, number: 1 },
      parent: begin.parent,
      committedAtMs: begin.committedAtMs ?? 1_700_000_000_001,
    };
    this.nextSeq = lastSeq + 1;
    this.check = frameCheck(this.header.salt);
    this.#bytes.set(encodeSegmentHeader(this.header), 0);
    this.#bytes.set(encodeBegin(this.begin, this.check), BEGIN_OFFSET);
  }

  commit(records: readonly Uint8Array[], overrides: FrameOverrides = {}): BuiltFrame {
    return this.#frame(FrameKind.commit, encodeRecords(records), records, overrides);
  }

  trim(floor: Floor, overrides: FrameOverrides = {}): BuiltFrame {
    const body = new Uint8Array(TRIM_BODY_BYTES);
    encodeTrimBody(body, 0, floor);
    return this.#frame(FrameKind.trim, body, [], overrides);
  }

  marker(overrides: FrameOverrides = {}): BuiltFrame {
    return this.#frame(FrameKind.marker, new Uint8Array(0), [], overrides);
  }

  seal(overrides: FrameOverrides = {}): BuiltFrame {
    return this.#frame(FrameKind.seal, new Uint8Array(0), [], overrides);
  }

  /** Any frame, for what no writer would write. */
  frame(kind: FrameKind, body: Uint8Array, overrides: FrameOverrides = {}): BuiltFrame {
    return this.#frame(kind, body, [], overrides);
  }

  /** Relaxed mode: what was written so far was synced. */
  sync(): void {
    this.durableThrough = this.end;
  }

  /** The begin of the segment after this one, as a rotation makes it. */
  next(begin: Partial<Begin> = {}): Partial<Begin> {
    const lastSeq = this.nextSeq - 1;
    return { predecessor: { number: this.header.number, provenBytes: this.end }, lastSeq, floor: this.begin.floor, ...begin };
  }

  /** The file so far: through the last frame, or `fileBytes` with zeros behind it. */
  bytes(fileBytes: number = this.end): Uint8Array {
    this.#reserve(fileBytes);
    return this.#bytes.slice(0, fileBytes);
  }

  #frame(kind: FrameKind, body: Uint8Array, records: readonly Uint8Array[], overrides: FrameOverrides): BuiltFrame {
    const atBlock = kind === FrameKind.marker || kind === FrameKind.seal;
    const offset = overrides.offset ?? (atBlock ? roundUp(this.end, BLOCK_BYTES) : place(this.end, this.header.commitAlignBytes));
    const end = offset + FRAME_HEADER_BYTES + body.length;
    this.#reserve(end);
    const seed = this.check.seedAt(offset);
    const firstSeq = overrides.firstSeq ?? this.nextSeq;
    const recordCount = overrides.recordCount ?? records.length;
    const header = {
      kind,
      bodyBytes: body.length,
      recordCount,
      firstSeq,
      committedAtMs: overrides.committedAtMs ?? this.begin.committedAtMs + this.frames.length + 1,
      durableThrough: overrides.durableThrough ?? this.durableThrough,
      bodyCrc: body.length === 0 ? 0 : crc32c(body, seed),
    };
    encodeFrameHeader(this.#bytes, offset, header, this.check.mark, seed);
    this.#bytes.set(body, offset + FRAME_HEADER_BYTES);
    const frame: BuiltFrame = { offset, end, kind, firstSeq, durableThrough: header.durableThrough, records, body };
    this.frames.push(frame);
    this.end = end;
    if (!this.relaxed) this.durableThrough = end;
    this.nextSeq = firstSeq + recordCount;
    return frame;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

/** The body of a commit. */
export function encodeRecords(records: readonly Uint8Array[]): Uint8Array {
  const body = new Uint8Array(records.reduce((sum, it) => sum + 4 + it.length, 0));
  const view = new DataView(body.buffer);
  let at = 0;
  for (const record of records) {
    view.setUint32(at, record.length, true);
    body.set(record, at + 4);
    at += 4 + record.length;
  }
  return body;
}

/** The records of a body as views into it, or `undefined` if it does not consist of exactly `count` of them. */
export function splitRecords(body: Uint8Array, count: number): Uint8Array[] | undefined {
  const records: Uint8Array[] = [];
  let rest = body;
  while (records.length < count) {
    const length = rest.length < 4 ? Infinity : new DataView(rest.buffer, rest.byteOffset).getUint32(0, true);
    if (length > rest.length - 4) return undefined;
    records.push(rest.subarray(4, 4 + length));
    rest = rest.subarray(4 + length);
  }
  return rest.length === 0 ? records : undefined;
}

/** `length` bytes that count up from `first`. */
export function fill(length: number, first: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (first + index) & 0xff);
}

/** The UTF-8 bytes of a text. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
