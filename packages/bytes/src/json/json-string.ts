import type { JsonError, JsonFaultReason } from "./json-error.js";

/** Makes an error at a byte offset. */
export type MakeFault = (reason: JsonFaultReason, message: string, offset: number) => JsonError;

/** The text between two quotes that has escapes. `end` is the closing quote, which no backslash stands before. */
export function unescape(bytes: Uint8Array, start: number, end: number, fault: MakeFault): string {
  let text = "";
  for (let at = start; at < end; ) {
    const backslash = bytes.indexOf(BACKSLASH, at);
    const literalEnd = backslash < 0 || backslash > end ? end : backslash;
    text += decodeText(bytes, at, literalEnd, fault);
    if (literalEnd === end) break;
    const letter = bytes[literalEnd + 1] ?? 0;
    const simple = ESCAPES.get(letter);
    if (simple !== undefined) {
      text += simple;
      at = literalEnd + 2;
    } else if (letter === LETTER_U) {
      const { character, length } = codePoint(bytes, literalEnd, end, fault);
      text += character;
      at = literalEnd + length;
    } else {
      throw fault("syntax", "an unknown escape", literalEnd);
    }
  }
  return text;
}

/** UTF-8, strictly. */
export function decodeText(bytes: Uint8Array, start: number, end: number, fault: MakeFault): string {
  const part = bytes.subarray(start, end);
  try {
    return strict.decode(part);
  } catch {
    throw fault("utf8", "not UTF-8", start + wellFormedLength(part));
  }
}

const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

const ESCAPES: ReadonlyMap<number, string> = new Map(
  Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }).map(([letter, character]) => [letter.charCodeAt(0), character]),
);

/** A byte order mark is a character like others. */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const replacing = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** A `\u` escape at `at`, or the two that make a character beyond U+FFFF. */
function codePoint(bytes: Uint8Array, at: number, end: number, fault: MakeFault): { readonly character: string; readonly length: number } {
  const first = hex4(bytes, at, end, fault);
  if (first < 0xd800 || first > 0xdfff) return { character: String.fromCharCode(first), length: 6 };
  const follows = bytes[at + 6] === BACKSLASH && bytes[at + 7] === LETTER_U;
  const second = first <= 0xdbff && follows ? hex4(bytes, at + 6, end, fault) : 0;
  if (second < 0xdc00 || second > 0xdfff) throw fault("utf8", "an escape for half a character", at);
  return { character: String.fromCharCode(first, second), length: 12 };
}

function hex4(bytes: Uint8Array, at: number, end: number, fault: MakeFault): number {
  const digits = String.fromCharCode(...bytes.subarray(at + 2, Math.min(at + 6, end)));
  if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw fault("syntax", "an escape without four hexadecimal digits", at);
  return Number.parseInt(digits, 16);
}

/** How many bytes before the first that belongs to no character. */
function wellFormedLength(bytes: Uint8Array): number {
  // What is replaced differs from what stands there; a U+FFFD of the text's own does not.
  let length = 0;
  for (const character of replacing.decode(bytes)) {
    const expected = encoder.encode(character);
    if (!expected.every((byte, index) => bytes[length + index] === byte)) break;
    length += expected.length;
  }
  return length;
}
