import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the example restores what was written, however often the replicator is killed", () => {
  const example = fileURLToPath(new URL("../example/restore-flights.js", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [example, "2000", "2"], { encoding: "utf8", timeout: 60_000 });
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout.match(/^killed when it had told of record \d+; the replica goes up to \d+$/gm)).toHaveLength(2);
  const [, records = "none"] = /^Restored to a time in the middle: the first (\d+) flights, as they were written\.$/m.exec(stdout) ?? [];
  expect(Number(records)).toBeGreaterThanOrEqual(1000);
  expect(Number(records)).toBeLessThan(2000);
  expect(stdout).toContain("\nRestored to its last record: the first 2000 flights, as they were written.\n");
}, 60_000);
