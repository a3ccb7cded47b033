import { JsonError, type JsonFaultReason } from "./json-error.js";
import { decodeText, unescape } from "./json-string.js";

/** What a JSON value begins as. */
export type JsonKind = "object" | "array" | "string" | "number" | "boolean" | "null";

/** Arrays and objects inside one another: where serde_json stops, and long before a hostile text fills the stack. */
const MAX_DEPTH = 128;

/**
 * Reads JSON (RFC 8259) from bytes, value by value, as the caller asks for them. Strict, and in ways that `JSON.parse` is not: every
 * fault has a byte offset, integers are exact, a field that comes twice can be seen, a name such as `__proto__` is a name, text is
 * UTF-8 without lone surrogates, and nesting is bounded. Every method throws JsonError (BYTES_INVALID_JSON) and nothing else of its own;
 * after one the reader is done.
 */
export class JsonReader {
  /** Where in the value the reader is, for errors; kept by the callers. */
  readonly path: (string | number)[] = [];
  readonly #bytes: Uint8Array;
  #at = 0;
  #depth = 0;

  /** @param bytes - One JSON value, with white space around it or none. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Byte offset of what is read next. */
  get offset(): number {
    return this.#at;
  }

  /** What the next value is, by its first byte. */
  kind(): JsonKind {
    const byte = this.#peek();
    switch (byte) {
      case OPEN_BRACE:
        return "object";
      case OPEN_BRACKET:
        return "array";
      case QUOTE:
        return "string";
      case LETTER_T:
      case LETTER_F:
        return "boolean";
      case LETTER_N:
        return "null";
      default:
        if (byte === MINUS || isDigit(byte)) return "number";
        throw this.#unexpected("a value");
    }
  }

  /** Reads an object: `onField` for each field in order, with the value next to be read. */
  object(onField: (name: string, offset: number) => void): void {
    this.#open("object");
    for (let first = true; !this.#closes(CLOSE_BRACE, first); first = false) {
      const offset = this.#at;
      const name = this.string();
      if (this.#peek() !== COLON) throw this.#unexpected("a colon");
      this.#at += 1;
      onField(name, offset);
    }
    this.#depth -= 1;
  }

  /** Reads an array: `onItem` for each item in order, with the item next to be read. */
  array(onItem: (index: number) => void): void {
    this.#open("array");
    for (let index = 0; !this.#closes(CLOSE_BRACKET, index === 0); index++) onItem(index);
    this.#depth -= 1;
  }

  /** The next value as a text. */
  string(): string {
    this.#expect("string");
    const start = this.#at + 1;
    const bytes = this.#bytes;
    const plainEnd = endOfPlain(bytes, start);
    if (bytes[plainEnd] === QUOTE && plainEnd - start <= MAX_PLAIN) {
      this.#at = plainEnd + 1;
      return asciiText(bytes, start, plainEnd);
    }
    const { end, escaped } = this.#endOfString(start);
    this.#at = end + 1;
    const fault = (reason: JsonFaultReason, message: string, at: number): JsonError => this.fault(reason, message, at);
    return escaped ? unescape(bytes, start, end, fault) : decodeText(bytes, start, end, fault);
  }

  /** The next value as `true` or `false`. */
  boolean(): boolean {
    this.#expect("boolean");
    const value = this.#bytes[this.#at] === LETTER_T;
    this.#word(value ? "true" : "false");
    return value;
  }

  /** Passes over `null`. */
  null(): void {
    this.#expect("null");
    this.#word("null");
  }

  /** The digits of an integer from 0 to `max`: no sign, no fraction, no exponent. */
  unsigned(max: bigint): bigint {
    const offset = this.#begin("number");
    const text = this.#number();
    if (!/^[0-9]+$/.test(text)) throw this.fault("wrong_type", "not an unsigned integer", offset);
    // Longer ones are too large, and turning a million digits into a number takes its time.
    const value = text.length > 20 ? max + 1n : BigInt(text);
    if (value > max) throw this.fault("out_of_range", `greater than ${max.toString()}`, offset);
    return value;
  }

  /** The nearest double. */
  double(): number {
    const offset = this.#begin("number");
    const value = Number(this.#number());
    if (!Number.isFinite(value)) throw this.fault("out_of_range", "greater than a double can be", offset);
    return value;
  }

  /** An array of numbers from 0 to 255. */
  byteArray(): Uint8Array {
    this.#open("array");
    let result = new Uint8Array(64);
    let length = 0;
    for (; !this.#closes(CLOSE_BRACKET, length === 0); length++) {
      if (length === result.length) result = grown(result);
      result[length] = this.#byte();
    }
    this.#depth -= 1;
    return result.slice(0, length);
  }

  /** Passes over a value of any kind; it has to be JSON all the same. */
  skip(): void {
    switch (this.kind()) {
      case "object":
        this.object(() => {
          this.skip();
        });
        return;
      case "array":
        this.array(() => {
          this.skip();
        });
        return;
      case "string":
        this.string();
        return;
      case "number":
        this.#number();
        return;
      case "boolean":
        this.boolean();
        return;
      case "null":
        this.null();
    }
  }

  /** The next value as its text stands, unchanged; it has to be JSON. */
  raw(): string {
    this.#peek();
    const start = this.#at;
    this.skip();
    return strict.decode(this.#bytes.subarray(start, this.#at));
  }

  /**
   * Goes back to a value that was passed over, for objects whose fields have to be known before they are read.
   *
   * @param offset - Where {@link JsonReader.offset} was, inside the same arrays and objects.
   */
  rewind(offset: number): void {
    this.#at = offset;
  }

  /** Refuses anything but white space behind the value. */
  end(): void {
    if (this.#skipSpace() !== undefined) throw this.fault("trailing", "bytes behind the value");
  }

  /** An error at `offset` in the value that {@link JsonReader.path} names; the caller throws it. */
  fault(reason: JsonFaultReason, message: string, offset: number = this.#at): JsonError {
    return new JsonError("readJson", reason, message, this.path, offset);
  }

  #expect(kind: JsonKind): void {
    const found = this.kind();
    if (found !== kind) throw this.fault("wrong_type", `${named(kind)} was expected, found ${named(found)}`);
  }

  /** {@link JsonReader.#expect}, and where the value begins. */
  #begin(kind: JsonKind): number {
    this.#expect(kind);
    return this.#at;
  }

  #open(kind: "array" | "object"): void {
    this.#expect(kind);
    if (this.#depth === MAX_DEPTH) throw this.fault("too_deep", `nested deeper than ${MAX_DEPTH}`);
    this.#depth += 1;
    this.#at += 1;
  }

  /** Passes over what stands before the next item: a comma, if it is not the first. Answers whether there is none. */
  #closes(closing: number, first: boolean): boolean {
    const byte = this.#peek();
    if (byte === closing) {
      this.#at += 1;
      return true;
    }
    if (first) return false;
    if (byte !== COMMA) throw this.#unexpected("a comma or the end of the list");
    this.#at += 1;
    if (this.#peek() === closing) throw this.#unexpected("a value");
    return false;
  }

  /** Where the closing quote is. Control characters are refused. */
  #endOfString(start: number): { readonly end: number; readonly escaped: boolean } {
    let escaped = false;
    for (let at = start; ; at++) {
      const byte = this.#bytes[at];
      if (byte === undefined) throw this.fault("incomplete", "the text ends inside a string", this.#bytes.length);
      if (byte === QUOTE) return { end: at, escaped };
      if (byte < SPACE) throw this.fault("syntax", "a control character in a string", at);
      if (byte !== BACKSLASH) continue;
      escaped = true;
      at += 1; // The character behind it, a quote perhaps.
    }
  }

  /** The text of a number, whose first byte is the next one. */
  #number(): string {
    const start = this.#at;
    if (this.#bytes[this.#at] === MINUS) this.#at += 1;
    if (this.#bytes[this.#at] === DIGIT_0) this.#at += 1;
    else this.#digits();
    if (this.#bytes[this.#at] === POINT) {
      this.#at += 1;
      this.#digits();
    }
    if (this.#bytes[this.#at] === LETTER_E || this.#bytes[this.#at] === CAPITAL_E) {
      this.#at += 1;
      if (this.#bytes[this.#at] === PLUS || this.#bytes[this.#at] === MINUS) this.#at += 1;
      this.#digits();
    }
    if (isDigit(this.#bytes[this.#at])) throw this.fault("syntax", "a number with a leading zero", start);
    return ascii.decode(this.#bytes.subarray(start, this.#at));
  }

  /** At least one. */
  #digits(): void {
    if (!isDigit(this.#bytes[this.#at])) throw this.#unexpected("a digit");
    while (isDigit(this.#bytes[this.#at])) this.#at += 1;
  }

  /** {@link JsonReader.unsigned} up to 255, without a text for each: byte strings are most of a file. */
  #byte(): number {
    let byte: number | undefined = this.#peek();
    const offset = this.#at;
    let value = 0;
    let at = offset;
    for (; byte !== undefined && isDigit(byte) && at < offset + 3; byte = this.#bytes[++at]) value = value * 10 + byte - DIGIT_0;
    const plain = at > offset && value <= 255 && (at === offset + 1 || this.#bytes[offset] !== DIGIT_0);
    if (!plain || (byte !== COMMA && byte !== CLOSE_BRACKET)) return Number(this.unsigned(255n));
    this.#at = at;
    return value;
  }

  #word(word: string): void {
    for (let index = 0; index < word.length; index++) {
      if (this.#bytes[this.#at] !== word.charCodeAt(index)) throw this.#unexpected(word);
      this.#at += 1;
    }
  }

  /** The next byte that is not white space; the end is a fault. */
  #peek(): number {
    const byte = this.#skipSpace();
    if (byte === undefined) throw this.fault("incomplete", "the text ends before its value does");
    return byte;
  }

  #skipSpace(): number | undefined {
    let byte = this.#bytes[this.#at];
    while (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.#bytes[++this.#at];
    return byte;
  }

  #unexpected(wanted: string): JsonError {
    const reason = this.#at >= this.#bytes.length ? "incomplete" : "syntax";
    return this.fault(reason, `${wanted} was expected`);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const DIGIT_0 = 0x30;
const COLON = 0x3a;
const CAPITAL_E = 0x45;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const LETTER_E = 0x65;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const DELETE = 0x7f;

const ascii = new TextDecoder("latin1");
/** Up to here a text of ASCII without escapes, such as a name, is made faster without a decoder. */
const MAX_PLAIN = 64;
/** Of what was read as JSON, and therefore is UTF-8. */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Behind the ASCII characters that stand for themselves. */
function endOfPlain(bytes: Uint8Array, start: number): number {
  const limit = Math.min(bytes.length, start + MAX_PLAIN + 1);
  let at = start;
  for (let byte = bytes[at] ?? 0; at < limit && byte >= SPACE && byte < DELETE && byte !== QUOTE && byte !== BACKSLASH; byte = bytes[at] ?? 0) at += 1;
  return at;
}

/** One by one: for a few characters cheaper than a decoder's call and a view. */
function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += CHARACTERS[bytes[at] ?? 0] ?? "";
  return text;
}

const CHARACTERS: readonly string[] = Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code));

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= DIGIT_0 && byte <= 0x39;
}

function grown(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(bytes.length * 2);
  result.set(bytes);
  return result;
}

function named(kind: JsonKind): string {
  if (kind === "null") return kind;
  return kind === "object" || kind === "array" ? `an ${kind}` : `a ${kind}`;
}
