import { expect, it } from "vitest";
import { RunningSteps } from "../../src/simulated/running-steps.js";
import type { Step } from "../../src/simulated/trial.js";

const step = (op: string, lazy = false): Step => ({ op, numbers: [], lazy });

it("waits for a step before the next one begins, and for a lazy one when it is joined", async () => {
  const steps = new RunningSteps();
  const told: string[] = [];
  const done = new Map<string, () => void>();
  const running = steps.run([step("a"), step("lazy", true), step("b"), step("join"), step("last", true)], async ({ op }) => {
    told.push(op);
    if (op === "join") await steps.join();
    else await new Promise<void>((resolve) => done.set(op, resolve));
    told.push(`${op} done`);
  });
  const finish = async (op: string): Promise<void> => {
    done.get(op)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  expect([told, steps.hasLazy]).toEqual([["a"], false]);
  await finish("a");
  expect([told, steps.hasLazy]).toEqual([["a", "a done", "lazy", "b"], true]);
  await finish("b");
  expect(told.slice(4)).toEqual(["b done", "join"]);
  await finish("lazy");
  expect(told.slice(6)).toEqual(["lazy done", "join done", "last"]);
  await finish("last");
  await running;
  expect([told.at(-1), steps.hasLazy]).toEqual(["last done", false]);
});

it("rejects with what a lazy step threw, when it is joined and not before", async () => {
  const steps = new RunningSteps();
  const told: string[] = [];
  const running = steps.run([step("lazy", true), step("a")], async ({ op }) => {
    told.push(op);
    await new Promise((resolve) => setImmediate(resolve));
    if (op === "lazy") throw new Error("it went wrong");
  });
  await expect(running).rejects.toThrow("it went wrong");
  expect(told).toEqual(["lazy", "a"]);
});
