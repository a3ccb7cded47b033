import type { StorageBackend, StorageKey } from "@holdfast/storage";
import { valuesOfLine, type LineFormat, type LineReading } from "../format/values-of-line.js";
import { markWith } from "./file-mark.js";
import { LineSplitter, type Line, type Rest } from "./line-splitter.js";
import type { FoundTail } from "./repair-tails.js";

/** A file of one value per line. */
export interface LineSource {
  readonly storage: StorageBackend;
  readonly key: StorageKey;
  /** A longer line counts as damaged. */
  readonly maxLineBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** A value, and where it stands. */
export interface FoundValue<T> {
  readonly value: T;
  readonly line: number;
  /** Byte in the file, of the value itself. */
  readonly offset: number;
  /** A view, good until the next batch. */
  readonly bytes: Uint8Array;
}

/** A line that is not as it should be. */
export interface LineFault {
  readonly code: "line_damaged" | "line_torn" | "line_unterminated";
  readonly message: string;
  readonly line: number;
  /** Where the line begins, in bytes. */
  readonly offset: number;
}

/** Some lines of a file, in order. */
export interface LineBatch<T> {
  readonly values: readonly FoundValue<T>[];
  readonly faults: readonly LineFault[];
  /** Of the whole file: only in its last batch. */
  readonly tail: FoundTail | undefined;
}

/**
 * Reads a file of one value per line, as far as each line can be read, in memory for the longest line and one piece of the stream. A file
 * that is not there has no batch.
 */
export async function* readLines<T>({ storage, key, maxLineBytes, signal }: LineSource, format: LineFormat<T>): AsyncGenerator<LineBatch<T>, void, undefined> {
  const pieces = await storage.stream(key, { signal });
  if (pieces === undefined) return;
  const splitter = new LineSplitter(maxLineBytes);
  for await (const piece of pieces) {
    const values: FoundValue<T>[] = [];
    const faults: LineFault[] = [];
    for (const line of splitter.push(piece)) {
      const reading = readLine(line, true, format, maxLineBytes);
      collect(line, reading, values);
      if (reading.damage !== undefined) faults.push(faultOf("line_damaged", line, `line ${line.number}: ${reading.damage}`));
    }
    if (values.length > 0 || faults.length > 0) yield { values, faults, tail: undefined };
  }
  yield readRest(key, splitter.rest(), format, maxLineBytes);
}

function readLine<T>(line: Line, hasEnd: boolean, format: LineFormat<T>, maxLineBytes: number): LineReading<T> {
  if (line.bytes === undefined) return { values: [], damage: `the line has ${line.length} bytes, more than ${maxLineBytes}` };
  return valuesOfLine(line.bytes, format, hasEnd);
}

function collect<T>({ bytes, number, offset }: Line, { values }: LineReading<T>, into: FoundValue<T>[]): void {
  for (const { value, start, end } of values) into.push({ value, line: number, offset: offset + start, bytes: bytes?.subarray(start, end) ?? NO_BYTES });
}

/** What has no line feed: whole, and then it counts; or torn, and then it ends with the last value in it that is whole. */
function readRest<T>(key: StorageKey, rest: Rest, format: LineFormat<T>, maxLineBytes: number): LineBatch<T> {
  const before = { bytes: rest.offset, crc32c: rest.crc32cBefore };
  if (rest.length === 0) return { values: [], faults: [], tail: { key, mark: before, tornBytes: 0, unterminated: false } };
  const values: FoundValue<T>[] = [];
  const reading = readLine(rest, false, format, maxLineBytes);
  collect(rest, reading, values);
  if (reading.damage === undefined) {
    const faults = values.map(() => faultOf("line_unterminated", rest, `line ${rest.number} has no line feed`));
    return { values, faults, tail: { key, mark: { bytes: rest.offset + rest.length, crc32c: rest.crc32cWith }, tornBytes: 0, unterminated: true } };
  }
  const kept = reading.values.at(-1)?.end ?? 0;
  const tornBytes = rest.length - kept;
  const mark = markWith(before, rest.bytes?.subarray(0, kept) ?? NO_BYTES);
  const fault = faultOf(tornBytes > 0 ? "line_torn" : "line_damaged", rest, `line ${rest.number}: ${reading.damage}`);
  return { values, faults: [fault], tail: { key, mark, tornBytes, unterminated: kept > 0 } };
}

function faultOf(code: LineFault["code"], { number, offset }: Line, message: string): LineFault {
  return { code, message, line: number, offset };
}

const NO_BYTES = new Uint8Array(0);
