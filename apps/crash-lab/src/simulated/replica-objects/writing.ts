import { isHoldfastError } from "@holdfast/storage";
import { Violation } from "../violation.js";
import { expectedError } from "./replication-errors.js";
import type { Branch } from "./replication-ledger.js";
import type { Replication } from "./replication.js";
import type { WorldProcess } from "./replication-world.js";
import type { OpenSource } from "./source-kinds.js";

/** Opens the source that is written now, and looks at all of it. `undefined`: it could not. */
export async function openSource(replication: Replication, process: WorldProcess): Promise<Writer | undefined> {
  const { ledger, conditions, world } = replication;
  const branch = ledger.current;
  try {
    const source = await conditions.kind.open(await replication.place(process, branch.place));
    const { firstSeq, values } = await source.look();
    branch.history.shown(firstSeq, values, true);
    return new Writer(replication, process, branch, source);
  } catch (error) {
    expectedError(error, `opening the source by ${process.name}`, world, ["WAL_FENCED"]);
    return undefined;
  }
}

/** One process that writes to the source. */
export class Writer {
  readonly process: WorldProcess;
  readonly source: OpenSource;
  readonly branch: Branch;
  readonly #replication: Replication;
  #isOver = false;

  constructor(replication: Replication, process: WorldProcess, branch: Branch, source: OpenSource) {
    this.#replication = replication;
    this.process = process;
    this.branch = branch;
    this.source = source;
  }

  /** Whether nothing can be written any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** One unit of one to three records, of which some fill a segment of the replica. */
  async append(): Promise<void> {
    const { ledger, world } = this.#replication;
    const { draw } = world;
    const { history } = this.branch;
    const records = Array.from({ length: draw(3) === 0 ? 1 + draw(3) : 1 }, () => ({ value: ledger.newValue(), size: draw(4) === 0 ? 400 + draw(1200) : 9 + draw(90) }));
    const { nextSeq } = this.source;
    for (const [at, { value }] of records.entries()) history.offer(nextSeq + at, { value, before: records.length - 1 - at });
    try {
      const first = await this.source.append(records);
      if (first !== nextSeq) throw new Violation("I7", `appended at ${first}, and ${nextSeq} was the next number`);
      for (const [at, { value }] of records.entries()) history.acknowledge(nextSeq + at, value);
    } catch (error) {
      this.#failed(error, "an append");
    }
  }

  /** Makes a snapshot and trims to it, or trims the log alone, mostly no further than the replica is. */
  async shorten(): Promise<void> {
    const { conditions, running, world } = this.#replication;
    if (conditions.kind.name === "log" && !conditions.isTrimmed) return;
    const shipped = running.at(-1)?.replicator.status().seq ?? 0;
    const seq = Math.max(1, Math.min(world.draw(4) === 0 ? this.source.nextSeq - 1 : shipped, this.source.nextSeq - 1));
    this.branch.isTrimmed = true;
    try {
      await this.source.shorten(seq);
    } catch (error) {
      this.#failed(error, "shortening the log");
    }
  }

  async close(): Promise<void> {
    try {
      await this.source.close();
    } catch (error) {
      this.#failed(error, "closing the source");
    }
  }

  #failed(error: unknown, what: string): void {
    this.#isOver = true;
    const { world } = this.#replication;
    const isOvertaken = isHoldfastError(error) && error.code === "WAL_FENCED" && !world.isDisk("source");
    expectedError(error, what, world, isOvertaken ? ["WAL_FENCED"] : []);
  }
}
