import { memoryDisk } from "@holdfast/storage";
import { describe, expect, it } from "vitest";
import { conformanceCases, runConformanceCase } from "../src/index.js";
import { canaries } from "./support/canaries.js";
import { detailCanaries } from "./support/detail-canaries.js";

describe("a backend that breaks a rule fails the suite", () => {
  for (const { broken, caughtBy, hangs, open } of [...canaries, ...detailCanaries]) {
    it(`${broken} (${caughtBy})`, async () => {
      const conformanceCase = conformanceCases.find((it) => `${it.chapter}: ${it.name}` === caughtBy);
      expect(conformanceCase, `no case has the name ${caughtBy}`).toBeDefined();
      const disk = memoryDisk();
      const run = runConformanceCase(conformanceCase!, {
        open: () =>
          Promise.resolve({
            backend: open(disk),
            reopen: () => Promise.resolve(open(disk)),
            cleanup: () => Promise.resolve(),
          }),
        timeoutMs: hangs ? 500 : 10_000,
      });
      await expect(run).rejects.toThrow(hangs ? /not answered within/ : /^(?!not answered within)/);
    });
  }
});

it("every case has a name of its own", () => {
  const names = conformanceCases.map((it) => `${it.chapter}: ${it.name}`);
  expect(names).toHaveLength(new Set(names).size);
});
