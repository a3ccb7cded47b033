/**
 * Why bytes are not UTF-8, in the words of Rust's `std::str::Utf8Error`: errors of the original carry them. `undefined`: they are.
 *
 * Which bytes may follow which is table 3-7 of the Unicode standard.
 */
export function utf8Problem(bytes: Uint8Array): string | undefined {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const width = widthOf(first);
    if (width === 0) return invalid(1, at);
    for (let index = 1; index < width; index += 1) {
      const byte = bytes[at + index];
      if (byte === undefined) return `incomplete utf-8 byte sequence from index ${at}`;
      const [low, high] = index === 1 ? secondRange(first) : CONTINUATION;
      if (byte < low || byte > high) return invalid(index, at);
    }
    at += width;
  }
  return undefined;
}

const CONTINUATION = [0x80, 0xbf] as const;

/** Bytes of the character that begins so; 0: none does. */
function widthOf(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

function secondRange(first: number): readonly [number, number] {
  if (first === 0xe0) return [0xa0, 0xbf];
  if (first === 0xed) return [0x80, 0x9f];
  if (first === 0xf0) return [0x90, 0xbf];
  return first === 0xf4 ? [0x80, 0x8f] : CONTINUATION;
}

function invalid(length: number, at: number): string {
  return `invalid utf-8 sequence of ${length} bytes from index ${at}`;
}
