import { hasCode } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { sample, seededRandom, SimDisk, virtualClock, type Adversary } from "@holdfast/storage-sim";
import { expect, it } from "vitest";
import { openFkwal2Log, type Fkwal2Log } from "../../src/fkwal2/index.js";
import { entry, number, WAL } from "./support.js";

/*
 * Logs whose power is cut in any call, life after life. What is opened again has every entry that was acknowledged, in order, and behind
 * them at most the one that was being written. A log that begins anew has all its entries or the new one.
 */

interface World {
  disk: SimDisk;
  readonly clock: ReturnType<typeof virtualClock>;
  readonly random: ReturnType<typeof seededRandom>;
  /** What the log has at least. */
  acknowledged: readonly number[];
  /** What it may have instead. */
  attempted: readonly number[];
  next: number;
  /** How many openings found an interrupted write. */
  torn: number;
}

/** More than most lives have, so that some end well. */
const CALLS = 40;

it("keeps what it acknowledged through cuts in any call, three lives deep", async () => {
  let torn = 0;
  await sample(
    async (adversary) => {
      const clock = virtualClock();
      const world: World = { disk: new SimDisk({ profile: "posix", adversary, clock }), clock, random: seededRandom(1), acknowledged: [], attempted: [], next: 1, torn: 0 };
      for (let life = 0; life < 3; life++) {
        const cut = world.disk.stopAt(1 + adversary.choose("power is cut in call", CALLS));
        await Promise.race([cut, live(world, adversary)]);
        world.disk = world.disk.crash({ kind: "power" });
      }
      await live(world, adversary);
      expect(world.attempted).toBe(world.acknowledged);
      torn += world.torn;
    },
    { runs: 300, seed: 1 },
  );
  expect(torn).toBeGreaterThan(10);
}, 60_000);

async function live(world: World, adversary: Adversary): Promise<void> {
  const storage = await fsBackend({ root: "/state", port: world.disk.port(), clock: world.clock, random: world.random });
  const log = await openAndCheck(storage, world);
  const restartsAt = adversary.choose("begins anew before entry", 12);
  for (let count = 0; count < 6; count++) {
    if (count === restartsAt) await attempt(world, [], () => log.restart());
    const n = world.next++;
    // More than a sector, so that it can be torn, and less.
    await attempt(world, [...world.acknowledged, n], () => log.append(entry(n, n % 2 === 0 ? 1300 : 0)));
  }
  await log.close();
  await storage.close();
}

async function openAndCheck(storage: Awaited<ReturnType<typeof fsBackend>>, world: World): Promise<Fkwal2Log> {
  const values: number[] = [];
  const options = { storage, key: WAL, decode: number, onEntry: ({ value }: { readonly value: number }): number => values.push(value) };
  const log = await openFkwal2Log(options).catch((error: unknown) => {
    // An interrupted entry may look like a whole one of which sectors are missing. It was being written then, and nothing is behind it.
    if (!hasCode(error, "WAL_CORRUPT") || world.attempted === world.acknowledged) throw error;
    values.length = 0;
    return openFkwal2Log({ ...options, mode: "lenient" });
  });
  expect([world.acknowledged, world.attempted]).toContainEqual(values);
  world.acknowledged = world.attempted = values;
  if (log.recovery.torn !== undefined || log.recovery.damage !== undefined) world.torn += 1;
  if (log.recovery.damage !== undefined) {
    await attempt(world, values.slice(-1), () => log.restart(values.length === 0 ? undefined : entry(values.at(-1) ?? 0)));
  }
  return log;
}

async function attempt(world: World, result: readonly number[], work: () => Promise<unknown>): Promise<void> {
  world.attempted = result;
  await work();
  world.acknowledged = world.attempted = result;
}
