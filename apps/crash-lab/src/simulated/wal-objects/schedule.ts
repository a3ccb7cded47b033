import { seededRandom, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { SimObjectStore } from "@holdfast/storage-sim/object-store";
import type { StorageBackend } from "@holdfast/storage";
import type { RandomSource } from "@holdfast/storage/ports";
import { seededDraw, type Draw } from "../draws.js";
import type { ModulesUnderTest, Profile } from "../store-history.js";
import { faultMix, type FaultMix } from "./fault-mix.js";
import { ObjectLogLedger } from "./object-log-ledger.js";
import { Turns } from "./turns.js";

/** Where the log is in its bucket. */
export const LOG_PREFIX = "orders";

/** One process that uses the log. */
export interface LogProcess {
  readonly name: string;
  /** A backend with connections of its own. */
  readonly storage: StorageBackend;
  readonly random: RandomSource;
  /** Resolves when the process is killed, with all it was waiting for left undone. */
  readonly died: Promise<"died">;
  kill(): void;
}

/** What makes a {@link Schedule}. */
export interface ScheduleParts {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  readonly seed: number;
  /** How often the backend makes a request by itself, at most. */
  readonly attempts: number;
}

/** One bucket, and everything that happens to it: all of it follows from a seed. */
export class Schedule {
  readonly modules: ModulesUnderTest;
  readonly draw: Draw;
  readonly clock: VirtualClock;
  readonly ledger: ObjectLogLedger = new ObjectLogLedger();
  readonly store: SimObjectStore;
  readonly turns: Turns;
  readonly operations: Map<string, number> = new Map<string, number>();
  readonly #seed: number;
  readonly #attempts: number;
  readonly #mix: FaultMix;
  #processes = 0;
  #isCalm = false;

  constructor({ modules, profile, seed, attempts }: ScheduleParts) {
    this.modules = modules;
    this.#seed = seed;
    this.#attempts = attempts;
    this.draw = seededDraw(seed);
    this.clock = virtualClock({ startMs: START_MS });
    this.#mix = faultMix(this.draw, profile);
    const { adversary, chance } = this.#mix;
    // Short pages, so that most lists have several and change between them.
    this.store = new SimObjectStore({ clock: this.clock, adversary, chance, pageNames: 2 + this.draw(12) });
    this.store.observe(({ operation, phase }) => {
      if (phase === "sent") this.operations.set(operation, (this.operations.get(operation) ?? 0) + 1);
    });
    this.turns = new Turns(this.clock, this.draw, () => {
      this.store.landLate();
    });
  }

  get faults(): FaultMix["hits"] {
    return this.#mix.hits;
  }

  /** Whether nothing disturbs any more. */
  get isCalm(): boolean {
    return this.#isCalm;
  }

  /** Ends the faults, and lets those that were stopped go on. What was killed stays so. */
  calm(): void {
    this.#isCalm = true;
    this.#mix.heal();
    this.turns.calm();
  }

  /** @param diesAfter - The process is killed when it has sent so many requests; `Infinity`: never. */
  process(name: string, diesAfter: number): LogProcess {
    this.#processes += 1;
    const random = seededRandom(this.#seed * MAX_PROCESSES + this.#processes);
    const client = this.store.client();
    let die: ((value: "died") => void) | undefined;
    const died = new Promise<"died">((resolve) => {
      die = resolve;
    });
    const kill = (): void => {
      this.turns.kill(name);
      client.kill();
      die?.("died");
    };
    let requests = 0;
    const storage = this.modules.storageS3.s3Backend({
      bucket: "bucket",
      endpoint: "http://localhost",
      region: "us-east-1",
      credentials: { accessKeyId: "key", secretAccessKey: "secret" },
      // What the probe finds out is tested where the backend is; here it would be a third of all requests.
      conditionalWrites: "trusted",
      attempts: this.#attempts,
      clock: this.clock,
      random,
      port: {
        name: "in turns",
        request: async (sent) => {
          requests += 1;
          if (requests > diesAfter) kill();
          await this.turns.turn(name);
          try {
            return await client.port.request(sent);
          } finally {
            await this.turns.turn(name);
          }
        },
        close: () => Promise.resolve(),
      },
    });
    return { name, storage, random, died, kill };
  }
}

const START_MS = 1_700_000_000_000;
/** More than one schedule has. */
const MAX_PROCESSES = 64;
