/**
 * Runs a write of `bytes` with `zeros` zeros behind them, in a buffer that is used again for the next one.
 *
 * @returns what `write` answers.
 */
export async function withZeroTail(bytes: Uint8Array, zeros: number, write: (extended: Uint8Array) => Promise<number>): Promise<number> {
  const length = bytes.byteLength + zeros;
  const spared = spare.pop();
  const buffer = spared !== undefined && spared.byteLength >= length ? spared : new Uint8Array(length);
  try {
    const extended = buffer.subarray(0, length);
    extended.set(bytes);
    extended.fill(0, bytes.byteLength);
    return await write(extended);
  } finally {
    if (spare.length < MAX_SPARE) spare.push(buffer);
  }
}

const spare: Uint8Array[] = [];
/** As many as there are commits at a time in one thread. */
const MAX_SPARE = 2;
