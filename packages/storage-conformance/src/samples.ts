import { systemClock } from "@holdfast/storage";
import type { StorageBody } from "@holdfast/storage";
import { within } from "./case.js";
import type { ConformanceContext } from "./case.js";

/** A body whose delivery is watched and held back by the test. */
export interface GatedBody {
  readonly body: StorageBody;
  /** Resolves when the backend asks for the piece behind the gate. */
  readonly asked: Promise<void>;
  /** Lets the held piece through, now and at every later opening. */
  readonly release: () => void;
}

/** `length` bytes that look random and depend on `seed` alone, so that no two samples are equal and no piece repeats. */
export function sampleBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  // xorshift32, Marsaglia 2003. The multiplier spreads neighbouring seeds; the state is never 0.
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x2545f491) | 1;
  for (let at = 0; at < length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** The UTF-8 bytes of `text`. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A streamed body that can be opened any number of times and gives copies of `pieces`. */
export function piecesBody(pieces: readonly Uint8Array[], options?: { readonly bytes?: number }): StorageBody {
  return { ...options, open: () => inTurn(pieces.map((piece) => piece.slice())) };
}

/** A streamed body of `bytes` in pieces of the given lengths, over and over. */
export function choppedBody(bytes: Uint8Array, lengths: readonly number[], options?: { readonly bytes?: number }): StorageBody {
  return { ...options, open: () => inTurn(chop(bytes, lengths)) };
}

/** A streamed body that gives `before` and then throws `error`. */
export function throwingBody(before: readonly Uint8Array[], error: Error, options?: { readonly bytes?: number }): StorageBody {
  return { ...options, open: () => inTurn(throwBehind(before, error)) };
}

/**
 * A streamed body that gives `before`, waits for {@link GatedBody.release}, and gives `after`. `defer` is that of the case: the
 * gate is opened at its end in any case, so that nothing waits for it for ever.
 */
export function gatedBody(defer: ConformanceContext["defer"], before: Uint8Array, after: Uint8Array): GatedBody {
  const asked = gateway();
  const gate = gateway();
  defer(gate.open);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield before.slice();
    asked.open();
    await gate.passed;
    yield after.slice();
  }
  return {
    body: { open: pieces },
    asked: asked.passed,
    release: gate.open,
  };
}

/** A promise that resolves when `open` is called. */
export function gateway(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => { open(); } };
}

/** Resolves after everything that is due now, timers of no delay included. */
export function oneTurn(): Promise<void> {
  return new Promise((resolve) => {
    systemClock.setTimer(resolve, 0);
  });
}

/**
 * A call whose outcome the case looks at later. Should the case fail before it does, the call's rejection is not reported as
 * one that nobody handled: the failure of the case is what counts.
 */
export function lookedAtLater<T>(call: Promise<T>): Promise<T> {
  call.catch(() => undefined);
  return call;
}

/** Waits until `call` has settled, but not longer than `timeoutMs`, and looks at neither. */
export async function settlesWithin(timeoutMs: number, call: Promise<unknown>): Promise<void> {
  await within(timeoutMs, "a call", call).catch(() => undefined);
}

/** All pieces in one array. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** What an async iterable gives, as an array. */
export async function collected<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/**
 * Repeats `action`, at least once, until `isDone`. A backend in memory never waits for anything outside, so that without a turn of
 * the event loop in between nobody else would be heard of, deadlines included.
 */
export async function repeatUntil(isDone: () => boolean, action: () => Promise<void>): Promise<void> {
  do {
    await action();
    await oneTurn();
  } while (!isDone());
}

/** Runs `action` for every item, at most `width` at a time, in order of beginning. */
export async function eachOf<T>(items: readonly T[], width: number, action: (item: T, index: number) => Promise<void>): Promise<void> {
  const rest = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of rest) await action(item, index);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

// eslint-disable-next-line @typescript-eslint/require-await -- The contract takes an async iterable; there is nothing to wait for.
async function* inTurn<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

function* chop(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? bytes.length;
    yield bytes.slice(at, at + length);
    at += length;
  }
}

function* throwBehind(before: readonly Uint8Array[], error: Error): Generator<Uint8Array> {
  for (const piece of before) yield piece.slice();
  throw error;
}
