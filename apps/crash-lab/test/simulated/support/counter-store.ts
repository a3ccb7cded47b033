import type { FsPort } from "@holdfast/storage/ports";
import type { Ledger } from "../../../src/simulated/ledger.js";
import type { SimulatedStore } from "../../../src/simulated/simulated-store.js";
import { parseSteps } from "../../../src/simulated/trial.js";
import { Violation } from "../../../src/simulated/violation.js";

/** What the counter leaves out. */
export type Omission = "nothing" | "sync of the file" | "sync of the directory" | "the second name";

/** A number that is counted up and kept in a file. Steps: `i` counts, `o` looks what is there, `h` the faults are over. */
export function counterStore(omission: Omission): SimulatedStore<CounterLedger> {
  return {
    name: "counter",
    faultKinds: ["fail", "failAfter", "failPartly", "drop"],
    optionWords: [],
    stepLetters: ["i", "o", "h"],
    drawOptions: () => [],
    drawScript: (_draw, _options, size) => parseSteps(`o${" i".repeat(size)}`),
    drawSettling: () => parseSteps("h o i"),
    newLedger: () => new CounterLedger(0, 0),
    async live(life) {
      const { disk, ledger, steps } = life;
      const port = disk.port();
      for (const { op } of steps) {
        if (op === "h") life.heal();
        else if (op === "o") await look(port, ledger, life.isCalm());
        else await count(port, ledger, omission, life.isCalm());
      }
    },
  };
}

class CounterLedger implements Ledger<CounterLedger> {
  /** Acknowledged, or seen after a crash. */
  kept: number;
  /** The largest that was asked for. */
  offered: number;

  constructor(kept: number, offered: number) {
    this.kept = kept;
    this.offered = offered;
  }

  afterCrash(): CounterLedger {
    return new CounterLedger(this.kept, this.offered);
  }

  saw(value: number): void {
    if (value < this.kept) throw new Violation("I1", `counted to ${this.kept}, and there is ${value}`);
    if (value > this.offered) throw new Violation("I3", `there is ${value}, and nobody counted further than ${this.offered}`);
  }
}

async function count(port: FsPort, ledger: CounterLedger, omission: Omission, calm: boolean): Promise<void> {
  const value = ledger.offered + 1;
  ledger.offered = value;
  const bytes = Buffer.from(`${value};`);
  const name = omission === "the second name" ? "/count" : `/next-${value}`;
  try {
    const isThere = omission === "the second name" && (await port.readdir("/")).some((it) => it.name === "count");
    const file = await port.open(name, isThere ? { mode: "write" } : { mode: "create", permissions: 0o600 });
    if ((await file.write(bytes, 0)) < bytes.length) throw new Error("a short write");
    if (omission !== "sync of the file") await file.sync();
    await file.close();
    if (name !== "/count") await port.rename(name, "/count");
    if (omission !== "sync of the directory") await port.syncDirectory("/");
    ledger.kept = value;
  } catch (error) {
    if (calm) throw new Violation("I11", `counting fails: ${String(error)}`, { cause: error });
  }
}

async function look(port: FsPort, ledger: CounterLedger, calm: boolean): Promise<void> {
  let found: number;
  try {
    found = await find(port);
  } catch (error) {
    if (calm) throw new Violation("I11", `looking fails: ${String(error)}`, { cause: error });
    return;
  }
  ledger.saw(found);
}

/** The number in the file; 0 if there is none, -1 if it holds something else. */
async function find(port: FsPort): Promise<number> {
  if (!(await port.readdir("/")).some((it) => it.name === "count")) return 0;
  const file = await port.open("/count", { mode: "read" });
  const bytes = Buffer.alloc(20);
  const length = await file.read(bytes, 0, bytes.length, 0);
  await file.close();
  const [, digits] = /^(\d+);$/.exec(bytes.toString("latin1", 0, length)) ?? [];
  return digits === undefined ? -1 : Number(digits);
}
