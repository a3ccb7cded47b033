import { JsonError, type JsonFaultReason } from "./json-error.js";
import { JsonReader } from "./json-reader.js";

/**
 * Writes JSON as serde_json does without white space: text unescaped but for quotes, backslashes and control characters. What
 * stands between the values (commas, braces) is the caller's.
 */
export class JsonWriter {
  /** Where in the value the writer is, for errors; kept by the callers. */
  readonly path: (string | number)[] = [];
  #bytes: Uint8Array = new Uint8Array(1024);
  #length = 0;

  /** Writes `text`, which is ASCII, as it stands. */
  raw(text: string): void {
    this.#room(text.length);
    for (let index = 0; index < text.length; index++) this.#bytes[this.#length++] = text.charCodeAt(index);
  }

  /** `text` in quotes. Half of a character has no UTF-8 and is refused. */
  string(text: string): void {
    if (LONE_SURROGATE.test(text)) throw this.fault("utf8", "half a character in a text");
    const quoted = JSON.stringify(text);
    this.#room(quoted.length * 3);
    this.#length += encoder.encodeInto(quoted, this.#bytes.subarray(this.#length)).written;
  }

  /** A value that is JSON already, as it stands. It has to be, and on one line: lines of a file stay lines. */
  json(text: string): void {
    if (LONE_SURROGATE.test(text)) throw this.fault("utf8", "half a character in a text");
    const bytes = encoder.encode(text);
    const reader = new JsonReader(bytes);
    reader.path.push(...this.path);
    reader.skip();
    reader.end();
    if (/[\n\r]/.test(text)) throw this.fault("syntax", "a line break between the parts of the JSON");
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** An array of numbers. */
  byteArray(bytes: Uint8Array): void {
    this.#room(bytes.length * 4 + 2);
    this.raw("[");
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index] ?? 0;
      if (index > 0) this.#bytes[this.#length++] = COMMA;
      if (byte >= 100) this.#bytes[this.#length++] = DIGIT_0 + Math.floor(byte / 100);
      if (byte >= 10) this.#bytes[this.#length++] = DIGIT_0 + (Math.floor(byte / 10) % 10);
      this.#bytes[this.#length++] = DIGIT_0 + (byte % 10);
    }
    this.raw("]");
  }

  /** What was written, as a view that belongs to the caller. The writer is done. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** An error in the value that {@link JsonWriter.path} names; the caller throws it. */
  fault(reason: JsonFaultReason, message: string): JsonError {
    return new JsonError("writeJson", reason, message, this.path);
  }

  #room(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

const COMMA = 0x2c;
const DIGIT_0 = 0x30;
const LONE_SURROGATE = /\p{Surrogate}/u;
const encoder = new TextEncoder();
