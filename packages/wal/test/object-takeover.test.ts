import { hasCode, memoryBackend, memoryDisk, type StorageBackend } from "@holdfast/storage";
import { runs } from "@holdfast/test-worlds";
import { describe, expect, test } from "vitest";
import { mergeLog, openLog, openLogReader, type Log } from "../src/index.js";
import { disturbed, type Fate } from "./support/disturbed-storage.js";
import { bytesOf, texts, walError } from "./support/expecting.js";
import { ObjectLedger } from "./support/object-ledger.js";
import { Seeded, Turns } from "./support/seeded.js";

const PREFIX = "orders";

describe("taking a log over", () => {
  test("fences who wrote before: nothing that was acknowledged is lost, nothing comes after the claim", async () => {
    const storage = memoryBackend({ appendable: false });
    const a = await openLog({ storage, prefix: PREFIX });
    await a.append(bytesOf("a1"));
    await a.append(bytesOf("a2"));
    const b = await openLog({ storage, prefix: PREFIX });
    expect(b.recovery.takeover).toMatchObject({ term: 4, previousTerm: 1, attempts: 1 });
    expect([b.firstSeq, b.nextSeq, b.durableSeq]).toEqual([1, 3, 2]);
    expect(await b.append(bytesOf("b1"))).toBe(3);
    const behind = [a.append(bytesOf("a3")), a.append(bytesOf("a4"))];
    const error = await walError(behind[0]!, "WAL_FENCED");
    expect(error).toMatchObject({ outcome: "not_applied", retryable: false, firstSeq: 3, lastSeq: 4 });
    await walError(behind[1]!, "WAL_FENCED");
    for (const later of [a.append(bytesOf("a5")), a.appendBatch([bytesOf("a6")]), a.trim(2), a.sync()]) {
      expect(await walError(later as Promise<unknown>, "WAL_FENCED")).toMatchObject({ outcome: "not_applied" });
    }
    expect(await texts(a), "what it acknowledged can still be read").toEqual(["1:a1", "2:a2"]);
    await a.close();
    expect(await b.append(bytesOf("b2"))).toBe(4);
    expect(await texts(b)).toEqual(["1:a1", "2:a2", "3:b1", "4:b2"]);
    await b.close();
  });

  test("ends those who follow in the fenced writer's process, and nobody else", async () => {
    const storage = memoryBackend({ appendable: false });
    const a = await openLog({ storage, prefix: PREFIX });
    await a.append(bytesOf("a1"));
    const b = await openLog({ storage, prefix: PREFIX });
    const iterator = a.follow()[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject({ seq: 1 });
    const next = iterator.next();
    await walError(a.append(bytesOf("a2")), "WAL_FENCED");
    await walError(next, "WAL_FENCED");
    await a.close();
    await b.close();
  });

  test("a fenced writer cannot get in behind a trim or a merge of its successor", async () => {
    const storage = memoryBackend({ appendable: false });
    const a = await openLog({ storage, prefix: PREFIX });
    await a.append(bytesOf("a1"));
    const b = await openLog({ storage, prefix: PREFIX, packObjects: 2 });
    for (let seq = 2; seq <= 9; seq++) await b.append(bytesOf(`b${seq}`));
    await b.trim(6);
    await b.close();
    await mergeLog({ storage, prefix: PREFIX, packObjects: 2 });
    const c = await openLog({ storage, prefix: PREFIX });
    await c.trim(10);
    expect(c.firstSeq).toBe(10);
    await walError(a.append(bytesOf("late")), "WAL_FENCED");
    await walError(b.append(bytesOf("late")), "WAL_CLOSED");
    expect(await c.append(bytesOf("c10"))).toBe(10);
    expect(await texts(c)).toEqual(["10:c10"]);
    await a.close();
    await c.close();
  });
});

describe("takeovers by chance", () => {
  /** Lives of three writers, a reader and a merger on one log. Answers how often the log was taken over. */
  async function play(seed: number): Promise<number> {
    const random = new Seeded(seed);
    const turns = new Turns(random);
    const disk = memoryDisk();
    const ledger = new ObjectLedger();
    let takeovers = 0;
    let isOver = false;
    const draw = (): Fate => (isOver ? "done" : (FATES[random.below(FATES.length)] ?? "done"));
    const connect = (actor: string): StorageBackend =>
      disturbed(memoryBackend({ disk, appendable: false }), {
        turn: () => {
          if (!isOver && random.below(40) === 0) {
            turns.stop(actor);
            // Somebody else lets it go on, some time.
            void turns.turn("time").then(() => turns.turn("time")).then(() => { turns.goOn(actor); });
          }
          return turns.turn(actor);
        },
        fate: draw,
        keep: (arrive) => {
          void turns.turn("late").then(() => turns.turn("late")).then(() => turns.turn("late")).then(arrive).catch(() => undefined);
        },
      });

    const write = async (name: string): Promise<void> => {
      for (let life = 0; life < 2; life++) {
        const actor = `${name}.${life}`;
        const options = { storage: connect(actor), prefix: PREFIX, clock: turns.clock(actor), random, packObjects: 2 + random.below(4), codec: undefined };
        let log: Log;
        try {
          log = await openLog(options);
        } catch (error) {
          if (hasCode(error, "STORAGE_WRITE_FAILED")) continue;
          throw error;
        }
        takeovers++;
        const dies = random.below(3) === 0;
        for (let count = 0; count < 3; count++) {
          const names = Array.from({ length: 1 + random.below(2) }, (_, index) => `${actor}.${count}.${index}`);
          const both = [ledger.append(log, ...names)];
          if (random.below(3) === 0) both.push(ledger.append(log, `${actor}.${count}.more`));
          if (random.below(6) === 0) both.push(ledger.trim(log, 1 + random.below(log.nextSeq)));
          await Promise.all(both);
        }
        // A writer that dies is one that is stopped for ever; what it had under way is under way.
        if (!dies) await log.close();
      }
    };
    const read = async (): Promise<void> => {
      const storage = connect("reader");
      const reader = await openLogReader({ storage, prefix: PREFIX, clock: turns.clock("reader") });
      for (let count = 0; count < 4; count++) {
        try {
          await ledger.deliverAll(reader);
        } catch (error) {
          if (!hasCode(error, "WAL_TRIMMED")) throw error;
        }
      }
      await reader.close();
    };
    const merge = async (): Promise<void> => {
      for (let count = 0; count < 3; count++) {
        try {
          await mergeLog({ storage: connect("merger"), prefix: PREFIX, packObjects: 2 + random.below(3) });
        } catch (error) {
          if (!hasCode(error, "STORAGE_WRITE_FAILED")) throw error;
        }
      }
    };

    const all = Promise.all([write("a"), write("b"), write("c"), read(), merge()]);
    await turns.run(all);
    isOver = true;
    for (const actor of ["a", "b", "c"].flatMap((it) => [`${it}.0`, `${it}.1`])) turns.goOn(actor);
    await turns.run(all);
    await all;
    // What is still under way arrives, whoever sent it.
    await turns.run(new Promise(() => undefined));
    await ledger.check(memoryBackend({ disk, appendable: false }), PREFIX);
    await mergeLog({ storage: memoryBackend({ disk, appendable: false }), prefix: PREFIX, packObjects: 4 });
    await ledger.check(memoryBackend({ disk, appendable: false }), PREFIX);
    return takeovers;
  }

  const seeds = runs(215);

  test(`of three writers with lost and late answers, a reader and a merger: ${seeds} histories`, { timeout: 240_000 }, async () => {
    let takeovers = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      try {
        takeovers += await play(seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    // In the usual run 1,000 and more.
    expect(takeovers).toBeGreaterThan(seeds * 4.7);
  });
});

/** Three answers of ten say nothing. */
const FATES: readonly Fate[] = [...Array.from({ length: 13 }, () => "done" as const), "lost", "lost", "late", "late", "never", "never", "refused"];
