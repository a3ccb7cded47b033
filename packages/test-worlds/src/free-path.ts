import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A path in a temporary directory, where there is nothing yet. Removed when the test has finished. */
export function freePath(): string {
  const parent = mkdtempSync(join(tmpdir(), "holdfast-test-"));
  onTestFinished(() => {
    rmSync(parent, { recursive: true, force: true });
  });
  return join(parent, "root");
}
