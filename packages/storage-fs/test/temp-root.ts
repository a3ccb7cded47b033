import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A fresh directory, removed when the test has finished. */
export async function tempRoot(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "holdfast-fs-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
