import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("FKWAL2.md explains every code of the errors, once", () => {
  const declared = readFileSync(new URL("../../src/fkwal2/error.ts", import.meta.url), "utf8").matchAll(/^ {2}\| "(WAL_[A-Z_]+)"/gm);
  const explained = readFileSync(new URL("../../FKWAL2.md", import.meta.url), "utf8").matchAll(/^\| `(WAL_[A-Z_]+)` \|/gm);
  const codes = [...declared].map(([, code]) => code).sort();
  expect(codes.length).toBeGreaterThan(3);
  expect([...explained].map(([, code]) => code).sort()).toEqual(codes);
});
