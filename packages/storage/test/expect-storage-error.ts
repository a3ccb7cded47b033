import { expect } from "vitest";
import { isHoldfastError, type StorageError, type StorageErrorCode } from "../src/index.js";

/** Expects that `run` throws or rejects with a StorageError of this code, and answers it. */
export async function expectStorageError(run: () => unknown, code: StorageErrorCode): Promise<StorageError> {
  let thrown: unknown = "nothing was thrown";
  try {
    await run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ name: "StorageError", code });
  expect(isHoldfastError(thrown)).toBe(true);
  return thrown as StorageError;
}

/** All items of an async iterable. */
export async function all<T>(items: AsyncIterable<T> | undefined): Promise<T[]> {
  const result: T[] = [];
  for await (const item of items ?? []) result.push(item);
  return result;
}

/** A text's UTF-8 bytes. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Bytes as text, one character each. */
export function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("latin1");
}
