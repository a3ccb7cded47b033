import { crc32c } from "@holdfast/bytes";

/** A line of a file, without its line feed. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Where it begins, in bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
  /** A view, good until the next piece; `undefined` if the line is longer than what is kept of one. */
  readonly bytes: Uint8Array | undefined;
}

/** What stands behind the last line feed. */
export interface Rest extends Line {
  /** CRC-32C of everything before it. */
  readonly crc32cBefore: number;
  /** CRC-32C of everything with it. */
  readonly crc32cWith: number;
}

/** Splits a file into lines, piece by piece, in memory for one line and one piece. */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #number = 1;
  #offset = 0;
  #length = 0;
  /** Of the line that is not complete yet; `undefined` once it is too long. */
  #parts: Uint8Array[] | undefined = [];
  #crcBefore = 0;
  #crcWith = 0;

  /** @param maxLineBytes - Of longer lines there are no bytes. */
  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** The lines that end in this piece. */
  push(piece: Uint8Array): readonly Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, start)) {
      this.#grow(piece.subarray(start, end));
      lines.push(this.#line());
      this.#next();
      start = end + 1;
    }
    if (start > 0) {
      this.#crcBefore = crc32c(piece.subarray(0, start), this.#crcWith);
      this.#crcWith = this.#crcBefore;
    }
    // A copy: `slice` of a Buffer is none.
    const rest = new Uint8Array(piece.subarray(start));
    this.#crcWith = crc32c(rest, this.#crcWith);
    this.#grow(rest);
    return lines;
  }

  /** What is left at the end of the file; nothing if that is a line feed. */
  rest(): Rest {
    return { ...this.#line(), crc32cBefore: this.#crcBefore, crc32cWith: this.#crcWith };
  }

  #grow(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#length += part.length;
    if (this.#length > this.#maxLineBytes) this.#parts = undefined;
    else this.#parts?.push(part);
  }

  #line(): Line {
    return { number: this.#number, offset: this.#offset, length: this.#length, bytes: this.#parts && joined(this.#parts, this.#length) };
  }

  #next(): void {
    this.#number += 1;
    this.#offset += this.#length + 1;
    this.#length = 0;
    this.#parts = [];
  }
}

const LINE_FEED = 0x0a;

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [first, ...others] = parts;
  if (first === undefined) return new Uint8Array(0);
  if (others.length === 0) return first;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
