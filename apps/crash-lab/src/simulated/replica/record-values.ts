import type { Log } from "@holdfast/wal";
import { Violation } from "../violation.js";

/** A record that can be told from every other one: a value, and as many bytes as wanted, at least nine. */
export function recordOf(value: number, size: number): Uint8Array {
  const bytes = Buffer.alloc(Math.max(size, 9), value & 0xff);
  bytes.write(`${value};`.padStart(9, "0"), 0, "latin1");
  return bytes;
}

/** The values of all records, from the first. @throws Violation for a record that is not whole. */
export async function valuesOf(log: Pick<Log, "read">): Promise<readonly number[]> {
  const values: number[] = [];
  for await (const { seq, value: bytes } of log.read()) {
    const value = Number.parseInt(Buffer.from(bytes.subarray(0, 8)).toString("latin1"), 10);
    if (Buffer.compare(bytes, recordOf(value, bytes.length)) !== 0) throw new Violation("I3", `record ${seq} is none that was written`);
    values.push(value);
  }
  return values;
}
