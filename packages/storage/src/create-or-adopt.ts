import { bodyBytes, readBody } from "./body.js";
import type { CallOptions, StorageBackend, StorageBody, StorageEntry } from "./contract.js";
import { hasCode, isHoldfastError, StorageError, type HoldfastError } from "./errors.js";
import type { StorageKey } from "./keys.js";

/** Options of {@link createOrAdopt}. */
export interface CreateOrAdoptOptions extends CallOptions {
  /** Where the 16 bytes of the object id begin. Default 0. */
  readonly idOffset?: number | undefined;
  /** How many bytes of checksum stand at the end: 4 to 16. Default 4. */
  readonly trailerBytes?: number | undefined;
  /** How often `create` is called at most: 1 to 100. Default 4. */
  readonly attempts?: number | undefined;
}

/** What {@link createOrAdopt} did. */
export interface CreatedOrAdopted {
  readonly entry: StorageEntry;
  /** False: the last attempt created the object. True: it was there, and it is this one. */
  readonly adopted: boolean;
}

/**
 * Creates an object once, over a backend whose answers may be lost.
 *
 * The object carries a random 128-bit id and ends in a checksum, as all native objects do. When `create` fails with outcome
 * `unknown` it is called again with the same body; when it meets an object, whoever made it, the id, the checksum and the size
 * are read back: if they are ours, an earlier attempt had succeeded. That is never decided by reading alone, since what can be
 * read need not be durable, but what STORAGE_ALREADY_EXISTS speaks of is. An attempt that arrives late finds the key taken.
 *
 * @param body - At least id and checksum long, and the same at every opening.
 * @returns The entry, and whether it was adopted.
 * @throws STORAGE_ALREADY_EXISTS if the object there is another one; with outcome `unknown` after an attempt in doubt, since this one
 * may have been there and have been removed. STORAGE_WRITE_FAILED with outcome `unknown` when the
 * attempts were used up, or one after an unknown one failed for good: the object may be there or come later. What `create`
 * rejects with when the first attempt fails and was certainly not applied. STORAGE_INVALID_ARGUMENT. `signal.reason`.
 */
export async function createOrAdopt(
  backend: StorageBackend,
  key: StorageKey,
  body: StorageBody,
  options: CreateOrAdoptOptions = {},
): Promise<CreatedOrAdopted> {
  const { signal, idOffset = 0, trailerBytes = 4, attempts = 4 } = options;
  const task: Task = { backend, key, body, signal, idOffset, trailerBytes };
  requireBetween(task, "idOffset", idOffset, 0, Number.MAX_SAFE_INTEGER - 32);
  requireBetween(task, "trailerBytes", trailerBytes, 4, 16);
  requireBetween(task, "attempts", attempts, 1, 100);
  requireLength(task, bodyBytes(body) ?? Number.MAX_SAFE_INTEGER);

  let doubtful = false;
  for (let left = attempts; ; left -= 1) {
    try {
      return await attempt(task, doubtful ? await markOf(task) : undefined);
    } catch (error) {
      signal?.throwIfAborted();
      if (hasCode(error, "STORAGE_ALREADY_EXISTS")) throw doubtful ? foreign(task, error) : error;
      const notApplied = isHoldfastError(error) && error.outcome === "not_applied";
      if (notApplied && !doubtful) throw error;
      doubtful = true;
      const mayHelp = isHoldfastError(error) && (!notApplied || error.retryable);
      if (left === 1 || !mayHelp) throw unresolved(task, error);
    }
  }
}

const ID_BYTES = 16;

interface Task {
  readonly backend: StorageBackend;
  readonly key: StorageKey;
  readonly body: StorageBody;
  readonly signal: AbortSignal | undefined;
  readonly idOffset: number;
  readonly trailerBytes: number;
}

/** By what an object is known again. */
interface Mark {
  readonly size: number;
  readonly id: Uint8Array;
  readonly trailer: Uint8Array;
}

/** @param mark - The body's, where it is known already. */
async function attempt(task: Task, mark: Mark | undefined): Promise<CreatedOrAdopted> {
  const { backend, key, body, signal } = task;
  // A source that gives less at its second opening must not become an object: from then on the length is stated.
  const source = mark === undefined || body instanceof Uint8Array ? body : { bytes: mark.size, open: () => body.open() };
  try {
    return { entry: await backend.create(key, source, { signal }), adopted: false };
  } catch (error) {
    if (!hasCode(error, "STORAGE_ALREADY_EXISTS")) throw error;
    const entry = await findOurs(task, mark);
    if (entry === undefined) throw error;
    return { entry, adopted: true };
  }
}

/** The entry of the object if it is ours. One that is gone again is not: a name that was removed is not made anew. */
async function findOurs(task: Task, known: Mark | undefined): Promise<StorageEntry | undefined> {
  const { backend, key, signal, idOffset, trailerBytes } = task;
  try {
    const mark = known ?? (await markOf(task));
    const entry = await backend.stat(key, { signal });
    if (entry?.size !== mark.size) return undefined;
    const [id, trailer] = await Promise.all([
      backend.read(key, { range: { offset: idOffset, length: ID_BYTES }, signal }),
      backend.read(key, { range: { offset: mark.size - trailerBytes, length: trailerBytes }, signal }),
    ]);
    return isEqual(id, mark.id) && isEqual(trailer, mark.trailer) ? entry : undefined;
  } catch (cause) {
    throw unresolved(task, cause);
  }
}

/** Reads the body once, in bounded memory. */
async function markOf(task: Task): Promise<Mark> {
  const { backend, key, body, signal, idOffset, trailerBytes } = task;
  const id = new Uint8Array(ID_BYTES);
  let trailer = new Uint8Array(0);
  let size = 0;
  for await (const piece of readBody(body, { operation: OPERATION, key, backend: backend.name, signal })) {
    const inId = piece.subarray(Math.max(idOffset - size, 0), Math.max(idOffset + ID_BYTES - size, 0));
    if (inId.length > 0) id.set(inId, Math.max(size - idOffset, 0));
    trailer = Uint8Array.from([...trailer, ...piece.subarray(-trailerBytes)]).slice(-trailerBytes);
    size += piece.length;
  }
  requireLength(task, size);
  return { size, id, trailer };
}

const OPERATION = "createOrAdopt";

function isEqual(found: Uint8Array | undefined, expected: Uint8Array): boolean {
  return found?.length === expected.length && expected.every((byte, index) => found[index] === byte);
}

function requireLength(task: Task, size: number): void {
  const least = task.idOffset + ID_BYTES + task.trailerBytes;
  if (size < least) throw invalid(task, `the body has ${size} bytes, id and checksum need ${least}`);
}

function requireBetween(task: Task, what: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw invalid(task, `${what} is ${value}, not from ${min} to ${max}`);
}

function invalid({ backend, key }: Task, what: string): StorageError {
  return new StorageError("STORAGE_INVALID_ARGUMENT", `${OPERATION} ${key}: ${what}`, {
    operation: OPERATION,
    key,
    backend: backend.name,
    outcome: "not_applied",
  });
}

function foreign({ backend, key }: Task, cause: unknown): StorageError {
  return new StorageError("STORAGE_ALREADY_EXISTS", `${OPERATION} ${key}: another object is there`, {
    operation: OPERATION,
    key,
    backend: backend.name,
    outcome: "unknown",
    cause,
  });
}

function unresolved({ backend, key }: Task, cause: unknown): HoldfastError {
  if (isHoldfastError(cause) && cause.operation === OPERATION && cause.outcome === "unknown") return cause;
  return new StorageError("STORAGE_WRITE_FAILED", `${OPERATION} ${key}: the object may have been created`, {
    operation: OPERATION,
    key,
    backend: backend.name,
    retryable: true,
    outcome: "unknown",
    cause,
  });
}
