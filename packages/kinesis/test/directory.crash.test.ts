import { hasCode } from "@holdfast/storage";
import { exhaust, sample, type Adversary } from "@holdfast/storage-sim";
import { runs } from "@holdfast/test-worlds";
import { expect, it } from "vitest";
import type { KinesisDirectory, KinesisDirectoryOptions } from "../src/index.js";
import { contents, newSim, open, type Sim } from "./support/sim.js";

/*
 * A history of appends and snapshots on a simulated disk, whose power is cut in any call, over and over. What is opened again must be
 * the last state that was acknowledged, or the one that was being appended.
 */

/** What is known from outside. */
interface Model {
  /** Retained bytes, which number the states; 0 before the first. */
  acknowledged: number;
  createdAtMs: bigint;
  inFlight: number | undefined;
  next: number;
}

const options: KinesisDirectoryOptions = { snapshotIntervalSeconds: 1 };

/** More than a life has, so that some end well. */
const CALLS = 150;

/** Opens, works, and loses power in a call, or behind the last. Answers the disk that is left. */
async function life(sim: Sim, cutIn: number, model: Model, appends: number): Promise<Sim> {
  const stopped = sim.disk.stopAt(cutIn);
  await Promise.race([stopped, work(sim, model, appends)]);
  return { ...sim, disk: sim.disk.crash({ kind: "power" }) };
}

async function work(sim: Sim, model: Model, appends: number): Promise<void> {
  const directory = await openAndCheck(sim, model);
  for (let count = 0; count < appends; count++) {
    const number = model.next++;
    model.inFlight = number;
    sim.clock.step(number % 3 === 0 ? -700 : 700); // Snapshots fall due, and the clock steps back.
    // More than a sector, so that it can be torn, and less.
    const { createdAtMs } = await directory.append(contents(number, new Uint8Array(number % 2 === 0 ? 900 : 3)));
    expect(createdAtMs).toBeGreaterThan(model.createdAtMs);
    Object.assign(model, { acknowledged: number, createdAtMs, inFlight: undefined });
  }
  if (appends % 2 === 0) await directory.snapshot();
  await directory.close();
}

async function openAndCheck(sim: Sim, model: Model): Promise<KinesisDirectory> {
  const directory = await open(sim, options).catch((error: unknown) => {
    // A torn entry may look like a whole one of which sectors are missing. It was being written then, and nothing is behind it.
    if (!hasCode(error, "WAL_CORRUPT") || model.inFlight === undefined) throw error;
    return open(sim, { ...options, mode: "recover" });
  });
  const found = Number(directory.state?.retainedBytes ?? 0n);
  expect([model.acknowledged, model.inFlight]).toContain(found);
  if (found === model.inFlight) model.createdAtMs = directory.state?.createdAtMs ?? 0n;
  model.acknowledged = found;
  model.inFlight = undefined;
  return directory;
}

/** Lives of one directory, one after the other, each cut short in a call, and at the end one that is not. */
async function history(adversary: Adversary, cuts: readonly number[]): Promise<void> {
  let sim = newSim({ adversary, startMs: 1_700_000_000_000 });
  const model: Model = { acknowledged: 0, createdAtMs: 0n, inFlight: undefined, next: 1 };
  for (const [index, cutIn] of cuts.entries()) sim = await life(sim, cutIn, model, 3 + (index % 2));
  await work(sim, model, 2);
  expect(model).toMatchObject({ acknowledged: model.next - 1, inFlight: undefined });
  const last = await openAndCheck({ ...sim, disk: sim.disk.crash({ kind: "power" }) }, model);
  expect(last.recovery).toMatchObject({ torn: undefined, unplaced: undefined, damage: [] });
  await last.close();
}

it("keeps what it acknowledged through one cut, in every call there is", async () => {
  let searched = 0;
  for (let cutIn = 1; cutIn <= CALLS; cutIn++) searched += (await exhaust((adversary) => history(adversary, [cutIn]), { limit: runs(4), branches: 3 })).runs;
  expect(searched).toBeGreaterThan(CALLS);
}, 120_000);

it("keeps what it acknowledged through three cuts, one in the recovery from the other", async () => {
  await sample(
    (adversary) => {
      const cut = (): number => 1 + adversary.choose("power is cut in call", CALLS);
      return history(adversary, [cut(), cut(), cut()]);
    },
    { runs: runs(100), seed: 1 },
  );
}, 120_000);
