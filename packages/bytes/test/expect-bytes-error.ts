import { expect } from "vitest";
import { BytesError, type BytesErrorCode } from "../src/index.js";

/** Expects that `run` throws a BytesError with this code, and answers it. */
export function expectBytesError(run: () => unknown, code: BytesErrorCode): BytesError {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(BytesError);
  const error = thrown as BytesError;
  expect(error.code).toBe(code);
  return error;
}
