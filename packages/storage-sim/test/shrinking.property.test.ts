import type { FsPort } from "@holdfast/storage/ports";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { adversaryArbitrary } from "../src/fast-check.js";
import {
  exhaust,
  FailedRunError,
  formatChoices,
  formatPlan,
  parseChoices,
  parsePlan,
  recordedAdversary,
  recording,
  sample,
  seededAdversary,
  SimDisk,
  type Adversary,
  type FaultPlan,
} from "../src/index.js";
import { bytes, content } from "./support/sim.js";

type Step = "write" | "sync" | "rename" | "sync directory";
/** A little store that replaces a file as a whole, if nothing is left out. */
const STEPS: readonly Step[] = ["write", "sync", "rename", "sync directory"];

async function replace(port: FsPort, content: Uint8Array, steps: readonly Step[]): Promise<void> {
  const file = await port.open("/new", { mode: "create" });
  for (const step of steps) {
    if (step === "write") await file.write(content, 0);
    else if (step === "sync") await file.sync();
    else if (step === "rename") await port.rename("/new", "/a");
    else await port.syncDirectory("/");
  }
  await file.close();
}

/** Replaces a file twice, crashes somewhere, and says what is wrong with what is left; `undefined`: nothing. */
async function wrong(adversary: Adversary, steps: readonly Step[], faults: FaultPlan = []): Promise<string | undefined> {
  const disk = new SimDisk({ profile: "posix", adversary, faults });
  const crash = disk.stopAt(1 + adversary.choose("crash in call", 14));
  let [done, doing] = ["absent", "absent"];
  const work = async (): Promise<void> => {
    for (const letters of ["AA", "BBB"]) {
      doing = letters;
      await replace(disk.port(), bytes(letters), steps);
      done = letters;
    }
  };
  // A store may fail; it must not lie.
  await Promise.race([crash, work().catch(() => undefined)]);
  const found = content(disk.crash({ kind: "power" }), "/a");
  return found === done || found === doing ? undefined : `found ${found}, not ${done} or ${doing}`;
}

const without = (left: Step): readonly Step[] => STEPS.filter((step) => step !== left);

describe("a property over a store", () => {
  test("holds where nothing is left out, for all three drivers", async () => {
    const holds = async (adversary: Adversary): Promise<void> => {
      expect(await wrong(adversary, STEPS)).toBeUndefined();
    };
    expect((await exhaust(holds, { limit: 20_000, branches: 4 })).complete).toBe(true);
    await sample(holds, { runs: 500 });
    await fc.assert(fc.asyncProperty(adversaryArbitrary(), holds), { numRuns: 500 });
  });

  test.each<{ readonly left: Step; readonly line: string; readonly says: string }>([
    // Only the crash is left, in call 6: the first text was promised, and nothing unsynced survived.
    { left: "sync directory", line: "choices 5", says: "found absent, not AA or BBB" },
    // In call 5: the name is durable, and nothing unsynced survived: nothing of what was written.
    { left: "sync", line: "choices 4", says: "found empty, not absent or AA" },
  ])("shrinks to the simplest crash that shows a store without its $left", async ({ left, line, says }) => {
    const fails = fc.asyncProperty(adversaryArbitrary(), async (adversary) => {
      const problem = await wrong(adversary, without(left));
      if (problem !== undefined) throw new Error(problem);
    });
    for (const seed of [1, 2, 3, 4, 5]) {
      const { failed, counterexample, errorInstance } = await fc.check(fails, { numRuns: 2000, seed });
      expect({ failed, printed: fc.stringify(counterexample), says: errorInstance instanceof Error && errorInstance.message }).toEqual({ failed: true, printed: `[${line}]`, says });
    }
    const replayed = recordedAdversary(parseChoices(line.slice("choices ".length)));
    expect(await wrong(replayed, without(left))).toBe(says);
  });

  test("shrinks to nothing at all where nothing unsynced has to survive", async () => {
    const neverSynced = fc.asyncProperty(adversaryArbitrary(), async (adversary) => {
      const disk = new SimDisk({ profile: "posix", adversary });
      await replace(disk.port(), bytes("A"), ["write", "rename"]);
      return content(disk.crash({ kind: "power" }), "/a") === "A";
    });
    const { counterexample } = await fc.check(neverSynced, { seed: 1 });
    expect(fc.stringify(counterexample)).toBe("[choices -]");
  });
});

test("an adversary of a property that is asked again, after a clone, answers as before", () => {
  const arbitrary = adversaryArbitrary();
  const [adversary] = fc.sample(arbitrary, { numRuns: 1, seed: 7 });
  if (adversary === undefined || !fc.hasCloneMethod(adversary)) throw new Error("it cannot be cloned");
  const answers = (asked: Adversary): readonly number[] => Array.from({ length: 20 }, () => asked.choose("x", 1000));
  const first = answers(adversary);
  expect(new Set(first).size).toBeGreaterThan(1);
  expect(answers(adversary[fc.cloneMethod]())).toEqual(first);
  expect([arbitrary.canShrinkWithoutContext(adversary), arbitrary.canShrinkWithoutContext(seededAdversary(1))]).toEqual([true, false]);
});

describe("a failing run", () => {
  const fails = async (adversary: Adversary): Promise<void> => {
    const problem = await wrong(adversary, without("sync"));
    if (problem !== undefined) throw new Error(problem);
  };

  test.each([
    ["exhaustive", () => exhaust(fails, { limit: 20_000, branches: 4 })],
    ["seeded", () => sample(fails, { runs: 1000, seed: 17 })],
  ] as const)("of the %s driver says its choices, and they repeat it", async (_name, run) => {
    const error = await run().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof FailedRunError)) throw new Error("no run failed", { cause: error });
    const [, word = "", says] = /^choices (\S+): (.*)$/.exec(error.message) ?? [];
    expect(word).toBe(formatChoices(error.choices));
    expect(error.cause).toMatchObject({ message: says });
    await expect(fails(recordedAdversary(parseChoices(word)))).rejects.toThrow(says);
  });

  test("with faults is one line, plan and choices, and everything is the same when it is replayed from that", async () => {
    // What is lost is written nowhere, and a flush that lies keeps it a secret: no order of calls helps a store.
    const plans = ["-", "write[/n*]#1=lost", "sync#2=lie;open#2=evict"];
    const run = async (adversary: Adversary, faults: FaultPlan): Promise<{ readonly problem: string | undefined; readonly hash: string }> => {
      const disk = new SimDisk({ profile: "posix", adversary, faults, maxTurns: 3 });
      await replace(disk.port(), bytes("AA"), STEPS);
      await replace(disk.port(), bytes("BBB"), STEPS);
      const after = disk.crash({ kind: "power" });
      const found = content(after, "/a");
      return { problem: found === "BBB" ? undefined : found, hash: after.trace().hash };
    };
    const lines = new Map<string, { readonly problem: string | undefined; readonly hash: string }>();
    for (let seed = 0; seed < 60; seed += 1) {
      const adversary = recording(seededAdversary(seed));
      const faults = parsePlan(plans[seed % plans.length] ?? "");
      const ran = await run(adversary, faults);
      lines.set(`${formatPlan(faults)} ${formatChoices(adversary.made.map(({ chosen }) => chosen))}`, ran);
    }
    const failing = [...lines].filter(([, { problem }]) => problem !== undefined);
    expect(failing.length).toBeGreaterThan(5);
    expect(failing.every(([line]) => !line.startsWith("- "))).toBe(true);
    for (const [line, ran] of lines) {
      const [plan = "", choices = ""] = line.split(" ");
      expect(await run(recordedAdversary(parseChoices(choices)), parsePlan(plan)), line).toEqual(ran);
    }
  });
});
