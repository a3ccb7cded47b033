/**
 * The messages of FUSE that one regular file needs, between the kernel and `/dev/fuse`: `include/uapi/linux/fuse.h` of Linux, version 7.31.
 * Numbers have the machine's byte order; only little-endian machines are served.
 */

/** What the kernel asks for. */
export interface FuseRequest {
  readonly opcode: number;
  /** Names the request in its answer. */
  readonly unique: bigint;
  readonly body: Buffer;
}

/** Requests that are answered in a special way. */
export const Opcode = {
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
} as const;

/** `FUSE_BIG_WRITES` */
const BIG_WRITES = 1 << 5;
/** A write may bring so many bytes. */
const MAX_WRITE_BYTES = 128 * 1024;
/** The kernel refuses to hand requests to a smaller buffer. */
export const REQUEST_BYTES: number = MAX_WRITE_BYTES + 4096;

/** A whole message of the kernel, as read from `/dev/fuse`: at least its head of 40 bytes. The body is a view of it. */
export function parseRequest(message: Buffer): FuseRequest {
  return { opcode: message.readUInt32LE(4), unique: message.readBigUInt64LE(8), body: message.subarray(IN_HEADER_BYTES) };
}

/** An answer. @param errno - 0, or the number of a system error. */
export function formatAnswer(unique: bigint, errno: number, body: Uint8Array = new Uint8Array(0)): Buffer {
  const answer = Buffer.alloc(OUT_HEADER_BYTES + body.byteLength);
  answer.writeUInt32LE(answer.byteLength, 0);
  answer.writeInt32LE(errno === 0 ? 0 : -errno, 4);
  answer.writeBigUInt64LE(unique, 8);
  answer.set(body, OUT_HEADER_BYTES);
  return answer;
}

/**
 * `fuse_init_out`: version 7.31, and writes of more than a page in one request. Page by page, the first ones of a write would be done and the
 * next one fail: a short write, which the loop driver of Linux 6.18 was seen to take for a whole one.
 */
export function initBody(): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(31, 4);
  body.writeUInt32LE(BIG_WRITES, 12);
  body.writeUInt16LE(16, 16);
  body.writeUInt16LE(12, 18);
  body.writeUInt32LE(MAX_WRITE_BYTES, 20);
  body.writeUInt32LE(1, 24);
  return body;
}

/** `fuse_attr_out` of a regular file with this size, valid for a second. */
export function attributesBody(size: number): Buffer {
  const body = Buffer.alloc(104);
  body.writeBigUInt64LE(1n, 0);
  body.writeBigUInt64LE(1n, 16);
  body.writeBigUInt64LE(BigInt(size), 24);
  body.writeBigUInt64LE(BigInt(Math.ceil(size / 512)), 32);
  body.writeUInt32LE(0o100600, 76);
  body.writeUInt32LE(1, 80);
  body.writeUInt32LE(4096, 96);
  return body;
}

/** `fuse_open_out`: no handle, no flags. */
export function openBody(): Buffer {
  return Buffer.alloc(16);
}

/** `fuse_write_out`. */
export function writtenBody(bytes: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(bytes, 0);
  return body;
}

/** `fuse_read_in`. */
export function parseRead(body: Buffer): { readonly offset: number; readonly length: number } {
  return { offset: Number(body.readBigUInt64LE(8)), length: body.readUInt32LE(16) };
}

/** `fuse_write_in` and what follows it. */
export function parseWrite(body: Buffer): { readonly offset: number; readonly bytes: Buffer } {
  const length = body.readUInt32LE(16);
  return { offset: Number(body.readBigUInt64LE(8)), bytes: body.subarray(WRITE_IN_BYTES, WRITE_IN_BYTES + length) };
}

const IN_HEADER_BYTES = 40;
const OUT_HEADER_BYTES = 16;
const WRITE_IN_BYTES = 40;
