import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";

const made: string[] = [];

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A path in a temporary directory, where there is nothing yet. Removed after the test. */
export function freePath(): string {
  const parent = mkdtempSync(join(tmpdir(), "holdfast-runtime-"));
  made.push(parent);
  return join(parent, "root");
}
