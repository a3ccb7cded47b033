import { Violation } from "../violation.js";

/** The text of a record that is longer than its text: so many bytes in all. */
export function longText(text: string, bytes: number): string {
  return `${text}+${bytes}`;
}

/** A record of a text: its bytes, and behind those of a {@link longText} zeros. */
export function recordOf(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  const [, length] = LONG.exec(text) ?? [];
  if (length === undefined) return bytes;
  const record = new Uint8Array(Number(length));
  record.set(bytes);
  return record;
}

/** The text of a record. @throws Violation of I3 where it is not all that stands in it. */
export function textOf(record: Uint8Array): string {
  const end = record.indexOf(0);
  const text = Buffer.from(end < 0 ? record : record.subarray(0, end)).toString();
  if (Buffer.compare(recordOf(text), record) !== 0) throw new Violation("I3", `a record of ${record.length} bytes begins with ${JSON.stringify(text)}, and is not what was appended`);
  return text;
}

const LONG = /\+(\d{1,8})$/;
