import { describe, it } from "vitest";
import { CLEANUP_TIMEOUT_MS, DEFAULT_TIMEOUT_MS, runConformanceCase } from "./case.js";
import type { ConformanceRunOptions } from "./case.js";
import { conformanceCases } from "./cases.js";

/** Options of {@link storageConformance}. */
export interface StorageConformanceOptions extends ConformanceRunOptions {
  /** Name of the backend, for the titles of the tests. */
  readonly name: string;
}

/**
 * Registers a vitest suite that checks every rule of the storage contract. Call it at the top level of a test file.
 *
 * A rule about a capability that the backend does not have (`appendable`, `otherProcess`) is skipped, with the reason shown.
 *
 * @param options - The backend's name, how to open it, and the bounds.
 */
export function storageConformance(options: StorageConformanceOptions): void {
  // The case has its own deadline, which says more than vitest's; this one only ends what hangs beyond it.
  const timeout = (options.timeoutMs ?? DEFAULT_TIMEOUT_MS) * 2 + CLEANUP_TIMEOUT_MS * 3;
  describe(`${options.name} keeps the storage contract`, () => {
    for (const chapter of new Set(conformanceCases.map((it) => it.chapter))) {
      describe(chapter, () => {
        for (const conformanceCase of conformanceCases.filter((it) => it.chapter === chapter)) {
          it(conformanceCase.name, { timeout }, async ({ skip }) => {
            const { missing } = await runConformanceCase(conformanceCase, options);
            skip(missing !== undefined, `the backend has no ${missing ?? ""}`);
          });
        }
      });
    }
  });
}
