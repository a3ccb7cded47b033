import { HttpPortError, type Clock, type HttpRequest, type HttpResponse } from "@holdfast/storage/ports";
import type { Adversary } from "../adversary.js";
import { emptyAnswer, failureAnswer, withoutBody, type Answer } from "./answer.js";
import { piecesOf, silence } from "./body.js";
import type { ObjectFaultKind } from "./faults.js";
import { Latch } from "./latch.js";
import type { ObjectRequest } from "./request.js";

/** What the way to the store and back needs. */
export interface DeliveryParts {
  readonly adversary: Adversary;
  readonly clock: Clock;
  /** Does a request. `duplicate`: the copy of one that was delivered twice. */
  readonly apply: (request: ObjectRequest, fault: ObjectFaultKind | undefined, wasAbsent: boolean) => Answer;
  readonly isAbsent: (request: ObjectRequest) => boolean;
  /** How many turns of the microtask queue a request takes to the store, and an answer back. */
  readonly turns: () => number;
  readonly latencyMs: number;
  /** Keeps a request that is on its way although nobody waits for it. Answers what lands it, once. */
  readonly onLate: (land: () => void) => () => void;
}

/** Who sends a request. */
export interface Sender {
  readonly isDead: () => boolean;
}

/** Brings a request to the store and the answer back, as far as its fault lets it. */
export async function deliver(sent: HttpRequest, request: ObjectRequest, fault: ObjectFaultKind | undefined, sender: Sender, parts: DeliveryParts): Promise<HttpResponse> {
  const { signal } = sent;
  signal?.throwIfAborted();
  if (fault === "refuse") throw new HttpPortError(`${sent.method}: connection refused`, { outcome: "not_applied" });
  const answer = arrive(request, fault, sender, parts);
  // A request that is given up is on its way all the same.
  const given = await untilAborted(answer, signal);
  if (sender.isDead()) await new Promise(() => undefined);
  if (given === undefined) return noAnswer(sent, parts);
  await pass(parts);
  if (sender.isDead()) await new Promise(() => undefined);
  signal?.throwIfAborted();
  return toResponse(given, sent, fault, sender, parts);
}

/** How much later a late request arrives. */
const LATE_MS = [1, 200, 5_000, 60_000, 600_000] as const;
const STORE_NAME = "simulated";

/** At the store. @returns Nothing where no answer will come. */
async function arrive(request: ObjectRequest, fault: ObjectFaultKind | undefined, sender: Sender, parts: DeliveryParts): Promise<Answer | undefined> {
  const { adversary, apply } = parts;
  const wasAbsent = parts.isAbsent(request);
  await pass(parts);
  if (sender.isDead() && adversary.choose("whether a request of a dead process arrives", 2) === 0) return undefined;
  if (fault === "drop") return undefined;
  if (fault === "late") {
    landLater(() => apply(request, fault, wasAbsent), parts);
    return undefined;
  }
  if (fault === "errorInside") {
    if (adversary.choose("whether a completion that fails was done", 2) === 1) apply(request, fault, wasAbsent);
    return { ...failureAnswer(500, "InternalError"), status: 200 };
  }
  const refused = REFUSALS[fault ?? "none"]?.(parts.clock);
  if (refused !== undefined) return refused;
  const answer = apply(request, fault, wasAbsent);
  if (fault === "lose") return undefined;
  if (fault === "failAfter") return failureAnswer(500, "InternalError");
  return fault === "twice" ? apply(request, fault, parts.isAbsent(request)) : answer;
}

const SKEW_MS = 3_600_000;

/** What a store answers that does nothing. */
const REFUSALS: Readonly<Partial<Record<ObjectFaultKind | "none", (clock: Clock) => Answer>>> = {
  fail: () => failureAnswer(500, "InternalError"),
  slow: () => failureAnswer(503, "SlowDown"),
  conflict: () => failureAnswer(409, "ConditionalRequestConflict"),
  garble: () => failureAnswer(400, "BadDigest"),
  full: () => failureAnswer(507, "InsufficientStorage"),
  expire: () => failureAnswer(403, "ExpiredToken"),
  redirect: () => emptyAnswer(307, { location: "https://elsewhere.example/", "x-amz-bucket-region": "elsewhere-1" }),
  skew: (clock) => {
    const answer = failureAnswer(403, "RequestTimeTooSkewed");
    return { ...answer, headers: { ...answer.headers, date: new Date(clock.now() + SKEW_MS).toUTCString() } };
  },
};

function landLater(apply: () => void, { adversary, clock, onLate }: DeliveryParts): void {
  const delayMs = LATE_MS[adversary.choose("how late a request arrives", LATE_MS.length)] ?? 0;
  const land = onLate(apply);
  clock.setTimer(land, delayMs, { ref: false });
}

async function noAnswer(sent: HttpRequest, { adversary, clock }: DeliveryParts): Promise<never> {
  if (sent.timeoutMs !== undefined && adversary.choose("whether a lost answer is silence", 2) === 1) {
    await silence({ clock, signal: sent.signal, timeoutMs: sent.timeoutMs, discarded: undefined });
  }
  throw new HttpPortError(`${sent.method}: the connection broke`, { outcome: "unknown" });
}

/** Awaiting it takes one turn of the microtask queue. */
const SETTLED = Promise.resolve();

async function pass({ turns, latencyMs, clock }: DeliveryParts): Promise<void> {
  if (latencyMs > 0) {
    await new Promise<void>((resolve) => {
      clock.setTimer(resolve, latencyMs / 2, { ref: false });
    });
  }
  for (let left = turns(); left > 0; left -= 1) await SETTLED;
}

/** @throws `signal.reason`, as soon as it aborts. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- The contract: an aborted request rejects with its reason.
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", onAbort);
    });
  });
}

function toResponse(given: Answer, sent: HttpRequest, fault: ObjectFaultKind | undefined, { isDead }: Sender, { adversary, clock }: DeliveryParts): HttpResponse {
  const answer = sent.method === "HEAD" ? withoutBody(given) : given;
  const discarded = new Latch();
  let isTaken = false;
  const way = { adversary, clock, fault, signal: sent.signal, timeoutMs: sent.timeoutMs, discarded, isDead };
  return {
    status: answer.status,
    headers: { server: STORE_NAME, date: new Date(clock.now()).toUTCString(), ...answer.headers },
    body: {
      [Symbol.asyncIterator]() {
        if (isTaken) throw new Error("a body can be read once");
        isTaken = true;
        return piecesOf(answer.body, way);
      },
    },
    discard() {
      discarded.shut();
    },
  };
}
