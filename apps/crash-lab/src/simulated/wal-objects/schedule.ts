import { seededRandom, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { SimObjectStore } from "@holdfast/storage-sim/object-store";
import type { StorageBackend } from "@holdfast/storage";
import type { S3Credentials, S3CredentialsProvider } from "@holdfast/storage-s3";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import { pick, seededDraw, type Draw } from "../draws.js";
import type { ModulesUnderTest, Profile } from "../store-history.js";
import { drawConditions, type Conditions } from "./conditions.js";
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
  /** Its wall clock may be wrong. */
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Resolves when the process is killed, with all it was waiting for left undone. */
  readonly died: Promise<"died">;
  kill(): void;
}

/** How a process differs from others. */
export interface ProcessOptions {
  /** It is killed when it has sent so many requests. Default: never. */
  readonly diesAfter?: number | undefined;
  /** It has an access key that may only read. */
  readonly isReader?: boolean;
}

/** What makes a {@link Schedule}. */
export interface ScheduleParts {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  readonly seed: number;
  /** How often the backend makes a request by itself, at most. */
  readonly attempts: number;
  /** Another bucket at the same time, whose clock and turns this one goes by. Default: none. */
  readonly beside?: Schedule | undefined;
}

/** One bucket, and everything that happens to it: all of it follows from a seed. */
export class Schedule {
  readonly modules: ModulesUnderTest;
  readonly draw: Draw;
  readonly clock: VirtualClock;
  readonly conditions: Conditions;
  readonly ledger: ObjectLogLedger = new ObjectLogLedger();
  readonly store: SimObjectStore;
  readonly turns: Turns;
  readonly operations: Map<string, number> = new Map<string, number>();
  readonly #seed: number;
  readonly #attempts: number;
  readonly #mix: FaultMix;
  #processes = 0;
  #isCalm = false;

  constructor({ modules, profile, seed, attempts, beside }: ScheduleParts) {
    this.modules = modules;
    this.#seed = seed;
    this.#attempts = attempts;
    this.draw = seededDraw(seed);
    this.clock = beside?.clock ?? virtualClock({ startMs: START_MS });
    this.conditions = drawConditions(this.draw);
    this.#mix = faultMix(this.draw, profile);
    const { adversary, chance } = this.#mix;
    const { quirks, pageNames } = this.conditions;
    this.store = new SimObjectStore({ clock: this.clock, adversary, chance, quirks, pageNames, access: (key) => (key === READING_KEY ? "read" : "all") });
    this.store.observe(({ operation, phase }) => {
      if (phase === "sent") this.operations.set(operation, (this.operations.get(operation) ?? 0) + 1);
    });
    const landLate = (): void => {
      this.store.landLate();
    };
    this.turns = beside?.turns ?? new Turns(this.clock, this.draw, landLate);
  }

  /** Faults that hit, and what else was not as usual: `"lose PutObject"`, `"schedule ignoresRanges"`. */
  get faults(): FaultMix["hits"] {
    return new Map([...this.#mix.hits, ...this.conditions.words.map((word) => [`schedule ${word}`, 1] as const)]);
  }

  /** Whether bytes have come over wrongly. */
  get isHarmed(): boolean {
    return this.#mix.hits.has("flip GetObject");
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

  process(name: string, { diesAfter = Infinity, isReader = false }: ProcessOptions = {}): LogProcess {
    this.#processes += 1;
    const clock = this.#clockOfItsOwn();
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
      credentials: this.#credentials(isReader, clock),
      conditionalWrites: this.conditions.isProbed ? "probe" : "trusted",
      partBytes: PART_BYTES,
      attempts: this.#attempts,
      clock,
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
    return { name, storage, clock, random, died, kill };
  }

  /** Of four processes one has a wall clock that is wrong. */
  #clockOfItsOwn(): Clock {
    const { clock } = this;
    const aheadMs = this.draw(4) === 0 ? pick(this.draw, WRONG_MS) : 0;
    return { now: () => clock.now() + aheadMs, monotonic: () => clock.monotonic(), setTimer: (...timer) => clock.setTimer(...timer) };
  }

  /** A key that stays, or one of a role, which has to be renewed. */
  #credentials(isReader: boolean, clock: Clock): S3Credentials | S3CredentialsProvider {
    const key = { accessKeyId: isReader ? READING_KEY : "key", secretAccessKey: "secret" };
    if (this.draw(2) === 0) return key;
    return () => Promise.resolve({ ...key, expiresAtMs: clock.now() + ROLE_MS });
  }
}

const START_MS = 1_700_000_000_000;
/** Stores refuse a signature that is fifteen minutes off; this one does so by chance. */
const WRONG_MS = [-86_400_000, -1_000, 1_000, 3_600_000] as const;
const ROLE_MS = 900_000;
const READING_KEY = "reader";
/** The least there is: bodies that are longer go in parts. */
export const PART_BYTES: number = 5 * 1024 * 1024;
/** More than one schedule has. */
const MAX_PROCESSES = 64;
