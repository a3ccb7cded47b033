import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

test.each(["--json", "--report"])("%s into a directory that is not there is refused before anything is measured", (option) => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
  const args = [main, "--only", "^nothing$", "--dir", directory, option, join(directory, "missing", "file")];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toContain(`${join(directory, "missing", "file")} cannot be written`);
  expect(readdirSync(directory)).toEqual([]);
});
