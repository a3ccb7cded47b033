import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";

import { patchedModules } from "../../src/canaries/patched-modules.js";

it("knows of its directory from the moment it is made: a signal at any time after leaves nothing behind", async () => {
  const directory = mkdtempSync(join(tmpdir(), "patched-"));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  });
  vi.stubEnv("TMPDIR", directory);
  const before = process.listenerCount("exit");
  const loading = patchedModules([]);
  expect(readdirSync(directory)).toHaveLength(1);
  expect(process.listenerCount("exit")).toBe(before + 1);
  await loading;
  expect(readdirSync(directory)).toEqual([]);
  expect(process.listenerCount("exit")).toBe(before);
});
