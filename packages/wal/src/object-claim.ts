import { WalError } from "./errors.js";
import { encodeClaim, isSameId, seqAfter, type ObjectHeader, type Term } from "./format/object.js";
import type { ParentLog } from "./format/segment.js";
import type { LogObjects } from "./log-objects.js";
import { corruptObject } from "./object-check.js";
import { createOwn } from "./object-create.js";
import { listLog, readNewest, readOrigin, requireObjects, type ListedLog, type LogOrigin } from "./object-end.js";
import { logKey } from "./object-layout.js";
import { Retry, type RetryPolicy } from "./retry.js";

/** What {@link claimTerm} needs. */
export interface ClaimOptions {
  readonly objects: LogObjects;
  /** How long an answer that was lost is looked for. */
  readonly policy: RetryPolicy;
  /** Milliseconds for which it is tried again while others are faster. */
  readonly takeoverTimeoutMs: number;
  /** Sequence number of the first record if the log is new. */
  readonly startSeq: number;
  /** What it was restored from if it is new. */
  readonly parent: ParentLog | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A term that was won: from its claim on nobody else's commit enters the log. */
export interface ClaimedTerm {
  readonly by: Term;
  readonly claim: Uint8Array;
  readonly origin: LogOrigin;
  readonly listed: ListedLog;
  /** The object before the claim; `undefined` in a new log. */
  readonly previous: ObjectHeader | undefined;
  readonly nextSeq: number;
  readonly committedAtMs: number;
  /** How often it was tried: more than once if others wrote or opened meanwhile. */
  readonly attempts: number;
}

/**
 * Takes a log over: creates a claim behind its newest object. A claim counts only after a listing showed nothing behind it: then
 * its position was never used before, since the newest object is never removed. Otherwise it lies where an object has been
 * removed, or is superseded already, and another one is needed.
 *
 * Between seeing the newest object and claiming the position behind it lies one round trip. Whoever commits within it is faster;
 * then there is no pause, since the next gap may be long enough. Of openers that supersede each other each waits by chance.
 *
 * @throws WAL_FENCED, retryable, if others were faster until the time was over. What the storage says. `signal.reason`.
 */
export async function claimTerm(options: ClaimOptions): Promise<ClaimedTerm> {
  const { objects, policy, takeoverTimeoutMs, startSeq, signal } = options;
  const race = new Retry({ ...policy, timeoutMs: takeoverTimeoutMs }, signal);
  let outcome: "not_applied" | "unknown" = "not_applied";
  let seen: SeenLog | undefined;
  for (let attempts = 1; ; attempts++) {
    if (attempts > 1 && race.isOver) throw tooSlow(objects, options, attempts - 1, outcome);
    seen ??= await lookAt(objects, signal);
    const previous = seen.newest === 0 ? undefined : await readAhead(objects, seen.newest, attempts === 1 ? 1 : READ_AHEAD, signal);
    if (seen.newest > 0 && (previous === undefined || previous.lastPosition - seen.newest === READ_AHEAD - 1)) {
      // It is gone, or so much came behind it that the end is out of sight.
      seen = undefined;
      continue;
    }
    const { listed, origin } = seen;
    if (previous !== undefined && origin !== undefined) requireSameLog(objects, previous, origin);

    const position = (previous?.lastPosition ?? 0) + 1;
    const nextSeq = previous === undefined ? startSeq : seqAfter(previous);
    const committedAtMs = Math.max(previous?.committedAtMs ?? 0, policy.clock.now());
    const by = { term: position, writerId: policy.random.bytes(16), logId: origin?.logId ?? policy.random.bytes(16) };
    const claim = encodeClaim({ position, firstSeq: nextSeq, committedAtMs }, by.writerId, by.logId, previous === undefined ? options.parent : undefined);
    const creation = await createOwn(objects, logKey(objects.prefix, position), claim, policy, signal);
    if (creation.state === "taken") {
      if (creation.outcome === "unknown") outcome = "unknown";
      // No listing here: what took the position is read next, with what came behind it. Only how a new log begins is looked for.
      seen = origin === undefined ? undefined : { listed, origin, newest: position };
      continue;
    }
    if (!(await objects.hasAfter(position, signal))) return { by, claim, origin: origin ?? { floor: 0, firstSeq: nextSeq, logId: by.logId }, listed, previous, nextSeq, committedAtMs, attempts };
    outcome = "unknown";
    seen = undefined;
    await race.pause();
  }
}

/** What is known of a log that is to be taken over. */
interface SeenLog {
  readonly listed: ListedLog;
  /** `undefined`: there was no log. */
  readonly origin: LogOrigin | undefined;
  /** A position that is used; 0: none is. */
  readonly newest: number;
}

async function lookAt(objects: LogObjects, signal: AbortSignal | undefined): Promise<SeenLog> {
  const listed = await listLog(objects, signal);
  const newest = listed.newest?.position ?? 0;
  if (newest === 0) await requireObjects(objects, signal);
  const origin = newest === 0 ? undefined : await readOrigin(objects, listed.floor, signal);
  return { listed, origin, newest };
}

/**
 * The newest of `count` positions from `position` on, as they are when they are asked for, all at once; `undefined` if there is
 * nothing at any.
 */
async function readAhead(objects: LogObjects, position: number, count: number, signal: AbortSignal | undefined): Promise<ObjectHeader | undefined> {
  const headers = await Promise.all(Array.from({ length: count }, (_, index) => readNewest(objects, position + index, signal)));
  return headers.findLast((header) => header !== undefined);
}

/** An object that somebody copied here from another log says nothing about this one. */
function requireSameLog(objects: LogObjects, newest: ObjectHeader, origin: LogOrigin): void {
  if (isSameId(newest.logId, origin.logId)) return;
  throw corruptObject(logKey(objects.prefix, newest.lastPosition), newest.lastPosition, "it is an object of another log");
}

function tooSlow({ prefix }: LogObjects, { takeoverTimeoutMs }: ClaimOptions, attempts: number, outcome: "not_applied" | "unknown"): WalError {
  const message = `others were faster ${attempts} times in ${takeoverTimeoutMs} ms (takeoverTimeoutMs): end who writes to this log, or have it pause between commits (lingerMs), or open it from nearer or with more time`;
  return new WalError("WAL_FENCED", message, { operation: "openLog", key: prefix, outcome, retryable: true });
}

/** Positions that are looked at together once somebody was faster: so many commits of a writer may come in one round trip. */
const READ_AHEAD = 8;
