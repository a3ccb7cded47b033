/**
 * The same JSON on many lines, as serde_json's pretty printer writes it: two spaces for each level, `": "` behind a name, and empty
 * lists without a line of their own. No line feed at the end.
 *
 * @param compact - One JSON value without white space between its parts, as {@link JsonWriter} makes it. Not checked.
 */
export function indentJson(compact: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let depth = 0;
  let start = 0;
  /** Everything before `at`, and a line feed with the space that the next line begins with. */
  const breakAt = (at: number): void => {
    parts.push(compact.subarray(start, at), lineBreak(depth));
    start = at;
  };
  for (let at = 0; at < compact.length; at++) {
    switch (compact[at] ?? 0) {
      case QUOTE:
        at = endOfString(compact, at);
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (isClosing(compact[at + 1])) at += 1;
        else {
          depth += 1;
          breakAt(at + 1);
        }
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1;
        breakAt(at);
        break;
      case COMMA:
        breakAt(at + 1);
        break;
      case COLON:
        parts.push(compact.subarray(start, at + 1), SPACE);
        start = at + 1;
    }
  }
  parts.push(compact.subarray(start));
  return joined(parts);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = Uint8Array.of(0x20);

function isClosing(byte: number | undefined): boolean {
  return byte === CLOSE_BRACE || byte === CLOSE_BRACKET;
}

/** Where the closing quote of the text is that begins at `start`. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

function lineBreak(depth: number): Uint8Array {
  return new Uint8Array(1 + 2 * depth).fill(0x20).fill(0x0a, 0, 1);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
