import { describe, expect, it } from "vitest";
import { hasCode, HoldfastError, isHoldfastError, StorageError } from "../src/index.js";

describe("errors", () => {
  it("carry their details", () => {
    const cause = new Error("below");
    const error = new StorageError("STORAGE_REMOVE_FAILED", "remove: failed", {
      operation: "remove",
      key: "a.x",
      backend: "fs",
      offset: 3,
      retryable: true,
      outcome: "unknown",
      cause,
      failedKeys: ["a.x"],
    });
    expect(error).toBeInstanceOf(HoldfastError);
    expect(error).toMatchObject({
      name: "StorageError",
      code: "STORAGE_REMOVE_FAILED",
      message: "remove: failed",
      operation: "remove",
      key: "a.x",
      backend: "fs",
      offset: 3,
      retryable: true,
      outcome: "unknown",
      cause,
      failedKeys: ["a.x"],
    });
  });

  it("have harmless defaults", () => {
    const error = new StorageError("STORAGE_CLOSED", "closed", { operation: "read" });
    expect(error).toMatchObject({ key: undefined, retryable: false, outcome: undefined, failedKeys: [] });
    expect("cause" in error).toBe(false);
  });
});

describe("hasCode", () => {
  it("knows errors of another copy of this package, and of packages that share only the brand", () => {
    const foreign = Object.defineProperty(new Error("cut short"), Symbol.for("holdfast.error"), { value: true });
    Object.assign(foreign, { code: "BYTES_TRUNCATED" });
    expect(hasCode(foreign, "BYTES_TRUNCATED")).toBe(true);
    expect(hasCode(foreign, "BYTES_OUT_OF_RANGE")).toBe(false);
  });

  it.each([undefined, null, "STORAGE_CLOSED", 7, {}, { code: "STORAGE_CLOSED" }, Object.assign(new Error("x"), { code: "STORAGE_CLOSED" })])(
    "does not know %j",
    (value) => {
      expect(isHoldfastError(value)).toBe(false);
      expect(hasCode(value, "STORAGE_CLOSED")).toBe(false);
    },
  );
});
