import type { StorageBody } from "@holdfast/storage";
import { Violation } from "../violation.js";

/** The bytes of a value: its number and its size, and then filling, so that a part of it is no other value. */
export function valueBytes(value: number, size: number): Uint8Array {
  const head = `${value}/${size};`;
  const bytes = Buffer.alloc(Math.max(size, head.length), 97 + (value % 26));
  bytes.write(head, 0, "latin1");
  return bytes;
}

/** The same as a body, in one piece or in several. */
export function valueBody(bytes: Uint8Array, pieces: number): StorageBody {
  if (pieces === 1) return bytes;
  const each = Math.ceil(bytes.length / pieces);
  return {
    async *open() {
      for (let at = 0; at < bytes.length; at += each) yield await Promise.resolve(bytes.subarray(at, at + each));
    },
  };
}

/** Which value it is. @throws Violation if it is not one that is whole. */
export function valueOf(key: string, bytes: Uint8Array): number {
  const [, value, size] = /^(\d{1,9})\/(\d{1,9});/.exec(Buffer.from(bytes.subarray(0, 24)).toString("latin1")) ?? [];
  if (value === undefined || Buffer.compare(valueBytes(Number(value), Number(size)), bytes) !== 0) {
    throw new Violation("I8", `${key} has ${bytes.length} bytes that are no whole value`);
  }
  return Number(value);
}
