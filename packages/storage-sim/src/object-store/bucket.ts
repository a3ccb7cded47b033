import { createHash } from "node:crypto";
import { SortedNames } from "./sorted-names.js";

/** An object of a bucket. Never changed, only replaced. */
export interface SimObject {
  readonly bytes: Uint8Array;
  /** With quotation marks, as in headers. */
  readonly etag: string;
  /** Unix milliseconds. */
  readonly modifiedAt: number;
  readonly contentType: string;
  /** Without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** CRC-32C in base64, of all bytes; behind it `-` and a number where it covers the checksums of parts. */
  readonly checksum: string | undefined;
}

/** An upload in parts that is neither complete nor aborted. */
export interface SimUpload {
  readonly id: string;
  readonly name: string;
  readonly startedAt: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly parts: Map<number, SimPart>;
}

/** A part of an upload. */
export interface SimPart {
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly checksum: string | undefined;
}

/** The truth about a bucket: what is in it, whatever anybody was told. */
export class Bucket {
  readonly #objects = new Map<string, SimObject>();
  readonly #uploads = new Map<string, SimUpload>();
  readonly #completed = new Map<string, SimObject>();
  readonly #names = new SortedNames();

  get uploads(): Map<string, SimUpload> {
    return this.#uploads;
  }

  /** What became of uploads, by their ids, in a store that remembers it. */
  get completed(): Map<string, SimObject> {
    return this.#completed;
  }

  get objects(): ReadonlyMap<string, SimObject> {
    return this.#objects;
  }

  /** Names that begin with `prefix` and come behind `after`, by their UTF-8 bytes: the first `most` of them. */
  list(prefix: string, after: string, most: number): readonly string[] {
    return this.#names.list(prefix, after, most);
  }

  put(name: string, object: SimObject): void {
    if (!this.#objects.has(name)) this.#names.add(name);
    this.#objects.set(name, object);
  }

  remove(name: string): void {
    if (this.#objects.delete(name)) this.#names.remove(name);
  }
}

/** The ETag of bytes that were put at once. */
export function etagOf(bytes: Uint8Array): string {
  return `"${createHash("md5").update(bytes).digest("hex")}"`;
}

/** The ETag of an object in parts: the hash over their hashes, and how many they are. */
export function etagOfParts(parts: readonly SimPart[]): string {
  const hash = createHash("md5");
  for (const { etag } of parts) hash.update(Buffer.from(etag.slice(1, -1), "hex"));
  return `"${hash.digest("hex")}-${parts.length}"`;
}
