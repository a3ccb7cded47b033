import { hasCode, isHoldfastError } from "@holdfast/storage";
import type { Log } from "@holdfast/wal";
import { Violation } from "../violation.js";
import { pick } from "../draws.js";
import { expectedError } from "./errors.js";
import { readThrough } from "./reading.js";
import { longText, recordOf } from "./record-text.js";
import { LOG_PREFIX, PART_BYTES, type LogProcess, type Schedule } from "./schedule.js";

/** A log that a writer has left open. */
export interface LeftOpen {
  readonly log: Log;
  readonly process: LogProcess;
}

/**
 * One process that writes: it opens the log, which takes it over from whoever has it, compares what it finds with what was promised,
 * appends, trims, and ends in one of three ways. It closes the log; it is killed, anywhere; or it stands still, with the log open.
 *
 * @returns The log that it has left open.
 */
export async function write(schedule: Schedule, name: string, onOpen: () => void): Promise<LeftOpen | undefined> {
  const { draw } = schedule;
  const process = schedule.process(name, { diesAfter: draw(3) === 0 ? draw(DYING_REQUESTS) : Infinity });
  const ended = await Promise.race([work(schedule, process, onOpen), process.died]);
  return ended === "died" ? undefined : ended;
}

async function work(schedule: Schedule, process: LogProcess, onOpen: () => void): Promise<LeftOpen | undefined> {
  const { draw } = schedule;
  const log = await openForWriting(schedule, process);
  if (log === undefined) return undefined;
  onOpen();
  if (draw(2) > 0) await readThrough(schedule, log, process.name, { atLeast: log.durableSeq });
  const writes = new Writes(schedule, log, process.name);
  for (let left = 1 + draw(4); left > 0 && !writes.isOver; left -= 1) {
    const both = [writes.append()];
    if (draw(3) === 0) both.push(writes.append());
    if (draw(4) === 0) both.push(writes.trim());
    await Promise.all(both);
    if (draw(8) === 0) await readThrough(schedule, log, process.name, { atLeast: log.durableSeq, reverse: draw(2) === 0 });
  }
  if (draw(3) === 0) return { log, process };
  await log.close();
  return undefined;
}

/** Opens the log, and tells the ledger. */
export async function openForWriting(schedule: Schedule, { name, storage, clock, random }: LogProcess): Promise<Log | undefined> {
  const { draw, ledger, modules } = schedule;
  const acknowledgedBefore = ledger.lastAcknowledged;
  try {
    const log = await modules.wal.openLog({ storage, prefix: LOG_PREFIX, clock, random, packObjects: 2 + draw(4), commitTimeoutMs: pick(draw, PATIENCE_MS) });
    const { takeover } = log.recovery;
    if (takeover === undefined) throw new Violation("I13", `${name} has opened the log and has no term`);
    ledger.open({ writer: name, term: takeover.term, nextSeq: log.nextSeq }, acknowledgedBefore);
    ledger.begin(log.firstSeq);
    return log;
  } catch (error) {
    expectedError(error, `opening by ${name}`, schedule.isCalm, schedule.isHarmed);
    return undefined;
  }
}

/** What a writer does with its log. */
export class Writes {
  readonly #schedule: Schedule;
  readonly #log: Log;
  readonly #name: string;
  #units = 0;
  #isOver = false;

  constructor(schedule: Schedule, log: Log, name: string) {
    this.#schedule = schedule;
    this.#log = log;
    this.#name = name;
  }

  /** Whether the log was taken from it, or poisoned. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Appends one or two records as one unit. */
  async append(): Promise<void> {
    const { ledger, isCalm } = this.#schedule;
    const unit = this.#units;
    this.#units += 1;
    const texts = this.#texts(unit);
    ledger.offer(texts);
    try {
      const { first } = await this.#log.appendBatch(texts.map(recordOf));
      ledger.acknowledge(first, texts);
    } catch (error) {
      this.#end(error);
      const { code, outcome } = expectedError(error, `appending by ${this.#name}`, isCalm, this.#schedule.isHarmed);
      ledger.refuse(texts, code, outcome);
    }
  }

  async trim(): Promise<void> {
    const { draw, ledger } = this.#schedule;
    const seq = Math.max(1, this.#log.nextSeq - draw(6));
    ledger.askTrim(Math.min(seq, this.#log.durableSeq + 1));
    try {
      await this.#log.trim(seq);
    } catch (error) {
      this.#end(error);
      expectedError(error, `trimming by ${this.#name}`, this.#schedule.isCalm, this.#schedule.isHarmed);
    }
  }

  #texts(unit: number): readonly string[] {
    const { draw, conditions } = this.#schedule;
    if (conditions.unitsPerLong !== Infinity && draw(conditions.unitsPerLong) === 0) return [longText(`${this.#name}:${unit}.0`, PART_BYTES + draw(1000))];
    return Array.from({ length: 1 + draw(2) }, (_, index) => `${this.#name}:${unit}.${index}`);
  }

  #end(error: unknown): void {
    if (isHoldfastError(error) && (hasCode(error, "WAL_FENCED") || hasCode(error, "WAL_POISONED"))) this.#isOver = true;
  }
}

/** A process may be killed at any of so many requests. */
const DYING_REQUESTS = 40;

/** Some give up after one answer that says nothing, and leave it to the next opening to find out. */
const PATIENCE_MS = [0, 2000, 60_000] as const;
