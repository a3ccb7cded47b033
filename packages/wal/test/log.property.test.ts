import fc from "fast-check";
import { runs } from "@holdfast/test-worlds";
import { describe, expect, test } from "vitest";
import { mergeLog, openLog, openLogReader, verifyLog, type Log, type LogOptions, type LogReader, type ReadRange } from "../src/index.js";
import { directoryPlace, memoryPlace, type Place } from "./support/backends.js";
import { all, payload, rejection, turns, walError } from "./support/expecting.js";
import { Follower } from "./support/follower.js";
import { textOf } from "./support/history.js";
import { ManualClock } from "./support/manual-clock.js";
import { simDiskPlace, simObjectsPlace } from "./support/simulated-places.js";

/*
 * Any interleaving of what can be done with a log, beside a plain array. Appends are not awaited where they are made, so that
 * reads, trims, crashes and everything else meet them on their way.
 */

type Command =
  | { readonly do: "append"; readonly bytes: number; readonly expect: "nothing" | "next" | "wrong" }
  | { readonly do: "batch"; readonly sizes: readonly number[]; readonly expect: "nothing" | "next" | "wrong" }
  | { readonly do: "settle" }
  | { readonly do: "turns"; readonly count: number }
  | { readonly do: "read"; readonly range: Fractions; readonly how: "records" | "batches" }
  | { readonly do: "get"; readonly at: number }
  | { readonly do: "follow"; readonly at: number; readonly pace: number }
  | { readonly do: "trim"; readonly at: number }
  | { readonly do: "sync" }
  | { readonly do: "idle" }
  | { readonly do: "merge"; readonly packObjects: number }
  | { readonly do: "reopen"; readonly how: "close" | "crash" }
  | { readonly do: "look" };

/** A range as parts of what is there, since what is there is not known beforehand. */
interface Fractions {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly limit: number | undefined;
  readonly reverse: boolean;
}

const fraction = fc.double({ min: 0, max: 1.1, noNaN: true });
const bytes = fc.oneof({ weight: 12, arbitrary: fc.nat(300) }, { weight: 3, arbitrary: fc.nat(9000) }, { weight: 1, arbitrary: fc.integer({ min: 250_000, max: 600_000 }) });
const expectation = fc.constantFrom("nothing", "nothing", "nothing", "next", "wrong" as const);
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant("append" as const), bytes, expect: expectation }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("batch" as const), sizes: fc.array(fc.nat(2000), { minLength: 1, maxLength: 5 }), expect: expectation }) },
  { weight: 3, arbitrary: fc.constant({ do: "settle" } as const) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("turns" as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      how: fc.constantFrom("records", "batches" as const),
      range: fc.record({ from: optional(fraction), to: optional(fraction), limit: optional(fc.nat(8)), reverse: fc.boolean() }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("get" as const), at: fraction }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("follow" as const), at: fraction, pace: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("trim" as const), at: fraction }) },
  { weight: 2, arbitrary: fc.constant({ do: "sync" } as const) },
  { weight: 2, arbitrary: fc.constant({ do: "idle" } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("merge" as const), packObjects: fc.integer({ min: 2, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("reopen" as const), how: fc.constantFrom("close", "crash" as const) }) },
  { weight: 3, arbitrary: fc.constant({ do: "look" } as const) },
);

const options: fc.Arbitrary<Partial<LogOptions>> = fc.record({
  segmentBytes: fc.constant(1024 * 1024),
  maxCommitBytes: fc.constantFrom(700_000, 16 * 1024 * 1024),
  maxPendingBytes: fc.constantFrom(0, 1000, 32 * 1024 * 1024),
  commitAlignBytes: fc.constantFrom(8, 4096 as const),
  durability: fc.constantFrom("synced" as const, { syncEveryMs: 500 }),
  prepareAhead: fc.boolean(),
  startSeq: fc.constantFrom(1, 1000),
  packObjects: fc.constantFrom(2, 3, 5, 256),
  lingerMs: fc.constantFrom(0, 0, 0, 300),
});

/** No time of the clock goes by: a case that is not over by then waits for ever, and is told with its commands. */
const CASE_TIMEOUT_MS = 20_000;

describe("any interleaving", () => {
  test("in memory", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(command, { maxLength: 60 }), async (how, commands) => {
        await new Run(memoryPlace(), how).play(commands);
      }),
      { numRuns: runs(600), timeout: CASE_TIMEOUT_MS },
    );
  });

  test("in memory without append", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(command, { maxLength: 60 }), async (how, commands) => {
        await new Run(memoryPlace(false), how, "orders", true).play(commands);
      }),
      { numRuns: runs(250), timeout: CASE_TIMEOUT_MS },
    );
  });

  test("in a directory", { timeout: 600_000 }, async () => {
    const place = await directoryPlace();
    let number = 0;
    await fc.assert(
      fc.asyncProperty(options, fc.array(command, { maxLength: 40 }), async (how, commands) => {
        await new Run(place, how, `log-${++number}`).play(commands);
      }),
      { numRuns: runs(80), timeout: CASE_TIMEOUT_MS },
    );
  });

  test("on a simulated disk", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(command, { maxLength: 40 }), async (how, commands) => {
        await new Run(simDiskPlace(), how).play(commands);
      }),
      { numRuns: runs(40), timeout: CASE_TIMEOUT_MS },
    );
  });

  test("on a simulated object store", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(command, { maxLength: 40 }), async (how, commands) => {
        await new Run(simObjectsPlace(), how, "orders", true).play(commands);
      }),
      { numRuns: runs(40), timeout: CASE_TIMEOUT_MS },
    );
  });
});

/** The array beside the log. */
class Run {
  readonly #place: Place;
  readonly #options: Partial<LogOptions>;
  readonly #prefix: string;
  readonly #clock = new ManualClock();
  readonly #isRelaxed: boolean;
  readonly #startSeq: number;
  /** Texts from `#startSeq` on, acknowledged or on their way. */
  readonly #texts: string[] = [];
  #ackedSeq: number;
  /** Shown by the log, a follower or a reader elsewhere: never taken back. */
  #shownSeq: number;
  #floor: number;
  #names = 0;
  #pending: Promise<void>[] = [];
  #followers: { readonly follower: Follower; readonly from: number }[] = [];
  #log!: Log;
  #reader: LogReader | undefined;
  #isDying = false;
  readonly #isObjects: boolean;

  constructor(place: Place, how: Partial<LogOptions>, prefix = "orders", isObjects = false) {
    this.#isObjects = isObjects;
    this.#place = place;
    this.#options = how;
    this.#prefix = prefix;
    this.#isRelaxed = how.durability !== "synced" && !isObjects;
    this.#startSeq = how.startSeq ?? 1;
    this.#ackedSeq = this.#startSeq - 1;
    this.#shownSeq = this.#startSeq - 1;
    this.#floor = this.#startSeq;
  }

  get #lastSeq(): number {
    return this.#startSeq + this.#texts.length - 1;
  }

  async play(commands: readonly Command[]): Promise<void> {
    await this.#open();
    for (const it of commands) await this.#do(it);
    await this.#reopen("close");
    expect(this.#log.recovery).toMatchObject({ copiedRecords: 0, tornTail: undefined });
    const found = await verifyLog({ storage: await this.#place.open(), prefix: this.#prefix });
    expect(found.findings).toEqual([]);
    if (this.#texts.length > 0) expect([found.firstSeq, found.lastSeq]).toEqual([this.#floor, this.#lastSeq]);
    await this.#reopen("crash");
    await this.#log.close();
    await this.#place.crash();
  }

  async #do(it: Command): Promise<void> {
    switch (it.do) {
      case "append":
        this.#append([it.bytes], it.expect);
        break;
      case "batch":
        this.#append(it.sizes, it.expect);
        break;
      case "settle":
        await this.#settle();
        break;
      case "turns":
        await turns(it.count);
        break;
      case "read":
        await this.#read(it.range, it.how);
        break;
      case "get":
        await this.#get(this.#seqAt(it.at));
        break;
      case "follow": {
        const from = this.#seqAt(it.at);
        const follower = new Follower(this.#log, { from }, () => (it.pace > 0 ? turns(it.pace - 1) : undefined));
        this.#followers.push({ follower, from });
        break;
      }
      case "trim":
        await this.#trim(this.#seqAt(it.at));
        break;
      case "sync": {
        const before = this.#lastSeq;
        await this.#log.sync();
        expect(this.#log.durableSeq).toBeGreaterThanOrEqual(before);
        this.#ackedSeq = Math.max(this.#ackedSeq, before);
        break;
      }
      case "idle":
        this.#clock.advance(1000);
        await turns(3);
        break;
      case "merge":
        // Beside the writer. Files are never merged.
        if (this.#isObjects) await mergeLog({ storage: await this.#place.open(), prefix: this.#prefix, packObjects: it.packObjects });
        break;
      case "reopen":
        await this.#reopen(it.how);
        break;
      case "look":
        await this.#look();
        break;
    }
    expect(this.#log.firstSeq).toBe(this.#floor);
    expect(this.#log.durableSeq).toBeLessThan(this.#log.nextSeq);
    if (!this.#isRelaxed) expect(this.#log.durableSeq).toBeGreaterThanOrEqual(this.#ackedSeq);
  }

  #append(sizes: readonly number[], expectation: "nothing" | "next" | "wrong"): void {
    const first = this.#lastSeq + 1;
    const last = first + sizes.length - 1;
    const names = sizes.map(() => `n${++this.#names}`);
    const values = names.map((name, index) => payload(name, sizes[index]!));
    const how = expectation === "nothing" ? {} : { expectedSeq: expectation === "next" ? first : first + 1 };
    const appended = values.length === 1 ? this.#log.append(values[0]!, how).then((seq) => ({ first: seq, last: seq })) : this.#log.appendBatch(values, how);
    for (const value of values) value.fill(0x21); // The log has its own copy.
    if (expectation === "wrong") {
      this.#await(
        rejection(appended).then((error) => {
          if (this.#isDying) this.#ignoreDeath(error);
          else expect(error).toMatchObject({ code: "WAL_CONFLICT", seq: first, outcome: "not_applied" });
        }),
      );
      return;
    }
    this.#texts.push(...names);
    this.#await(
      appended.then((range) => {
        expect(range).toEqual({ first, last });
        this.#ackedSeq = Math.max(this.#ackedSeq, last);
      }, this.#ignoreDeath),
    );
  }

  /** Something that must have come true when it is settled. */
  #await(promise: Promise<void>): void {
    promise.catch(() => undefined); // Told when it is settled.
    this.#pending.push(promise);
  }

  /** What was on its way when the process died is answered with some error; a conflict if what it expected to follow was not written. */
  readonly #ignoreDeath = (error: unknown): void => {
    if (!this.#isDying) throw error;
    expect(["STORAGE_CLOSED", "WAL_CONFLICT", "WAL_POISONED", "STORAGE_WRITE_FAILED", "STORAGE_POISONED"]).toContain((error as { code?: string }).code);
  };

  async #settle(): Promise<void> {
    const settled = Promise.all(this.#pending.splice(0));
    let isSettled = false;
    const finish = (): void => {
      isSettled = true;
    };
    settled.then(finish, finish);
    // Commits that linger wait for time to pass.
    while ((this.#options.lingerMs ?? 0) > 0 && !(await turns(1).then(() => isSettled))) this.#clock.advance(300);
    await settled;
  }

  async #trim(seq: number): Promise<void> {
    await this.#settle();
    const holding = (await all(this.#log.readBatches())).findLast(({ firstSeq }) => firstSeq <= seq);
    await this.#log.trim(seq);
    if (!this.#isObjects) {
      this.#floor = Math.max(this.#floor, Math.min(seq, this.#log.durableSeq + 1));
    } else if (holding !== undefined) {
      // Whole commits; if all of them, the last one stays as long as it is the newest object.
      const floors = [holding.firstSeq, ...(seq > holding.lastSeq ? [holding.lastSeq + 1] : [])].map((it) => Math.max(this.#floor, it));
      expect(floors).toContain(this.#log.firstSeq);
      this.#floor = this.#log.firstSeq;
    }
    expect(this.#log.firstSeq).toBe(this.#floor);
  }

  /** Some sequence number from below the floor to beyond the end. */
  #seqAt(at: number): number {
    const low = Math.max(1, this.#floor - 2);
    return low + Math.floor(at * (this.#lastSeq - low + 2));
  }

  async #read({ from, to, limit, reverse }: Fractions, how: "records" | "batches"): Promise<void> {
    const range: ReadRange = {
      from: from === undefined ? undefined : this.#seqAt(from),
      to: to === undefined ? undefined : this.#seqAt(to),
      limit,
      reverse: how === "records" && reverse,
    };
    const least = this.#log.durableSeq;
    const reading = how === "records" ? all(this.#log.read(range)) : this.#readBatches(range);
    if (range.from !== undefined && range.from < this.#floor && limit !== 0) {
      expect((await walError(reading, "WAL_TRIMMED")).firstSeq).toBe(this.#floor);
      return;
    }
    const records = (await reading).map(({ seq, value }) => `${seq}:${textOf(value)}`);
    const first = range.from ?? this.#floor;
    // The end was fixed when the loop began: at or behind what was durable then, at or before what is durable now.
    const candidates: string[][] = [];
    for (let end = least; end <= this.#log.durableSeq; end++) {
      const wanted = this.#expected(first, Math.min(range.to ?? end, end));
      candidates.push((range.reverse === true ? wanted.reverse() : wanted).slice(0, limit));
    }
    expect(candidates).toContainEqual(records);
  }

  async #readBatches(range: ReadRange): Promise<{ seq: number; value: Uint8Array }[]> {
    const batches = await all(this.#log.readBatches(range));
    let time = 0;
    for (const it of batches) {
      expect(it.committedAtMs).toBeGreaterThanOrEqual(time);
      time = it.committedAtMs;
      expect(it.lastSeq - it.firstSeq + 1).toBe(it.values.length);
      expect(it.values.length).toBeGreaterThan(0);
    }
    return batches.flatMap((it) => it.values.map((value, index) => ({ seq: it.firstSeq + index, value })));
  }

  async #get(seq: number): Promise<void> {
    const durable = this.#log.durableSeq;
    const getting = this.#log.get(seq);
    if (seq < this.#floor) {
      await walError(getting, "WAL_TRIMMED");
      return;
    }
    const record = await getting;
    if (record === undefined) expect(seq).toBeGreaterThan(durable);
    else expect(`${record.seq}:${textOf(record.value)}`).toBe(this.#expected(seq, seq)[0]);
  }

  /** What a reader elsewhere shows. */
  async #look(): Promise<void> {
    this.#reader ??= await openLogReader({ storage: await this.#place.open(), prefix: this.#prefix, clock: this.#clock });
    const durable = this.#log.durableSeq;
    let records: { seq: number; value: Uint8Array }[];
    try {
      records = await all(this.#reader.read());
    } catch (error) {
      // Nothing waits for readers: what it was about to read may have been trimmed by what is still going on.
      expect(error).toMatchObject({ code: "WAL_TRIMMED" });
      return;
    }
    expect(this.#reader.firstSeq).toBeLessThanOrEqual(this.#floor);
    const first = records[0]?.seq ?? this.#floor;
    if (records.length > 0) expect(first).toBe(this.#reader.firstSeq);
    const lastSeq = first + records.length - 1;
    this.#expectRecords(records, first, lastSeq);
    // Of what was durable when it looked all is there but the last commit, which a marker or the next commit would vouch for.
    if (!this.#isRelaxed && records.length > 0) expect(lastSeq).toBeLessThanOrEqual(Math.max(durable, this.#log.durableSeq));
    this.#shownSeq = Math.max(this.#shownSeq, lastSeq);
  }

  #expected(from: number, to: number): string[] {
    const found: string[] = [];
    for (let seq = from; seq <= to; seq++) found.push(`${seq}:${this.#texts[seq - this.#startSeq]!}`);
    return found;
  }

  #expectRecords(records: readonly { seq: number; value: Uint8Array }[], from: number, to: number): void {
    expect(records.map(({ seq, value }) => `${seq}:${textOf(value)}`)).toEqual(this.#expected(from, to));
  }

  async #open(): Promise<void> {
    this.#log = await openLog({ storage: await this.#place.open(), prefix: this.#prefix, clock: this.#clock, ...this.#options, codec: undefined });
  }

  async #reopen(how: "close" | "crash"): Promise<void> {
    const before = this.#log;
    const floors = [this.#floor];
    if (how === "close") {
      await before.close();
      await this.#settle();
      this.#ackedSeq = this.#lastSeq;
    } else {
      this.#isDying = true;
      await this.#place.crash();
      await this.#settle();
      this.#isDying = false;
      await before.close().catch(() => undefined); // It is dead, as are its followers now.
      this.#reader = undefined;
    }
    const shown = before.durableSeq;
    for (const { follower, from } of this.#followers.splice(0)) {
      await follower.done;
      this.#expectRecords(follower.records, from, from + follower.records.length - 1);
      if (from < floors[0]! || isTrimmed(follower.ended)) {
        // It began below the floor, or was overtaken by it.
      } else if (how === "close") {
        expect(follower.ended).toBe("end");
        expect(follower.lastSeq).toBe(from <= this.#lastSeq ? this.#lastSeq : 0);
      }
      this.#shownSeq = Math.max(this.#shownSeq, follower.lastSeq);
    }
    this.#shownSeq = Math.max(this.#shownSeq, shown);
    await this.#open();
    const log = this.#log;
    expect(log.nextSeq).toBeGreaterThan(Math.max(this.#ackedSeq, this.#shownSeq));
    expect(log.nextSeq).toBeLessThanOrEqual(this.#lastSeq + 1);
    this.#texts.length = log.nextSeq - this.#startSeq;
    expect(log.durableSeq).toBe(this.#lastSeq);
    expect(log.firstSeq).toBe(this.#floor);
    this.#expectRecords(await all(log.read()), this.#floor, this.#lastSeq);
    this.#ackedSeq = this.#lastSeq;
    this.#shownSeq = this.#lastSeq;
    expect(log.recovery.tornTail).toBeUndefined();
  }
}

function isTrimmed(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "WAL_TRIMMED";
}

