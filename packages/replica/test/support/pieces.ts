/** The bytes in pieces of this length. */
export async function* pieces(bytes: Uint8Array, length = 64 * 1024): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.slice(at, at + length);
}

/** All pieces in one. */
export async function joined(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of source) all.push(piece.slice());
  return new Uint8Array(Buffer.concat(all));
}

/** Whether two arrays have the same bytes. Comparing megabytes with `toEqual` takes seconds. */
export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
