import { readFile } from "node:fs/promises";

import { describe, expect, test } from "vitest";

import { CANARIES } from "../../src/canaries/all-canaries.js";
import { directedHistory } from "../../src/canaries/directed-history.js";
import { hunt } from "../../src/canaries/hunt.js";
import { realModules } from "../../src/canaries/patched-modules.js";
import { SCENES } from "../../src/canaries/scenes.js";

/** A second at most, and many times that on a machine that is busy with other things. */
const BUSY = { timeout: 120_000 } as const;

// Broken code that is found by a scene which correct code does not pass either would say nothing.
describe("the code as it is passes", () => {
  test.for(SCENES)("$name", BUSY, async (scene) => {
    const { states, violation } = await directedHistory(scene).run({ modules: realModules, profile: "posix", seed: 1, maxStates: Infinity });
    expect(violation?.message).toBeUndefined();
    expect(states).toBeGreaterThan(0);
  });
});

describe("a canary is found", () => {
  test.for(CANARIES)("$name", BUSY, async (canary) => {
    const { survival } = await hunt(canary);
    expect(survival).toBeUndefined();
  });
});

test("names are given once, and each scene meets somebody", () => {
  for (const names of [CANARIES.map(({ name }) => name), SCENES.map(({ name }) => name)]) expect(new Set(names).size).toBe(names.length);
  expect(SCENES.map(({ name }) => name).filter((name) => !CANARIES.some(({ scene }) => scene === name))).toEqual([]);
});

test("docs/reliability.md says which invariant each canary breaks, and what finds it", async () => {
  const page = await readFile(new URL("../../../../docs/reliability.md", import.meta.url), "utf8");
  for (const { name, invariant, scene } of CANARIES) {
    const row = page.split("\n").find((line) => line.startsWith(`| ${invariant} |`));
    expect(row).toContain(`${name} (${scene === undefined ? "random" : `\`${scene}\``})`);
  }
});
