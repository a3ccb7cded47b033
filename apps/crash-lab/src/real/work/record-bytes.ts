/**
 * The bytes that belong to a write: from its token, the place within it and the length, so that nothing has to be kept in order to know
 * them again. They begin with a text that says so, as far as there is room, and go on with bytes that do not repeat.
 *
 * @param token - Number of the write; no two writes have the same.
 * @param index - Which of its records.
 * @param length - Bytes, 0 or more.
 */
export function recordBytes(token: number, index: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(length);
  let state = Math.imul(token ^ (index << 20), 0x9e3779b1) ^ length;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  bytes.write(recordMark(token, index), 0, "latin1");
  return bytes;
}

/** The text that the bytes begin with. */
export function recordMark(token: number, index: number): string {
  return `<write ${token}.${index}>`;
}

/** Says in words what bytes are, for messages: they may be those of another write. */
export function describeBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, 40)).toString("latin1");
  const mark = /^<write \d+\.\d+>/.exec(text)?.[0];
  return `${bytes.length} bytes ${mark === undefined ? `that begin with ${JSON.stringify(text.slice(0, 16))}` : `of ${mark}`}`;
}
