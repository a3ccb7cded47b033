import { JsonError, JsonReader } from "@holdfast/bytes/json";
import { isBlank } from "./id-segment.js";

/** What the lines of a file are. */
export interface LineFormat<T> {
  /** What every line begins with, and nothing inside one. */
  readonly start: string;
  /** Reads the next value. Throws JsonError. */
  readonly read: (reader: JsonReader) => T;
}

/** A value in a line. */
export interface LineValue<T> {
  readonly value: T;
  /** Where it stands in the line, in bytes. */
  readonly start: number;
  readonly end: number;
}

/** What a line has. */
export interface LineReading<T> {
  /** One, none of a blank line, and of a damaged one those that are whole. */
  readonly values: readonly LineValue<T>[];
  /** What is wrong with the line, for people. */
  readonly damage: string | undefined;
}

/**
 * Reads one line. Where an append was interrupted and another one followed it, or a line feed is missing, a line is several: the values
 * that are whole are found again by what each begins with, which no text can contain, since there a quote stands behind a backslash.
 *
 * @param line - Without its line feed.
 * @param hasEnd - Whether it had one.
 */
export function valuesOfLine<T>(line: Uint8Array, format: LineFormat<T>, hasEnd: boolean): LineReading<T> {
  const whole = attempt(line, 0, format);
  if (whole.value !== undefined && whole.end === line.length) return { values: [whole.value], damage: undefined };
  if (isBlankLine(line)) return { values: [], damage: undefined };
  const damage = whole.error?.message ?? `trailing characters at byte ${whole.end}`;
  return { values: rescue(line, format, hasEnd), damage };
}

interface Attempt<T> {
  readonly value?: LineValue<T>;
  readonly error?: JsonError;
  /** How far the reader came: behind the value and white space, or to where the error is. */
  readonly end: number;
}

function attempt<T>(line: Uint8Array, start: number, format: LineFormat<T>): Attempt<T> {
  const reader = new JsonReader(start === 0 ? line : line.subarray(start));
  try {
    const value = format.read(reader);
    const end = start + reader.offset;
    return { value: { value, start, end }, end: endOfSpace(line, end) };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return { error, end: start + (error.offset ?? 0) };
  }
}

/**
 * The values that stand alone or before another object. What an object in front may have for a part of itself is not taken for one, but at
 * the end of a whole line: whoever wrote that line feed wrote the value before it.
 */
function rescue<T>(line: Uint8Array, format: LineFormat<T>, hasEnd: boolean): readonly LineValue<T>[] {
  const values: LineValue<T>[] = [];
  const start = encoder.encode(format.start);
  let reached = 0;
  let at = indexOf(line, start, 0);
  for (let attempts = 0; at >= 0 && attempts < MAX_ATTEMPTS; attempts++) {
    const { value, end } = attempt(line, at, format);
    const alone = value !== undefined && (end === line.length || line[end] === OPEN_BRACE);
    if (alone && (end > reached || (hasEnd && end === line.length))) values.push(value);
    reached = Math.max(reached, end);
    at = indexOf(line, start, alone ? end : at + 1);
  }
  return values;
}

/** A line that is made of nothing but beginnings shall not cost its length for each. */
const MAX_ATTEMPTS = 64;
const OPEN_BRACE = 0x7b;
const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isBlankLine(line: Uint8Array): boolean {
  try {
    return isBlank(strict.decode(line));
  } catch {
    // Not UTF-8, and therefore not blank.
    return false;
  }
}

function endOfSpace(line: Uint8Array, from: number): number {
  let at = from;
  while (line[at] === 0x20 || line[at] === 0x09 || line[at] === 0x0d) at += 1;
  return at;
}

function indexOf(line: Uint8Array, part: Uint8Array, from: number): number {
  const [first = 0] = part;
  for (let at = line.indexOf(first, from); at >= 0; at = line.indexOf(first, at + 1)) {
    if (part.every((byte, index) => line[at + index] === byte)) return at;
  }
  return -1;
}
