import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the example's agents lose nothing, and their follower sees everything once", () => {
  const example = fileURLToPath(new URL("../example/agent-loop.js", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [example, "400", "4", "2"], { encoding: "utf8", timeout: 60_000 });
  expect([status, stderr]).toEqual([0, ""]);
  const [, entries, events] = /^(\d+) acknowledged entries of 4 workers survived 2 kills; (\d+) events were followed live, each once and in order\.$/m.exec(stdout) ?? [];
  expect(Number(entries)).toBeGreaterThanOrEqual(780);
  expect(Number(events)).toBeGreaterThanOrEqual(400);
}, 60_000);
