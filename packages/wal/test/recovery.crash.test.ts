import { memoryBackend, memoryDisk, type MemoryDisk, type StorageBackend } from "@holdfast/storage";
import { isThorough } from "@holdfast/test-worlds";
import { describe, expect, test } from "vitest";
import { openLog, verifyLog, type Log, type LogOptions } from "../src/index.js";
import { turns } from "./support/expecting.js";
import { dyingBackend, type Death } from "./support/dying-backend.js";
import { History } from "./support/history.js";
import { ManualClock } from "./support/manual-clock.js";

/*
 * The process dies at every single step of a short life: before it, after it, or in the middle of a write. Then it lives again
 * (and dies again), and at last undisturbed, when everything that was promised to anybody must be there.
 */

interface World {
  readonly disk: MemoryDisk;
  readonly history: History;
  readonly clock: ManualClock;
  readonly options: Partial<LogOptions>;
}

interface Scenario {
  readonly name: string;
  readonly options?: Partial<LogOptions>;
  /** What is there before. */
  prepare(world: World): Promise<void>;
  /** The life whose steps are counted. */
  live(log: Log, world: World): Promise<void>;
}

const MIB = 1024 * 1024;
/** A usual run takes some of them, a thorough one all. */
const HOWS: readonly Death["how"][] = ["after", { part: 0.5 }, "before", { part: 0.004 }, { part: 0.995 }];

const scenarios: readonly Scenario[] = [
  {
    name: "a new log",
    prepare: () => Promise.resolve(),
    async live(log, { history }) {
      await history.append(log);
      await history.append(log, [10, 0, 300]);
      await history.append(log);
    },
  },
  {
    name: "an interrupted commit",
    async prepare(world) {
      await interrupted(world, [[20], [3000, 10]]);
    },
    async live(log, { history, clock }) {
      clock.advance(60);
      await turns(2);
      await history.append(log);
      await history.append(log);
    },
  },
  {
    name: "a small head, closed",
    async prepare(world) {
      await closed(world, [[600]]);
      await closed(world, [[20], [20, 30]]);
    },
    async live(log, { history }) {
      await history.append(log);
      await history.append(log);
    },
  },
  {
    name: "a small head with an interrupted commit",
    async prepare(world) {
      await closed(world, [[600]]);
      await interrupted(world, [[20], [20, 30], [40]]);
    },
    async live(log, { history, clock }) {
      await history.append(log);
      clock.advance(60);
      await turns(2);
      await history.append(log);
    },
  },
  {
    name: "a small head with a trimmed beginning",
    async prepare(world) {
      await closed(world, [[600]]);
      const log = await openIn(world);
      for (let count = 0; count < 4; count++) await world.history.append(log);
      await world.history.trim(log, 3);
      await world.history.append(log);
      world.disk.crash();
    },
    async live(log, { history }) {
      await history.trim(log, 4);
      await history.append(log);
    },
  },
  {
    name: "rotation",
    options: { segmentBytes: MIB },
    prepare: () => Promise.resolve(),
    async live(log, { history }) {
      for (let count = 0; count < 4; count++) await history.append(log, [500_000]);
    },
  },
  {
    name: "trim",
    options: { segmentBytes: MIB },
    async prepare(world) {
      await closed(world, [[500_000], [500_000], [500_000], [500_000], [10]]);
    },
    async live(log, { history }) {
      await history.trim(log, 2);
      await history.append(log);
      await history.trim(log, 4);
      await history.append(log, [600_000]);
      await history.append(log, [600_000]);
      await history.trim(log, log.nextSeq);
      await history.append(log);
    },
  },
  {
    name: "relaxed",
    options: { durability: { syncEveryMs: 1000 } },
    async prepare(world) {
      await interrupted(world, [[20], [20, 30], [40]]);
    },
    async live(log, { history }) {
      await history.append(log);
      await log.sync().catch(() => undefined); // It has died.
      await history.append(log);
    },
  },
  {
    name: "commits in blocks of their own",
    options: { commitAlignBytes: 4096 },
    async prepare(world) {
      await interrupted(world, [[20], [3000, 10]]);
    },
    async live(log, { history }) {
      await history.append(log);
      await history.trim(log, 2);
      await history.append(log);
    },
  },
];

describe.each(scenarios)("$name", (scenario) => {
  test("dying at any step loses nothing that was promised", { timeout: 60_000 }, async () => {
    let deaths = 0;
    for (const how of isThorough ? HOWS : HOWS.slice(0, scenario.options?.segmentBytes === undefined ? 3 : 2)) {
      for (let step = 1; (await run(scenario, [{ step, how }])) === 1; step++) deaths++;
    }
    expect(deaths).toBeGreaterThan(25);
  });
});

describe.each(scenarios.filter((it) => it.options?.segmentBytes === undefined))("$name, twice", (scenario) => {
  test("dying at any step, and again at any step of the life behind it", { timeout: isThorough ? 600_000 : 60_000 }, async () => {
    let pairs = 0;
    // A usual run takes one combination for each pair of steps.
    for (const first of isThorough ? HOWS : HOWS.slice(0, 1)) {
      for (let step = 1; ; step++) {
        let died = 0;
        for (const second of isThorough ? HOWS : [HOWS[step % HOWS.length]!]) {
          for (let again = 1; ; again++) {
            died = await run(scenario, [{ step, how: first }, { step: again, how: second }]);
            if (died < 2) break;
            pairs++;
          }
        }
        if (died === 0) break;
      }
    }
    expect(pairs).toBeGreaterThan(50);
  });
});

test("dying in one opening after another ends with the same records", { timeout: 60_000 }, async () => {
  const scenario = scenarios[3]!;
  for (let length = 2; length <= 6; length++) {
    for (let step = 2; step <= 14; step++) {
      const deaths = Array.from({ length }, (_, index): Death => ({ step: step + (index % 3), how: HOWS[(index + step) % HOWS.length]! }));
      await run(scenario, deaths);
    }
  }
});

/** Lives through a scenario, dying as asked for, and checks what is left. Answers how many of the lives ended by death. */
async function run(scenario: Scenario, deaths: readonly Death[]): Promise<number> {
  const world: World = { disk: memoryDisk(), history: new History(), clock: new ManualClock(), options: scenario.options ?? {} };
  await scenario.prepare(world);
  let died = 0;
  for (const death of deaths) {
    const dying = dyingBackend(memoryBackend({ disk: world.disk }), () => { world.disk.crash(); }, death);
    await live(dying.backend, died === 0 ? scenario : SHORT, world);
    if (!dying.hasDied) break;
    died++;
    world.disk.crash();
  }
  try {
    await undisturbed(world);
  } catch (error) {
    throw new Error(`${scenario.name}, ${JSON.stringify(deaths)}`, { cause: error });
  }
  return died;
}

/** What a life does that comes after a death. */
const SHORT: Pick<Scenario, "live"> = {
  async live(log, { history }) {
    await history.append(log);
    await history.append(log);
  },
};

async function live(storage: StorageBackend, scenario: Pick<Scenario, "live">, world: World): Promise<void> {
  let log: Log;
  try {
    log = await openIn(world, storage);
  } catch {
    return; // It has died: nothing else disturbs.
  }
  // What an opening shows is promised as well, dying or not.
  await world.history.delivered(log).catch(isDeath);
  await scenario.live(log, world);
  await log.close().catch(() => undefined); // It has died.
}

function isDeath(error: unknown): number {
  if (error instanceof Error && "code" in error && error.code === "STORAGE_CLOSED") return 0;
  throw error;
}

async function undisturbed(world: World): Promise<void> {
  const { history } = world;
  const before = await verifyLog({ storage: memoryBackend({ disk: world.disk }), prefix: "orders" });
  expect(before.findings).toEqual([]);
  const log = await openIn(world);
  await history.check(log);
  expect(before.lastSeq + before.unprovenRecords).toBe(log.nextSeq - 1);
  // And once more without having written anything but what opening writes.
  world.disk.crash();
  const again = await openIn(world);
  expect([again.firstSeq, again.nextSeq]).toEqual([log.firstSeq, log.nextSeq]);
  await history.check(again);
  expect(await history.append(again)).toBeUndefined();
  await again.close();
  const last = await openIn(world);
  await history.check(last);
  expect(last.recovery).toMatchObject({ closedCleanly: true, copiedRecords: 0, tornTail: undefined });
  await last.close();
  expect((await verifyLog({ storage: memoryBackend({ disk: world.disk }), prefix: "orders" })).findings).toEqual([]);
}

function openIn(world: World, storage: StorageBackend = memoryBackend({ disk: world.disk })): Promise<Log> {
  return openLog({ storage, prefix: "orders", clock: world.clock, ...world.options, codec: undefined });
}

async function closed(world: World, batches: readonly (readonly number[])[]): Promise<void> {
  const log = await openIn(world);
  for (const lengths of batches) await world.history.append(log, lengths);
  await log.close();
}

async function interrupted(world: World, batches: readonly (readonly number[])[]): Promise<void> {
  const log = await openIn(world);
  for (const lengths of batches) await world.history.append(log, lengths);
  world.disk.crash();
}

