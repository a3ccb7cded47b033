import { crc32c } from "@holdfast/bytes";
import { BLOCK_BYTES } from "./segment.js";

/** The most bytes that a scan asks for at once. */
export const SCAN_WINDOW_BYTES: number = 1024 * 1024;

/** Bytes of the file that a scan asks for: inside the file, at most {@link SCAN_WINDOW_BYTES}. */
export interface ByteWindow {
  readonly offset: number;
  readonly length: number;
}

/** Thrown by a scan that is given fewer bytes than it asked for. A mistake of the caller, not a property of the file. */
export class ShortWindowError extends Error {
  constructor(window: ByteWindow, got: number) {
    super(`Asked for ${window.length} bytes at ${window.offset}, was given ${got}.`);
    this.name = "ShortWindowError";
  }
}

/** The part of the file that is in memory. */
export interface View {
  readonly fileBytes: number;
  offset: number;
  bytes: Uint8Array;
}

/** Code that asks for windows of the file, is given their bytes, and answers in the end. */
export type Reading<T> = Generator<ByteWindow, T, Uint8Array>;

/** Brings the window that starts in the block of `offset` into memory. */
export function* load(view: View, offset: number): Reading<void> {
  const from = offset - (offset % BLOCK_BYTES);
  const window: ByteWindow = { offset: from, length: Math.min(SCAN_WINDOW_BYTES, view.fileBytes - from) };
  const bytes = yield window;
  if (bytes.length < window.length) throw new ShortWindowError(window, bytes.length);
  view.offset = from;
  view.bytes = bytes.subarray(0, window.length);
}

/** Whether `length` bytes at `offset` are in memory. */
export function holds(view: View, offset: number, length: number): boolean {
  return offset >= view.offset && offset + length <= view.offset + view.bytes.length;
}

/** Continues `crc` over bytes of the file that are in memory. */
export function crcOf(view: View, from: number, to: number, crc: number): number {
  return crc32c(view.bytes.subarray(from - view.offset, to - view.offset), crc);
}
