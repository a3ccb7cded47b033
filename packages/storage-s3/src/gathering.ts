import { readBody, type BodyCall, type StorageBody } from "@holdfast/storage";

/** A body as far as it fits into one part. */
export type Gathered = { readonly whole: Uint8Array } | { readonly parts: BodyParts };

/** A body in parts of the asked length, the last one shorter and never empty. */
export interface BodyParts extends AsyncIterable<Uint8Array> {
  /** Lets go of the body's source; needed where the parts are not iterated. */
  close(): Promise<void>;
}

/**
 * Reads a body until it ends or more than `partBytes` are there: so much is held, and no more.
 *
 * @throws What `readBody` throws; later from the parts.
 */
export async function gather(body: StorageBody, partBytes: number, call: BodyCall): Promise<Gathered> {
  if (body instanceof Uint8Array && body.byteLength <= partBytes) return { whole: body };
  const parts = body instanceof Uint8Array ? slicesOf(body, partBytes) : partsOf(readBody(body, call), partBytes);
  const first = await parts.next();
  if (first.done === true) return { whole: new Uint8Array(0) };
  const second = await parts.next();
  if (second.done === true) return { whole: first.value };
  return {
    parts: {
      [Symbol.asyncIterator]: () => inFront([first.value, second.value], parts),
      close: async () => {
        await parts.return();
      },
    },
  };
}

/** A piece is only good until the next one is asked for, so it is copied. */
async function* partsOf(pieces: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    let rest = piece;
    while (rest.byteLength > 0) {
      const taken = rest.slice(0, partBytes - length);
      rest = rest.subarray(taken.byteLength);
      held.push(taken);
      length += taken.byteLength;
      if (length < partBytes) continue;
      yield joined(held, length);
      held = [];
      length = 0;
    }
  }
  if (length > 0) yield joined(held, length);
}

// eslint-disable-next-line @typescript-eslint/require-await -- One shape for both kinds of body; there is nothing to wait for.
async function* slicesOf(bytes: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += partBytes) yield bytes.subarray(at, at + partBytes);
}

async function* inFront<T>(first: readonly T[], rest: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  try {
    yield* first;
    yield* rest;
  } finally {
    await rest.return();
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : new Uint8Array(Buffer.concat(pieces, length));
}
