import { StorageError, type StorageErrorCode } from "@holdfast/storage";
import { expect } from "vitest";

/** The error that a promise rejects with, checked for its code. */
export async function rejection(promise: Promise<unknown>, code: StorageErrorCode): Promise<StorageError> {
  const error: unknown = await promise.then(
    () => undefined,
    (it: unknown) => it,
  );
  expect(error, `expected ${code}`).toBeInstanceOf(StorageError);
  if (!(error instanceof StorageError)) throw error;
  expect(error.code, error.message).toBe(code);
  return error;
}
