import { storageConformance } from "@holdfast/storage-conformance";
import { mildAdversary, seededAdversary, type Adversary } from "@holdfast/storage-sim";
import { RETRYABLE_OBJECT_FAULTS, SimObjectStore, type ObjectStoreQuirks, type SimObjectStoreOptions } from "@holdfast/storage-sim/object-store";
import { s3Backend } from "../src/index.js";
import { selfDrivenClock, simOptions } from "./support/sim.js";

const seed = 4;
const MIB = 1_048_576;

/**
 * Not those that end an answer in its middle: a stream whose connection broke cannot go on when its object is gone, which the suite
 * demands. Nor what arrives late: a replace may then come behind a later one, which no store rules out. They have tests of their own.
 */
const kinds = RETRYABLE_OBJECT_FAULTS.filter((kind) => kind !== "cut" && kind !== "stall" && kind !== "late");

/** A store under the suite, and the backend on it. */
interface Store extends Omit<SimObjectStoreOptions, "clock"> {
  readonly partBytes?: number;
}

/** As real servers answered; `packages/storage-sim/test/object-store/dialect.test.ts` holds these against the recordings. */
const VERSITYGW: ObjectStoreQuirks = { ignoresEncoding: true, ignoresQuiet: true, repeatsCompletions: true };
const MOTO: ObjectStoreQuirks = { ignoresChecksums: true, ignoresQuiet: true, repeatsCompletions: true };
/** What a store may leave out. */
const POOR: ObjectStoreQuirks = { ignoresChecksums: true, refusesConditions: "inParts" };

const even = (): Adversary => seededAdversary(seed, { temper: "even" });

/** The ways in which the store under the suite behaves. */
const STORES: Readonly<Record<string, Store>> = {
  "without faults": { adversary: mildAdversary },
  "that answers as versitygw, in any order, in pages of three names": { adversary: even(), maxTurns: 4, pageNames: 3, quirks: VERSITYGW },
  "with every tenth request failing, answered or not": { adversary: even(), maxTurns: 2, chance: { kinds, faults: 1, outOf: 10 } },
  "that answers as moto, with every twentieth request failing": { adversary: even(), maxTurns: 2, chance: { kinds, faults: 1, outOf: 20 }, quirks: MOTO },
  // Bodies of the suite have up to 8 MiB, and here they have to fit into one PUT.
  "without checksums and conditional completions": { adversary: even(), maxTurns: 2, quirks: POOR, partBytes: 16 * MIB },
};

for (const [name, { partBytes = 5 * MIB, ...options }] of Object.entries(STORES)) {
  storageConformance({
    name: `s3 on a simulated store ${name}`,
    propertyRuns: 8,
    open() {
      const clock = selfDrivenClock();
      const store = new SimObjectStore({ ...options, clock });
      let opened = 0;
      const open = (): Promise<ReturnType<typeof s3Backend>> => {
        opened += 1;
        return Promise.resolve(s3Backend({ ...simOptions(store, clock, opened), attempts: 20, partBytes }));
      };
      return open().then((backend) => ({ backend, reopen: open, cleanup: () => Promise.resolve() }));
    },
  });
}
