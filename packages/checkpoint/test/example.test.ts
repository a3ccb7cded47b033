import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the example's sums are right however often it is killed", () => {
  const example = fileURLToPath(new URL("../example/windowed-sums.js", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [example, "4000", "2", "100"], { encoding: "utf8", timeout: 60_000 });
  expect([status, stderr]).toEqual([0, ""]);
  const [, most = "no", interval] = /^4000 flights, \d+ windows, 2 kills, \d+ events came once more, at most (\d+) after one kill; the interval is (\d+)$/m.exec(stdout) ?? [];
  expect(Number(most)).toBeLessThanOrEqual(Number(interval));
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("The sums are those of the run that nobody disturbed.");
}, 60_000);
