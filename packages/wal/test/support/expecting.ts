import { isHoldfastError, type HoldfastError } from "@holdfast/storage";
import { expect } from "vitest";
import type { LogRecord, LogSource, ReadRange } from "../../src/index.js";
import { WalError, type WalErrorCode } from "../../src/index.js";

/** The error that a promise rejects with; fails if it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`resolved with ${JSON.stringify(value)}`);
}

/** The {@link WalError} of this code that a promise rejects with. */
export async function walError(promise: Promise<unknown>, code: WalErrorCode): Promise<WalError> {
  const error = await rejection(promise);
  if (!(error instanceof WalError)) throw error;
  expect(error.code, error.message).toBe(code);
  return error;
}

/** The Holdfast error of this code that a promise rejects with. */
export async function holdfastError(promise: Promise<unknown>, code: string): Promise<HoldfastError> {
  const error = await rejection(promise);
  if (!isHoldfastError(error)) throw error;
  expect(error.code, error.message).toBe(code);
  return error;
}

/** Everything that an iteration gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** Records as `seq:text`. */
export async function texts(log: LogSource<Uint8Array>, range?: ReadRange): Promise<string[]> {
  return (await all(log.read(range))).map(show);
}

export function show({ seq, value }: LogRecord<Uint8Array>): string {
  return `${seq}:${Buffer.from(value).toString()}`;
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text);
}

/** Bytes of this length that tell which record they belong to, at both ends. */
export function payload(name: string, length: number): Uint8Array {
  const bytes = Buffer.alloc(Math.max(length, name.length * 2 + 2), 0x2e);
  bytes.write(`${name}<`, 0);
  bytes.write(`>${name}`, bytes.length - name.length - 1);
  return bytes;
}

/** Lets everything happen that waits for nothing but its turn. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits until `condition` holds. In vain for ten seconds: an error. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error("waited in vain");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Waits until everything that was begun is done: no call of the file system is on its way, and none follows. */
export async function settled(): Promise<void> {
  for (let quiet = 0; quiet < 10; ) {
    await turns(1);
    quiet = process.getActiveResourcesInfo().some((it) => it.startsWith("FSReq")) ? 0 : quiet + 1;
  }
}
