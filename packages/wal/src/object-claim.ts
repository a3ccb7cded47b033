import type { RandomSource } from "@holdfast/storage/ports";
import { WalError } from "./errors.js";
import { encodeClaim, isSameId, seqAfter, type ObjectHeader, type Term } from "./format/object.js";
import type { LogObjects } from "./log-objects.js";
import { corruptObject } from "./object-check.js";
import { createOwn, type RetryPolicy } from "./object-create.js";
import { listLog, readNewest, readOrigin, requireObjects, type ListedLog, type LogOrigin } from "./object-end.js";
import { logKey } from "./object-layout.js";

/** What {@link claimTerm} needs. */
export interface ClaimOptions {
  readonly objects: LogObjects;
  readonly policy: RetryPolicy;
  readonly random: RandomSource;
  /** Sequence number of the first record if the log is new. */
  readonly startSeq: number;
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
 * @throws WAL_FENCED, retryable, if others were faster too many times. What the storage says. `signal.reason`.
 */
export async function claimTerm(options: ClaimOptions): Promise<ClaimedTerm> {
  const { objects, policy, random, startSeq, signal } = options;
  let listed: ListedLog | undefined;
  let origin: LogOrigin | undefined;
  let newest = 0;
  for (let attempts = 1; attempts <= MAX_ATTEMPTS; attempts++) {
    if (listed === undefined) {
      listed = await listLog(objects, signal);
      newest = listed.newest?.position ?? 0;
      if (newest === 0) await requireObjects(objects, signal);
      origin = newest === 0 ? undefined : await readOrigin(objects, listed.floor, signal);
    }
    const previous = newest === 0 ? undefined : await readNewest(objects, newest, signal);
    if (newest > 0 && previous === undefined) {
      listed = undefined;
      continue;
    }
    // Who lost the race for position 1 has the winner's claim here, and the log begins with it.
    if (previous !== undefined) origin ??= { floor: 0, firstSeq: previous.firstSeq, logId: previous.logId };
    if (previous !== undefined && origin !== undefined) requireSameLog(objects, previous, origin);

    const position = newest + 1;
    const nextSeq = previous === undefined ? startSeq : seqAfter(previous);
    const committedAtMs = Math.max(previous?.committedAtMs ?? 0, policy.clock.now());
    const by = { term: position, writerId: random.bytes(16), logId: origin?.logId ?? random.bytes(16) };
    const claim = encodeClaim({ position, firstSeq: nextSeq, committedAtMs }, by.writerId, by.logId);
    const creation = await createOwn(objects, logKey(objects.prefix, position), claim, policy, signal);
    if (creation.state === "taken") {
      // No listing here: a refusal is faster than a commit, so this catches up with a writer that is at work.
      newest = position;
      continue;
    }
    if (!(await objects.hasAfter(position, signal))) return { by, claim, origin: origin ?? { floor: 0, firstSeq: nextSeq, logId: by.logId }, listed, previous, nextSeq, committedAtMs, attempts };
    listed = undefined;
  }
  throw new WalError("WAL_FENCED", `other writers were faster ${MAX_ATTEMPTS} times`, { operation: "openLog", key: objects.prefix, outcome: "unknown", retryable: true });
}

/** An object that somebody copied here from another log says nothing about this one. */
function requireSameLog(objects: LogObjects, newest: ObjectHeader, origin: LogOrigin): void {
  if (isSameId(newest.logId, origin.logId)) return;
  throw corruptObject(logKey(objects.prefix, newest.lastPosition), newest.lastPosition, "it is an object of another log");
}

const MAX_ATTEMPTS = 100;
