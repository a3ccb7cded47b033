import { storageKey, type StorageEntry, type StorageKey } from "@holdfast/storage";
import type { Query } from "./address.js";
import type { S3Client } from "./client.js";
import { badAnswer, RequestFailure, storageError, type Failure } from "./errors.js";
import { readXml } from "./responses.js";
import { childrenOf, childText, type XmlElement } from "./xml.js";

/** What is listed. */
export interface Listing {
  readonly client: S3Client;
  /** The prefix of the backend, which stands before every key. */
  readonly root: string;
  /** Relative to it, as `after` and the keys that are answered. */
  readonly prefix: string;
  readonly after: StorageKey | undefined;
  readonly limit: number;
  readonly failure: Failure;
}

/** One page of a list, and how the next one is asked for. */
export interface Page {
  readonly entries: readonly StorageEntry[];
  readonly next: PageRequest | undefined;
}

/** Where a page begins: behind a name, or where the store said. */
export interface PageRequest {
  readonly token: string | undefined;
  /** The last name seen, as it stands in the bucket. */
  readonly after: string | undefined;
  /** How many pages in a row brought no name. */
  readonly barren: number;
}

/** The first page of a list. */
export function firstPage({ root, after }: Listing): PageRequest {
  return { token: undefined, after: after === undefined ? undefined : `${root}${after}`, barren: 0 };
}

/**
 * Asks for one page of ListObjectsV2. Names that are no keys are passed over.
 *
 * @throws RequestFailure; STORAGE_UNSUPPORTED_STORE for a store that does not list in the order of names.
 */
export async function listPage(listing: Listing, page: PageRequest, signal: AbortSignal | undefined): Promise<Page> {
  try {
    return await askFor(listing, page, signal);
  } catch (error) {
    // A token may be too old after a long pause. The last name says the same; it is only not known to a page without names.
    if (page.token === undefined || page.after === undefined || !isRefusedToken(error)) throw error;
    return askFor(listing, { ...page, token: undefined }, signal);
  }
}

/** As many names as a store answers at once. */
const PAGE_KEYS = 1_000;
/** Stores may answer pages without names, where many were removed lately; one that does nothing else is broken. */
const MAX_BARREN_PAGES = 1_000;

async function askFor(listing: Listing, page: PageRequest, signal: AbortSignal | undefined): Promise<Page> {
  const query: Query = {
    "list-type": "2",
    "encoding-type": "url",
    "max-keys": String(Math.min(PAGE_KEYS, listing.limit)),
    prefix: listing.root + listing.prefix,
    ...(page.token === undefined ? {} : { "continuation-token": page.token }),
    ...(page.token !== undefined || page.after === undefined ? {} : { "start-after": page.after }),
  };
  // An answer that cannot be a page is asked for again, as one that did not come.
  return listing.client.send({ method: "GET", query }, signal, async (response) => toPage(listing, page, await readXml(response, "ListBucketResult")));
}

function toPage(listing: Listing, page: PageRequest, result: XmlElement): Page {
  const isEncoded = childText(result, "EncodingType") === "url";
  const entries: StorageEntry[] = [];
  let last = page.after;
  for (const item of childrenOf(result, "Contents")) {
    const name = nameOf(item, isEncoded);
    if (!name.startsWith(listing.root + listing.prefix) || (last !== undefined && compareNames(name, last) <= 0)) throw outOfOrder(listing);
    last = name;
    const key = keyOf(name.slice(listing.root.length));
    if (key !== undefined) entries.push(toEntry(key, item));
  }
  return { entries, next: nextPage(page, result, last) };
}

function nextPage(page: PageRequest, result: XmlElement, last: string | undefined): PageRequest | undefined {
  const isTruncated = childText(result, "IsTruncated");
  // A list that does not say whether it is whole is not believed to be.
  if (isTruncated !== "true" && isTruncated !== "false") throw badAnswer("a list that does not say whether it goes on");
  if (isTruncated === "false") return undefined;
  const token = childText(result, "NextContinuationToken");
  if (token === undefined || token === "") throw badAnswer("a list that goes on, and does not say where");
  const barren = last === page.after ? page.barren + 1 : 0;
  if (barren > MAX_BARREN_PAGES) throw badAnswer(`${barren} pages of a list in a row without a name`);
  return { token, after: last, barren };
}

function toEntry(key: StorageKey, item: XmlElement): StorageEntry {
  const size = childText(item, "Size") ?? "";
  if (!/^\d{1,16}$/.test(size)) throw badAnswer("a list entry without a size");
  const modifiedAt = Date.parse(childText(item, "LastModified") ?? "");
  return { key, size: Number(size), modifiedAt: Number.isFinite(modifiedAt) ? modifiedAt : 0 };
}

function nameOf(item: XmlElement, isEncoded: boolean): string {
  const text = childText(item, "Key");
  if (text === undefined) throw badAnswer("a list entry without a key");
  if (!isEncoded) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (cause) {
    throw badAnswer("a list entry whose key is not encoded rightly", cause);
  }
}

/** The key of that name, or `undefined` if it is none: other programs may keep what they like in the bucket. */
function keyOf(name: string): StorageKey | undefined {
  try {
    return storageKey(name);
  } catch {
    return undefined;
  }
}

/** By UTF-8 bytes, as stores have it; `<` on strings compares UTF-16, which differs beyond U+FFFF. */
function compareNames(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function isRefusedToken(error: unknown): boolean {
  return error instanceof RequestFailure && error.status === 400;
}

function outOfOrder({ failure }: Listing): Error {
  const what = "the store does not list names below a prefix in the order of their bytes, so that a list could miss some; directory buckets do not";
  return storageError("STORAGE_UNSUPPORTED_STORE", what, failure);
}
