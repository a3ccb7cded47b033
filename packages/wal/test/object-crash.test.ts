import { memoryBackend, memoryDisk, type StorageBackend } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { mergeLog, openLog, openLogReader, type Log } from "../src/index.js";
import { disturbed, type Fate } from "./support/disturbed-storage.js";
import { ObjectLedger } from "./support/object-ledger.js";
import { Seeded, Turns } from "./support/seeded.js";

const PREFIX = "orders";

/** What befalls a process at one of its requests. */
type Mishap =
  | { readonly name: string; readonly kind: "stop"; readonly isAfter: boolean; readonly forEver: boolean }
  | { readonly name: string; readonly kind: "fate"; readonly fate: Fate };

const MISHAPS: readonly Mishap[] = [
  { name: "it dies before it", kind: "stop", isAfter: false, forEver: true },
  { name: "it dies behind it, without the answer", kind: "stop", isAfter: true, forEver: true },
  { name: "it is stopped before it until others have worked", kind: "stop", isAfter: false, forEver: false },
  { name: "it is stopped behind it until others have worked", kind: "stop", isAfter: true, forEver: false },
  { name: "its answer is lost", kind: "fate", fate: "lost" },
  { name: "it never arrives", kind: "fate", fate: "never" },
  { name: "it arrives when others have worked", kind: "fate", fate: "late" },
  { name: "it is refused", kind: "fate", fate: "refused" },
];

/**
 * One process works and has a mishap at its nth request, others work behind it, and then it goes on, or what it sent arrives.
 * Answers whether there was an nth request.
 */
async function play(mishap: Mishap, nth: number, work: (storage: StorageBackend, ledger: ObjectLedger, turns: Turns) => Promise<void>): Promise<boolean> {
  const disk = memoryDisk();
  const plain = (): StorageBackend => memoryBackend({ disk, appendable: false });
  const turns = new Turns(new Seeded(nth));
  const ledger = new ObjectLedger();
  const before = await openLog({ storage: plain(), prefix: PREFIX, packObjects: 3 });
  for (let count = 1; count <= 5; count++) await ledger.append(before, `before.${count}`);
  await before.close();

  let requests = 0;
  let isStopping = false;
  let isOver = false;
  const late: (() => Promise<unknown>)[] = [];
  const storage = disturbed(plain(), {
    turn(what) {
      const isAnswer = what.startsWith("answer");
      if (!isAnswer) requests++;
      if (mishap.kind === "stop" && !isOver && requests === nth && mishap.isAfter === isAnswer) isStopping = true;
      if (isStopping) turns.stop("a");
      return turns.turn("a");
    },
    fate: () => (mishap.kind === "fate" && requests === nth ? mishap.fate : "done"),
    keep: (arrive) => late.push(arrive),
  });
  const working = work(storage, ledger, turns);
  await turns.run(working);

  const b = await openLog({ storage: plain(), prefix: PREFIX, packObjects: 2 });
  for (let count = 1; count <= 3; count++) await ledger.append(b, `b.${count}`);
  await ledger.trim(b, 7);
  await ledger.append(b, "b.4");
  await b.close();
  await mergeLog({ storage: plain(), prefix: PREFIX, packObjects: 3 });

  for (const arrive of late) await arrive().catch(() => undefined);
  isOver = true;
  isStopping = false;
  if (mishap.kind !== "stop" || !mishap.forEver) {
    turns.goOn("a");
    await turns.run(working);
    await working;
  }
  const reader = await openLogReader({ storage: plain(), prefix: PREFIX });
  await ledger.deliverAll(reader);
  await reader.close();
  await ledger.check(plain(), PREFIX);
  await mergeLog({ storage: plain(), prefix: PREFIX, packObjects: 2 });
  await ledger.check(plain(), PREFIX);
  return requests >= nth;
}

async function writes(storage: StorageBackend, ledger: ObjectLedger, turns: Turns): Promise<void> {
  let log: Log;
  try {
    log = await openLog({ storage, prefix: PREFIX, packObjects: 3, clock: turns.clock("a") });
  } catch (error) {
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "not_applied" });
    return;
  }
  for (let count = 1; count <= 4; count++) await ledger.append(log, `a.${count}`);
  await ledger.trim(log, 4);
  await Promise.all([ledger.append(log, "a.5", "a.6"), ledger.append(log, "a.7")]);
  await ledger.append(log, "a.8");
  await log.close();
}

async function merges(storage: StorageBackend): Promise<void> {
  try {
    await mergeLog({ storage, prefix: PREFIX, packObjects: 2 });
  } catch (error) {
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED" });
  }
}

async function reads(storage: StorageBackend, ledger: ObjectLedger, turns: Turns): Promise<void> {
  const reader = await openLogReader({ storage, prefix: PREFIX, clock: turns.clock("a") });
  let trims = 0;
  for (let count = 0; count < 3; count++) {
    try {
      await ledger.deliverAll(reader);
    } catch (error) {
      // In the middle of it, by those who worked meanwhile.
      expect(++trims).toBe(1);
      expect(error).toMatchObject({ code: "WAL_TRIMMED" });
    }
  }
  await reader.close();
}

describe.each(MISHAPS)("when, at any request, $name,", (mishap) => {
  const isStop = mishap.kind === "stop";

  async function everywhere(work: typeof writes, atLeast: number): Promise<void> {
    let nth = 1;
    for (; await described(`request ${nth}`, () => play(mishap, nth, work)); nth++);
    expect(nth, "requests were made").toBeGreaterThan(atLeast);
  }

  test("a writer loses nothing that it acknowledged and brings nothing in behind its successor", { timeout: 60_000 }, () => everywhere(writes, 30));
  test("a merger takes nothing away", { timeout: 60_000 }, () => everywhere(merges, 15));
  if (isStop) test("a reader is given every record, or told that they were trimmed", { timeout: 60_000 }, () => everywhere(reads, 10));
});

async function described<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new Error(what, { cause: error });
  }
}
