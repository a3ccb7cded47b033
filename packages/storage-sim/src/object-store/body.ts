import { HttpPortError, type Clock } from "@holdfast/storage/ports";
import type { Adversary } from "../adversary.js";
import type { ObjectFaultKind } from "./faults.js";
import type { Latch } from "./latch.js";

/** How a body comes over. */
export interface BodyWay {
  readonly adversary: Adversary;
  readonly clock: Clock;
  readonly fault: ObjectFaultKind | undefined;
  readonly signal: AbortSignal | undefined;
  /** Of the request: how long nothing may move. */
  readonly timeoutMs: number | undefined;
  /** What discards the body rejects a piece that is waited for. */
  readonly discarded: Latch | undefined;
  /** Whether whoever reads is gone. */
  readonly isDead: () => boolean;
}

/** The pieces of a body, as far as its fault lets them come. @throws HttpPortError; `signal.reason`. */
export async function* piecesOf(body: Uint8Array, way: BodyWay): AsyncGenerator<Uint8Array, void, undefined> {
  const { fault, adversary } = way;
  const flipped = fault === "flip" ? withFlippedBit(body, adversary) : body;
  const ends = fault === "cut" || fault === "short" || fault === "stall";
  const end = ends ? adversary.choose("how many bytes of a body come", body.byteLength + (fault === "short" ? 0 : 1)) : body.byteLength;
  const pieceBytes = fault === "drip" ? Math.max(1, Math.ceil(end / DRIPS)) : PIECE_BYTES;
  for (let at = 0; at < end; at += pieceBytes) {
    if (fault === "drip") await pause(adversary.choose("a pause in a body", PAUSES_MS), way);
    await settled(way);
    // A copy: who reads owns what it gets.
    yield flipped.slice(at, Math.min(end, at + pieceBytes));
  }
  await settled(way);
  if (fault === "cut") throw new HttpPortError("the response broke off", { outcome: "unknown" });
  if (fault === "stall") await silence(way);
}

/** Waits until nothing has moved for too long. @throws HttpPortError; `signal.reason`. */
export async function silence(way: Pick<BodyWay, "clock" | "signal" | "timeoutMs" | "discarded">): Promise<never> {
  await pause(way.timeoutMs ?? Infinity, way);
  throw new HttpPortError(`nothing moved for ${way.timeoutMs ?? 0} ms`, { outcome: "unknown" });
}

/** Awaiting it takes one turn of the microtask queue. */
const SETTLED = Promise.resolve();
const PIECE_BYTES = 65_536;
const DRIPS = 7;
/** A pause is shorter than any timeout that somebody would set. */
const PAUSES_MS = 900;

function withFlippedBit(body: Uint8Array, adversary: Adversary): Uint8Array {
  const bits = body.byteLength * 8;
  if (bits === 0) return body;
  const bit = adversary.choose("which bit of a body is wrong", bits);
  const wrong = body.slice();
  const at = Math.floor(bit / 8);
  wrong[at] = (wrong[at] ?? 0) ^ (1 << (bit % 8));
  return wrong;
}

async function settled({ signal, discarded, isDead }: BodyWay): Promise<void> {
  await SETTLED;
  if (isDead()) await new Promise(() => undefined);
  signal?.throwIfAborted();
  if (discarded?.isShut === true) throw new HttpPortError("the response was discarded", { outcome: "unknown" });
}

function pause(delayMs: number, { clock, signal, discarded }: Pick<BodyWay, "clock" | "signal" | "discarded">): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = delayMs === Infinity ? (): void => undefined : clock.setTimer(finish, delayMs, { ref: false });
    function finish(): void {
      signal?.removeEventListener("abort", onAbort);
      discarded?.wait(undefined);
      resolve();
    }
    function onAbort(): void {
      cancel();
      discarded?.wait(undefined);
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- The contract: an aborted request rejects with its reason.
      reject(signal?.reason);
    }
    function onDiscard(): void {
      cancel();
      signal?.removeEventListener("abort", onAbort);
      reject(new HttpPortError("the response was discarded", { outcome: "unknown" }));
    }
    if (signal?.aborted === true) onAbort();
    else if (discarded?.isShut === true) onDiscard();
    else {
      signal?.addEventListener("abort", onAbort, { once: true });
      discarded?.wait(onDiscard);
    }
  });
}
