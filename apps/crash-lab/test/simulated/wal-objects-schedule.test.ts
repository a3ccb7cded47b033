import { StorageError } from "@holdfast/storage";
import { OBJECT_FAULT_OPERATIONS } from "@holdfast/storage-sim/object-store";
import { WalError } from "@holdfast/wal";
import { describe, expect, it } from "vitest";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { CONDITION_WORDS, drawConditions } from "../../src/simulated/wal-objects/conditions.js";
import { seededDraw } from "../../src/simulated/draws.js";
import { expectedError } from "../../src/simulated/wal-objects/errors.js";
import { SCHEDULED_KINDS } from "../../src/simulated/wal-objects/fault-mix.js";
import { playSchedule } from "../../src/simulated/wal-objects/play-schedule.js";
import { longText, recordOf, textOf } from "../../src/simulated/wal-objects/record-text.js";

describe("a schedule", () => {
  it("may meet every kind of fault that the simulated store knows", () => {
    expect([...SCHEDULED_KINDS].sort()).toEqual(Object.keys(OBJECT_FAULT_OPERATIONS).sort());
  });

  it("may have every condition that is shown, and no other", () => {
    const drawn = new Set<string>();
    for (let seed = 0; seed < 1000; seed += 1) for (const word of drawConditions(seededDraw(seed)).words) drawn.add(word);
    expect([...drawn].sort()).toEqual([...CONDITION_WORDS].sort());
  });

  it("of long records uploads commits and packs in parts", async () => {
    const seed = Array.from({ length: 1000 }, (_, index) => index).find((it) => drawConditions(seededDraw(it)).words.includes("uploads in parts"));
    const { schedule, violation } = await playSchedule({ modules: REAL_MODULES, profile: "posix", seed: seed ?? 0, maxOpenings: 20, attempts: 3 });
    expect(violation).toBeUndefined();
    expect(schedule.operations.get("CompleteUpload")).toBeGreaterThan(0);
  });
});

describe("an error", () => {
  const corrupt = new WalError("WAL_CORRUPT", "", { operation: "read" });

  it("of damage is one that may be as long as bytes come over wrongly, and never else", () => {
    expect(expectedError(corrupt, "reading", false, true)).toBe(corrupt);
    expect(() => expectedError(corrupt, "reading", false)).toThrow("I5");
    expect(() => expectedError(corrupt, "reading", true, true)).toThrow("I5");
  });

  it.each(["STORAGE_FULL", "STORAGE_ACCESS_DENIED", "STORAGE_WRITE_FAILED"] as const)("%s may be as long as something disturbs", (code) => {
    const error = new StorageError(code, "", { operation: "create" });
    expect(expectedError(error, "appending", false)).toBe(error);
    expect(() => expectedError(error, "appending", true)).toThrow("I11");
  });

  it("of a storage that was misused never may be", () => {
    expect(() => expectedError(new StorageError("STORAGE_INVALID_KEY", "", { operation: "create" }), "appending", false)).toThrow("I5");
    expect(() => expectedError(new TypeError("no"), "appending", false)).toThrow("I5");
  });
});

describe("a record", () => {
  it.each(["a1:0.0", longText("a1:0.0", 5000)])("is its text, and as long as it says: %s", (text) => {
    const record = recordOf(text);
    expect(record.length).toBe(text.includes("+") ? 5000 : text.length);
    expect(textOf(record)).toBe(text);
  });

  it("that is shorter, longer or altered is told from it", () => {
    const record = recordOf(longText("a1:0.0", 5000));
    const altered = record.slice();
    altered[4000] = 1;
    for (const wrong of [record.subarray(0, 4999), new Uint8Array([...record, 0]), altered]) expect(() => textOf(wrong)).toThrow("I3");
  });
});
