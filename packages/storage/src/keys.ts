import { StorageError } from "./errors.js";

/*
 * Names of objects, in a grammar that means the same on every backend:
 *
 *   key    = directory* leaf              at most 900 bytes, and 255 between two slashes
 *   prefix = directory*
 *   directory = [a-z0-9_-]+ "/"
 *   leaf   = [a-z0-9_-]+ ("." [a-z0-9]+)+
 *
 * Directories never contain a dot and leaves always do: no key is another key's directory, none is "." or "..", and none is a
 * lock file (`.lock` has nothing before its dot). There is no upper case and nothing beyond ASCII, so that a file system
 * that folds case or composes characters sees the same names as one that does not.
 *
 * The order of keys is the order of their bytes, "/" included. Since keys are ASCII, that is what `<` on strings gives:
 * `a-b.x` < `a.x` < `a/b.x` < `a0.x`, for "-" < "." < "/" < "0".
 */

declare const KEY: unique symbol;
declare const PREFIX: unique symbol;

/** A validated, already encoded object name. Made by {@link storageKey}, never cast. */
export type StorageKey = string & { readonly [KEY]: true };

/** Zero or more directories, each followed by `/`; `""` is the root. Made by {@link storagePrefix}, never cast. */
export type StoragePrefix = string & { readonly [PREFIX]: true };

/** The longest key and the longest prefix, in bytes. */
export const MAX_KEY_BYTES = 900;

/**
 * Checks an object name.
 *
 * @param text - `(directory "/")* leaf`: directories of `a-z 0-9 _ -`, a leaf of the same with at least one `.extension` of
 * `a-z 0-9`, at most 255 bytes each and 900 in all. Foreign ids go through {@link encodeKeyPart} first.
 * @returns The same text.
 * @throws STORAGE_INVALID_KEY.
 */
export function storageKey(text: string): StorageKey {
  if (isKey(text)) return text;
  throw invalid("storageKey", text, whyNotKey(text));
}

/**
 * Checks the name of a directory.
 *
 * @param text - `"a/b"` or `"a/b/"`; `""` is the root. At most 255 bytes each, and 900 in all with its last `/`.
 * @returns The form that ends in `/`, or `""`.
 * @throws STORAGE_INVALID_KEY.
 */
export function storagePrefix(text: string): StoragePrefix {
  // Only what could be a prefix is put together, so that a hostile text costs nothing.
  const canonical = typeof text === "string" && text !== "" && text.length < MAX_KEY_BYTES && !text.endsWith("/") ? `${text}/` : text;
  if (isPrefix(canonical)) return canonical;
  throw invalid("storagePrefix", text, whyNotPrefix(canonical));
}

/**
 * The key of an object below a prefix.
 *
 * @param leaf - A leaf, or a key that is meant relative to `prefix`.
 * @throws STORAGE_INVALID_KEY.
 */
export function joinKey(prefix: StoragePrefix, leaf: string): StorageKey {
  return storageKey(`${prefix}${leaf}`);
}

/**
 * A directory below a prefix.
 *
 * @param directory - As for {@link storagePrefix}, relative to `prefix`.
 * @throws STORAGE_INVALID_KEY.
 */
export function joinPrefix(prefix: StoragePrefix, directory: string): StoragePrefix {
  return storagePrefix(`${prefix}${directory}`);
}

/**
 * Turns any id into one directory name, or into the first part of a leaf. Of the id's UTF-8 bytes `a-z`, `0-9` and `-` stand
 * for themselves and every other one is written `_hh`; the names of Windows devices (`con`, `lpt1`, …) get their first
 * letter written so. Different ids give different texts, also where a file system folds case.
 *
 * @param id - Well-formed, not empty, at most 200 characters when encoded.
 * @throws STORAGE_INVALID_KEY. Nothing is ever cut off, replaced or hashed.
 */
export function encodeKeyPart(id: string): string {
  if (typeof id !== "string") throw invalid("encodeKeyPart", id, "an id must be a text");
  if (id === "") throw invalid("encodeKeyPart", id, "an id must not be empty");
  if (id.length <= MAX_ENCODED_CHARACTERS) {
    if (/\p{Surrogate}/u.test(id)) throw invalid("encodeKeyPart", id, "an id must not have a lone surrogate");
    const encoded = WINDOWS_DEVICE.test(id) ? escapeBytes(id, 1) : escapeBytes(id, 0);
    if (encoded.length <= MAX_ENCODED_CHARACTERS) return encoded;
  }
  throw invalid("encodeKeyPart", id, `an id must not have more than ${MAX_ENCODED_CHARACTERS} characters when encoded`);
}

/** The inverse of {@link encodeKeyPart}; `undefined` for every text that it does not answer. */
export function decodeKeyPart(text: string): string | undefined {
  if (text.length > MAX_ENCODED_CHARACTERS || !/^(?:[a-z0-9-]|_[0-9a-f]{2})+$/.test(text)) return undefined;
  const bytes = Array.from(text.matchAll(/_([0-9a-f]{2})|./g), ([character, hex]) =>
    hex === undefined ? character.charCodeAt(0) : Number.parseInt(hex, 16),
  );
  try {
    const id = decoder.decode(Uint8Array.from(bytes));
    return encodeKeyPart(id) === text ? id : undefined;
  } catch {
    // Not UTF-8. No id gives such a text, which is all there is to say about it.
    return undefined;
  }
}

/** Throws STORAGE_INVALID_KEY, as the failure of `operation`, unless `key` is one. For backends, where a cast could get past the types. */
export function requireKey(operation: string, key: StorageKey): void {
  if (!isKey(key)) throw invalid(operation, key, whyNotKey(key));
}

/** As {@link requireKey}, for a prefix. */
export function requirePrefix(operation: string, prefix: StoragePrefix): void {
  if (!isPrefix(prefix)) throw invalid(operation, prefix, whyNotPrefix(prefix));
}

const KEY_GRAMMAR = /^(?:[a-z0-9_-]+\/)*[a-z0-9_-]+(?:\.[a-z0-9]+)+$/;
const PREFIX_GRAMMAR = /^(?:[a-z0-9_-]+\/)*$/;
const LONG_PART = /[^/]{256}/;
/** The longest part of a key between two `/`, in bytes: what file systems can name. */
const MAX_KEY_PART_BYTES = 255;
/** The longest text that {@link encodeKeyPart} answers. */
const MAX_ENCODED_CHARACTERS = 200;
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isKey(text: string): text is StorageKey {
  return typeof text === "string" && text.length <= MAX_KEY_BYTES && !hasLongPart(text) && KEY_GRAMMAR.test(text);
}

function isPrefix(text: string): text is StoragePrefix {
  return typeof text === "string" && text.length <= MAX_KEY_BYTES && !hasLongPart(text) && PREFIX_GRAMMAR.test(text);
}

/** Most names are too short for that, and are looked at often. */
function hasLongPart(text: string): boolean {
  return text.length > MAX_KEY_PART_BYTES && LONG_PART.test(text);
}

function escapeBytes(id: string, alwaysEscaped: number): string {
  let encoded = "";
  for (const [index, byte] of encoder.encode(id).entries()) {
    const character = String.fromCharCode(byte);
    const literal = index >= alwaysEscaped && /[a-z0-9-]/.test(character);
    encoded += literal ? character : `_${byte.toString(16).padStart(2, "0")}`;
  }
  return encoded;
}

function whyNotKey(text: unknown): string {
  const common = whyNotName(text);
  if (common !== undefined) return common;
  return "the last part needs a name and an extension, such as segment.wal, and the parts before it must not have a dot";
}

function whyNotPrefix(text: unknown): string {
  return whyNotName(text) ?? "directories must not have a dot";
}

function whyNotName(text: unknown): string | undefined {
  if (typeof text !== "string") return "it is not a text";
  if (text.length > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`;
  if (hasLongPart(text)) return `a part of it is longer than ${MAX_KEY_PART_BYTES} bytes`;
  if (text === "") return "it is empty";
  const stranger = /[^a-z0-9_./-]/u.exec(text);
  if (stranger !== null) return `${quote(stranger[0])} is not allowed, only a-z 0-9 _ - . and / are; encodeKeyPart() makes a name of any id`;
  if (text.startsWith("/") || text.includes("//")) return "a directory name is empty";
  return undefined;
}

function invalid(operation: string, text: unknown, why: string): StorageError {
  const shown = typeof text === "string" ? shorten(text) : typeof text;
  return new StorageError("STORAGE_INVALID_KEY", `${operation} ${quote(shown)}: ${why}`, {
    operation,
    key: shown,
    outcome: "not_applied",
  });
}

/** A hostile name may be of any length; a message is not. */
function shorten(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}

/** In quotes and in ASCII, so that a name cannot play with the terminal it is shown on. */
function quote(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
