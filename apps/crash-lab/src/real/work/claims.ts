/**
 * What a working child tells: one line of JSON each, written in one piece before it does anything else, so that what was not told was
 * not claimed. Every write attempt has a token, a number that no other attempt has.
 */
export type Claim =
  /** Everything is loaded; the child waits to be told to go on. */
  | { readonly is: "ready" }
  /** A log is open. What lies below `nextSeq` will be there from now on, unless recovery found no room for it: then below `durableSeq`. On object storage with the writer's term. */
  | { readonly is: "opened"; readonly nextSeq: number; readonly durableSeq: number; readonly relaxed: boolean; readonly copied: number; readonly torn: number; readonly term?: number }
  /** A write is about to be asked for. */
  | { readonly is: "begin"; readonly token: number; readonly attempt: Attempt }
  /** It was answered. */
  | { readonly is: "acknowledged"; readonly token: number }
  /** It was refused with a typed error. */
  | { readonly is: "refused"; readonly token: number; readonly code: string; readonly outcome: string | undefined }
  /** A relaxed log has synced through this sequence number. */
  | { readonly is: "durable"; readonly seq: number }
  /** Something else than a write failed with a typed error: opening, reading, closing. */
  | { readonly is: "failed"; readonly operation: string; readonly code: string }
  /** An error that is not one of this project's, or another thing that must not be. */
  | { readonly is: "wrong"; readonly operation: string; readonly detail: string }
  /** The child has come to its end. */
  | { readonly is: "done" };

/** A claim, and when it was made. */
export type TimedClaim = Claim & { readonly atMs: number };

/** What is attempted. Bytes are those of `recordBytes(token, index, size)`. */
export type Attempt =
  | { readonly what: "append"; readonly first: number; readonly sizes: readonly number[] }
  | { readonly what: "trim"; readonly seq: number }
  | { readonly what: "create" | "replace"; readonly key: string; readonly size: number }
  | { readonly what: "remove"; readonly key: string }
  /** A file that grows in place: `size` bytes at `at`, or cut to `size`. */
  | { readonly what: "extend"; readonly key: string; readonly at: number; readonly size: number }
  | { readonly what: "cut"; readonly key: string; readonly size: number };

/**
 * The line of a claim, its line end included.
 *
 * @param atMs - When it was made, by the machine's monotonic clock.
 */
export function formatClaim(claim: Claim, atMs: number): string {
  return `${JSON.stringify({ ...claim, atMs })}\n`;
}

/** The machine's monotonic clock, in milliseconds: the same in all processes. */
export function machineTimeMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** Reads a line made by {@link formatClaim}. Throws on anything else: a claim that is not understood must not be skipped. */
export function parseClaim(line: string): TimedClaim {
  const claim: unknown = JSON.parse(line);
  if (!isClaim(claim)) throw new Error(`The child process reported something that is not understood: ${line.slice(0, 200)}`);
  return claim;
}

/** The numbers that a claim must have. */
const CLAIMS: ReadonlyMap<unknown, readonly string[]> = new Map<Claim["is"], readonly string[]>([
  ["ready", []],
  ["opened", ["nextSeq", "durableSeq", "copied", "torn"]],
  ["begin", ["token"]],
  ["acknowledged", ["token"]],
  ["refused", ["token"]],
  ["durable", ["seq"]],
  ["failed", []],
  ["wrong", []],
  ["done", []],
]);

/** What an attempt must have. */
const ATTEMPTS: ReadonlyMap<unknown, readonly string[]> = new Map<Attempt["what"], readonly string[]>([
  ["append", ["first", "sizes"]],
  ["trim", ["seq"]],
  ["create", ["key", "size"]],
  ["replace", ["key", "size"]],
  ["remove", ["key"]],
  ["extend", ["key", "at", "size"]],
  ["cut", ["key", "size"]],
]);

function isClaim(value: unknown): value is TimedClaim {
  if (!isObject(value)) return false;
  const { is, attempt, atMs } = value;
  if (typeof atMs !== "number") return false;
  if (CLAIMS.get(is)?.every((name) => Number.isSafeInteger(value[name])) !== true) return false;
  return is !== "begin" || isAttempt(attempt);
}

function isAttempt(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { what } = value;
  return ATTEMPTS.get(what)?.every((name) => value[name] !== undefined) ?? false;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
