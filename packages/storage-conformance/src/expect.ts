import assert from "node:assert/strict";
import { inspect } from "node:util";
import { isHoldfastError, storagePrefix } from "@holdfast/storage";
import type { CallOptions, HoldfastError, ListOptions, StorageBackend, StorageEntry, StorageErrorCode, StorageKey } from "@holdfast/storage";
import { collected, joined } from "./samples.js";

/**
 * Asserts that `promise` rejects with a Holdfast error of one of these codes.
 *
 * @returns The error.
 */
export async function rejectsWith(promise: Promise<unknown>, ...codes: readonly StorageErrorCode[]): Promise<HoldfastError> {
  const error = await rejection(promise, codes.join(" or "));
  if (!isHoldfastError(error)) {
    throw new assert.AssertionError({ message: `expected ${codes.join(" or ")}, rejected with: ${String(error)}`, actual: error });
  }
  assert.ok(
    codes.some((code) => code === error.code),
    `expected ${codes.join(" or ")}, rejected with ${error.code}: ${error.message}`,
  );
  return error;
}

/** Asserts that `promise` rejects with this very value, as an aborted call does with `signal.reason`. */
export async function rejectsWithReason(promise: Promise<unknown>, reason: unknown): Promise<void> {
  const error = await rejection(promise, "signal.reason");
  assert.ok(error === reason, `expected signal.reason, rejected with: ${String(error)}`);
}

/** Asserts that `promise` rejects. @returns What with. */
export async function rejection(promise: Promise<unknown>, expected: string): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: `expected a rejection (${expected}), resolved with ${shortened(value)}` });
}

/** Asserts that two byte arrays are equal. Says where they differ, not all that is in them. */
export function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array, what: string): void {
  assert.ok(actual instanceof Uint8Array, `${what}: expected ${expected.length} bytes, got ${shortened(actual)}`);
  const common = Math.min(actual.length, expected.length);
  let at = 0;
  while (at < common && actual[at] === expected[at]) at += 1;
  assert.ok(
    at === common,
    `${what}: differs at byte ${at}: ${String(actual[at])} instead of ${String(expected[at])} (${actual.length} and ${expected.length} bytes)`,
  );
  assert.equal(actual.length, expected.length, `${what}: ${actual.length} bytes instead of ${expected.length}`);
}

/** Asserts that every byte is zero. */
export function allZero(bytes: Uint8Array, what: string): void {
  const at = bytes.findIndex((byte) => byte !== 0);
  assert.equal(at, -1, `${what}: byte ${at} of ${bytes.length} is ${String(bytes[at])} instead of 0`);
}

/** Asserts that the object is there with this content, by every way of looking. */
export async function isThere(backend: StorageBackend, key: StorageKey, content: Uint8Array): Promise<void> {
  sameBytes(await backend.read(key), content, `read ${key}`);
  sameBytes(await streamed(backend, key), content, `stream ${key}`);
  assert.equal((await backend.stat(key))?.size, content.length, `size of ${key} by stat`);
  const found = (await siblings(backend, key)).filter((entry) => entry.key === key);
  assert.deepEqual(
    found.map((entry) => entry.size),
    [content.length],
    `sizes of ${key} by list`,
  );
}

/** Asserts that there is no such object, by every way of looking. */
export async function isAbsent(backend: StorageBackend, key: StorageKey): Promise<void> {
  assert.equal(await backend.read(key), undefined, `read ${key}`);
  assert.equal(await backend.stream(key), undefined, `stream ${key}`);
  assert.equal(await backend.stat(key), undefined, `stat ${key}`);
  assert.deepEqual(
    (await siblings(backend, key)).filter((entry) => entry.key === key),
    [],
    `list ${key}`,
  );
}

/** Everything that `list` gives. Rejects also where `list` itself throws. */
export async function listed(backend: StorageBackend, prefix: string, options?: ListOptions): Promise<StorageEntry[]> {
  return collected(backend.list(storagePrefix(prefix), options));
}

/** The whole object by `stream`, or `undefined`. */
export async function streamed(backend: StorageBackend, key: StorageKey, options?: CallOptions): Promise<Uint8Array | undefined> {
  const pieces = await backend.stream(key, options);
  return pieces === undefined ? undefined : joined(await collected(pieces));
}

/** Everything in the directory of `key`. */
function siblings(backend: StorageBackend, key: StorageKey): Promise<StorageEntry[]> {
  return listed(backend, key.slice(0, key.lastIndexOf("/") + 1));
}

function shortened(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return inspect(value, { depth: 1, maxStringLength: 80 });
}
