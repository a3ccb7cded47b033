import { storageConformance } from "@holdfast/storage-conformance";
import { mildAdversary, seededAdversary } from "@holdfast/storage-sim";
import { RETRYABLE_OBJECT_FAULTS, SimObjectStore, type SimObjectStoreOptions } from "@holdfast/storage-sim/object-store";
import { s3Backend } from "../src/index.js";
import { selfDrivenClock, simOptions } from "./support/sim.js";

const seed = 4;

/**
 * Not those that end an answer in its middle: a stream whose connection broke cannot go on when its object is gone, which the suite
 * demands. They have tests of their own.
 */
const kinds = RETRYABLE_OBJECT_FAULTS.filter((kind) => kind !== "cut" && kind !== "stall");

/** The ways in which the store under the suite behaves. */
const STORES: Readonly<Record<string, Omit<SimObjectStoreOptions, "clock">>> = {
  "without faults": { adversary: mildAdversary },
  "in any order, in pages of three names": { adversary: seededAdversary(seed, { temper: "even" }), maxTurns: 4, pageNames: 3 },
  "with every tenth request failing, answered or not": {
    adversary: seededAdversary(seed, { temper: "even" }),
    maxTurns: 2,
    chance: { kinds, faults: 1, outOf: 10 },
  },
};

for (const [name, options] of Object.entries(STORES)) {
  storageConformance({
    name: `s3 on a simulated store ${name}`,
    propertyRuns: 20,
    open() {
      const clock = selfDrivenClock();
      const store = new SimObjectStore({ ...options, clock });
      let opened = 0;
      const open = (): Promise<ReturnType<typeof s3Backend>> => {
        opened += 1;
        return Promise.resolve(s3Backend({ ...simOptions(store, clock, opened), attempts: 20, partBytes: 5 * 1_048_576 }));
      };
      return open().then((backend) => ({ backend, reopen: open, cleanup: () => Promise.resolve() }));
    },
  });
}
