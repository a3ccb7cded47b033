import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { prepareDataset, readRecords } from "../src/proof/dataset.js";
import { prove, type Proof } from "../src/proof/prove.js";

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** Runs the proof with real processes, real kills and the compiled log. */
async function proveWith(worker: string, kills: number): Promise<Proof> {
  const dataset = await prepareDataset(await readRecords(undefined, "quick"), join(directory, "input.ndjson"));
  const progress = { step: () => undefined, label: () => undefined, stop: () => undefined };
  const log = await mkdtemp(join(directory, "log-"));
  return await prove({ dataset, directory: log, kills, seed: 1, progress, worker: new URL(worker, import.meta.url) });
}

describe("the proof", () => {
  it("holds for the log, through kills in the middle", { timeout: 60_000 }, async () => {
    const proof = await proveWith("../dist/proof/worker.js", 2);
    expect(proof).toMatchObject({ proven: true, findings: [], findingCount: 0, kills: 2 });
    expect(proof.acknowledged).toBeGreaterThan(1000);
    expect(proof.found).toBeGreaterThanOrEqual(proof.acknowledged);
    expect(proof.complete % 20_000).toBe(0);
    expect(proof.openings.total).toBe(2);
  });

  it("fails for a child that acknowledges what is not durable", { timeout: 60_000 }, async () => {
    const proof = await proveWith("./liars/early.js", 1);
    expect(proof.proven).toBe(false);
    expect(proof.findings).toContainEqual({ kind: "lost", seq: 11, detail: "11 to 20000 were acknowledged" });
  });

  it("fails for a child that changes one bit", { timeout: 60_000 }, async () => {
    const proof = await proveWith("./liars/forger.js", 1);
    expect(proof.proven).toBe(false);
    expect(proof.findings).toContainEqual({ kind: "altered", seq: 100, detail: expect.stringContaining("never appended") as string });
  });
});
