import type { CallOptions, StorageBody } from "./contract.js";
import { StorageError } from "./errors.js";
import { onAbort } from "./on-abort.js";

/** The call that writes a body, for its errors and its signal. */
export interface BodyCall extends CallOptions {
  /** For example `"create"`. */
  readonly operation: string;
  readonly key?: string | undefined;
  readonly backend?: string | undefined;
}

/** How many bytes a body has, as far as it says in advance. */
export function bodyBytes(body: StorageBody): number | undefined {
  return body instanceof Uint8Array ? body.length : body.bytes;
}

/**
 * Opens a body once and gives its pieces, in bounded memory, as every backend must treat it: what goes wrong with a body is an
 * error of the write with outcome `not_applied`, so nothing may be visible before this has ended without an error.
 *
 * A piece may be the body itself or be used again by its source: it is good until the next one is asked for, and must not be
 * changed. Leaving the loop early closes the source.
 *
 * @throws STORAGE_WRITE_FAILED, `not_applied`: the source threw (`cause`), gave something that is no Uint8Array, or has another
 * length than it states. STORAGE_INVALID_ARGUMENT: the stated length is no length. `signal.reason` as soon as the signal
 * aborts, also while the source keeps it waiting.
 */
export async function* readBody(body: StorageBody, call: BodyCall): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal } = call;
  const stated = bodyBytes(body);
  if (stated !== undefined && !(Number.isSafeInteger(stated) && stated >= 0)) {
    throw bodyError("STORAGE_INVALID_ARGUMENT", call, `the body states ${stated} bytes`);
  }
  signal?.throwIfAborted();
  if (body instanceof Uint8Array) {
    if (body.length > 0) yield body;
    return;
  }
  let length = 0;
  try {
    for await (const piece of signal === undefined ? body.open() : untilAborted(body.open(), signal)) {
      requireBytes(piece);
      length += piece.length;
      if (stated !== undefined && length > stated) break;
      yield piece;
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw bodyError("STORAGE_WRITE_FAILED", call, "the body could not be read", cause);
  }
  if (stated !== undefined && length !== stated) {
    const found = length > stated ? "more" : `${length}`;
    throw bodyError("STORAGE_WRITE_FAILED", call, `the body states ${stated} bytes and has ${found}`);
  }
}

/** The same items; rejects with `signal.reason` as soon as the signal aborts, without waiting for the source. */
async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let wake = (): void => undefined;
  const letGo = onAbort(signal, () => {
    wake();
  });
  let state: "waiting" | "between" | "ended" = "between";
  try {
    while (true) {
      signal.throwIfAborted();
      state = "waiting";
      // Not a race with one promise for all pieces: that would keep something of each piece until the end.
      const result = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        wake = () => {
          resolve(undefined);
        };
        iterator.next().then(resolve, reject);
      });
      if (result === undefined) continue;
      state = result.done === true ? "ended" : "between";
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    letGo();
    if (state === "between") await iterator.return?.();
    // A source that is waiting closes when it has what it waits for; by then nobody is left to tell an error to.
    if (state === "waiting" && signal.aborted) iterator.return?.().catch(() => undefined);
  }
}

function requireBytes(piece: unknown): void {
  if (!(piece instanceof Uint8Array)) throw new TypeError("a piece of the body is no Uint8Array");
}

function bodyError(
  code: "STORAGE_INVALID_ARGUMENT" | "STORAGE_WRITE_FAILED",
  { operation, key, backend }: BodyCall,
  what: string,
  cause?: unknown,
): StorageError {
  const about = key === undefined ? "" : ` ${key}`;
  return new StorageError(code, `${operation}${about}: ${what}`, { operation, key, backend, outcome: "not_applied", cause });
}
