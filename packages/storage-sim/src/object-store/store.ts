import type { Clock, HttpPort } from "@holdfast/storage/ports";
import type { Adversary } from "../adversary.js";
import { Trace } from "../disk/trace.js";
import { failureAnswer, type Answer } from "./answer.js";
import { Bucket, type SimObject } from "./bucket.js";
import { FaultSource, type ObjectFaultChance } from "./chance.js";
import { deliver, type DeliveryParts } from "./delivery.js";
import { answerTo, type ObjectStoreQuirks } from "./dialect.js";
import type { ObjectFault, ObjectFaultKind, ObjectFaultPlan, ObjectOperation } from "./faults.js";
import { readRequest, type ObjectRequest } from "./request.js";

/** Options of {@link SimObjectStore}. */
export interface SimObjectStoreOptions {
  /** Measures delays, timeouts and the ages of objects; a `virtualClock()`. */
  readonly clock: Clock;
  /** Decides everything that is left to chance. */
  readonly adversary: Adversary;
  /** The one bucket. Default `"bucket"`. */
  readonly bucket?: string | undefined;
  /** Default: none. */
  readonly faults?: ObjectFaultPlan | undefined;
  /** Faults beside those of the plan. Default: none. */
  readonly chance?: ObjectFaultChance | undefined;
  /** What the store always does otherwise than S3. Default: nothing. */
  readonly quirks?: ObjectStoreQuirks | undefined;
  /** How long a request takes there and back, in milliseconds of the clock. Default 0: turns of the microtask queue. */
  readonly latencyMs?: number | undefined;
  /** A request and its answer each take 1 to so many turns of the microtask queue, as the adversary likes. Default 1. */
  readonly maxTurns?: number | undefined;
  /** A page of a list holds at most so many names. Default 1,000. */
  readonly pageNames?: number | undefined;
  /** What an access key may do. Default: everything, and no key is needed. */
  readonly access?: ((accessKeyId: string) => "all" | "none" | "read") | undefined;
  /** Keep each exchange for {@link SimObjectStore.exchanges}, and not only the hash over them. Default false. */
  readonly keepTrace?: boolean | undefined;
}

/** A moment of a request: `sent`, on its way; `applied`, done or refused by the store. One that is done twice is applied twice. */
export interface ObjectStep {
  /** Counts the requests to this store, from 1. */
  readonly request: number;
  readonly phase: "applied" | "sent";
  readonly operation: ObjectOperation;
  readonly name: string;
}

/** A request that reached the store, and what the store said to it, whatever became of the answer. */
export interface TracedExchange {
  readonly request: number;
  readonly operation: ObjectOperation;
  readonly name: string;
  readonly status: number;
  readonly fault: ObjectFaultKind | undefined;
}

/** A process that uses the store. */
export interface SimClient {
  readonly port: HttpPort;
  /** Ends the process: nothing it waits for comes any more. What it has sent may arrive or not. */
  kill(): void;
}

/**
 * An object store in memory behind the port of a backend: it reads and answers HTTP in the dialect of S3, does what was asked, and
 * lets requests and answers be lost, late, doubled, cut off or refused. The same choices of the adversary give the same run.
 */
export class SimObjectStore {
  readonly #options: SimObjectStoreOptions;
  readonly #bucket = new Bucket();
  readonly #faults: FaultSource;
  readonly #trace = new Trace(false);
  readonly #exchanges: TracedExchange[] = [];
  readonly #observers = new Set<(step: ObjectStep) => void>();
  readonly #late = new Set<() => void>();
  #requests = 0;
  #ids = 0;

  constructor(options: SimObjectStoreOptions) {
    this.#options = options;
    this.#faults = new FaultSource(options.adversary, options.faults ?? [], options.chance);
  }

  /** What is in the bucket, whatever anybody was told: by name, in no order. */
  get objects(): ReadonlyMap<string, SimObject> {
    return this.#bucket.objects;
  }

  /** How many uploads in parts are neither complete nor aborted. */
  get uploads(): number {
    return this.#bucket.uploads.size;
  }

  /** How many requests were sent, refused connections among them. */
  get requests(): number {
    return this.#requests;
  }

  /** How many requests are on their way that nobody waits for. */
  get late(): number {
    return this.#late.size;
  }

  /** A hash over the requests that arrived and what was answered: two runs with the same hash did the same. */
  get hash(): string {
    return this.#trace.hash;
  }

  /** The exchanges so far, where `keepTrace` is set. */
  get exchanges(): readonly TracedExchange[] {
    return this.#exchanges;
  }

  /** Adds to the plan. */
  addFault(fault: ObjectFault): void {
    this.#faults.add(fault);
  }

  /** Forgets the plan. Chance goes on. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** Calls `observer` at each step. What it throws ends the request with it. Answers what stops that. */
  observe(observer: (step: ObjectStep) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Lets everything arrive that is late. */
  landLate(): void {
    for (const land of [...this.#late]) land();
  }

  /** A port that never dies. */
  port(): HttpPort {
    return this.client().port;
  }

  /** A process of its own. */
  client(): SimClient {
    const life = { isDead: false };
    const sender = { isDead: () => life.isDead };
    const port: HttpPort = {
      name: "simulated",
      request: async (sent) => {
        if (life.isDead) return new Promise(() => undefined);
        sent.signal?.throwIfAborted();
        const request = readRequest(sent, this.#bucketName);
        this.#requests += 1;
        const number = this.#requests;
        this.#notify(number, "sent", request);
        const fault = this.#faults.next(request.operation, request.name);
        return deliver(sent, request, fault, sender, this.#delivery(number));
      },
      close: () => Promise.resolve(),
    };
    return {
      port,
      kill() {
        life.isDead = true;
      },
    };
  }

  get #bucketName(): string {
    return this.#options.bucket ?? "bucket";
  }

  #delivery(number: number): DeliveryParts {
    const { adversary, clock, latencyMs = 0, maxTurns = 1 } = this.#options;
    return {
      adversary,
      clock,
      latencyMs,
      apply: (request, fault, wasAbsent) => this.#apply(number, request, fault, wasAbsent),
      isAbsent: (request) => !this.#bucket.objects.has(request.name),
      turns: () => (maxTurns === 1 ? 1 : 1 + adversary.choose("turns of a request", maxTurns)),
      onLate: (arrive) => {
        const land = (): void => {
          if (this.#late.delete(land)) arrive();
        };
        this.#late.add(land);
        return land;
      },
    };
  }

  #apply(number: number, request: ObjectRequest, fault: ObjectFaultKind | undefined, wasAbsent: boolean): Answer {
    const answer = this.#refusal(request) ?? this.#answer(request, fault, wasAbsent);
    const { operation, name } = request;
    this.#trace.addText(operation);
    this.#trace.addName(name);
    this.#trace.add(answer.status);
    this.#trace.addText(fault ?? "");
    if (this.#options.keepTrace === true) this.#exchanges.push({ request: number, operation, name, status: answer.status, fault });
    this.#notify(number, "applied", request);
    return answer;
  }

  #answer(request: ObjectRequest, fault: ObjectFaultKind | undefined, wasAbsent: boolean): Answer {
    const { adversary, clock, quirks = {}, pageNames = 1_000 } = this.#options;
    return answerTo(request, {
      bucket: this.#bucket,
      bucketName: this.#bucketName,
      quirks,
      nowMs: clock.now(),
      wasAbsent,
      newId: () => {
        this.#ids += 1;
        return `id-${this.#ids}`;
      },
      page: {
        maxNames: pageNames,
        shorten: (names) => (fault === "page" ? adversary.choose("how many names a page has", names + 1) : names),
        forgetsToken: fault === "staleToken",
      },
      isSpared: (name) => fault === "partial" && adversary.choose(`whether ${name} is removed`, 2) === 0,
    });
  }

  #refusal({ operation, headers }: ObjectRequest): Answer | undefined {
    const { access } = this.#options;
    if (access === undefined) return undefined;
    const [, accessKeyId] = /^AWS4-HMAC-SHA256 Credential=([^/,]+)\//.exec(headers["authorization"] ?? "") ?? [];
    const allowed = accessKeyId === undefined ? "none" : access(accessKeyId);
    if (allowed === "all" || (allowed === "read" && READS.has(operation))) return undefined;
    return failureAnswer(403, "AccessDenied");
  }

  #notify(request: number, phase: ObjectStep["phase"], { operation, name }: ObjectRequest): void {
    for (const observer of this.#observers) observer({ request, phase, operation, name });
  }
}

const READS: ReadonlySet<ObjectOperation> = new Set<ObjectOperation>(["GetObject", "HeadBucket", "HeadObject", "ListObjects"]);
