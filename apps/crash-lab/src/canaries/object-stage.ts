import { mildAdversary, quiet, seededRandom, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore, type ObjectStoreQuirks } from "@holdfast/storage-sim/object-store";
import { hasCode, type StorageBackend } from "@holdfast/storage";
import { HttpPortError } from "@holdfast/storage/ports";
import type { Log } from "@holdfast/wal";
import { expectedError } from "../simulated/wal-objects/errors.js";
import { ObjectLogLedger } from "../simulated/wal-objects/object-log-ledger.js";
import { readThrough } from "../simulated/wal-objects/reading.js";
import { Violation } from "../simulated/violation.js";
import type { SceneCast } from "./directed-history.js";

const PREFIX = "orders";

/** One request, as a scene sees it: `{ method: "PUT", name: "log/3" }`. A list is on `""`. */
export interface SeenRequest {
  readonly method: string;
  readonly name: string;
}

/** Called with each request of a process, which is sent when `send` is called and whose answer is that of the hook. */
export type RequestHook = (request: SeenRequest, send: () => Promise<Response>) => Promise<Response>;

type Response = Awaited<ReturnType<ReturnType<SimObjectStore["port"]>["request"]>>;

/** What a scene on object storage is played on: a store without faults, processes whose requests the scene holds up, and a ledger. */
export class ObjectStage {
  readonly ledger: ObjectLogLedger = new ObjectLogLedger();
  readonly isCalm = true;
  readonly store: SimObjectStore;
  readonly #cast: SceneCast;
  readonly #clock: VirtualClock = virtualClock();
  #processes = 0;

  constructor(cast: SceneCast, quirks: ObjectStoreQuirks = {}, pageNames = 1000) {
    this.#cast = cast;
    this.store = new SimObjectStore({ clock: this.#clock, adversary: mildAdversary, quirks, pageNames });
  }

  /** Lets time pass until it is done. */
  run<T>(work: Promise<T>): Promise<T> {
    return driveClock(this.#clock, work);
  }

  /** A process of its own. `attempts`: how often its backend makes a request by itself. */
  storage(hook: RequestHook = (_, send) => send(), attempts = 1): StorageBackend {
    this.#processes += 1;
    const inner = this.store.port();
    return this.#cast.modules.storageS3.s3Backend({
      bucket: "bucket",
      endpoint: "http://localhost",
      region: "us-east-1",
      credentials: { accessKeyId: "key", secretAccessKey: "secret" },
      conditionalWrites: "trusted",
      attempts,
      clock: this.#clock,
      random: seededRandom(this.#processes),
      port: { ...inner, request: (sent) => hook({ method: sent.method, name: nameOf(sent.url) }, () => inner.request(sent)) },
    });
  }

  /** Opens the log for writing. It packs nothing unless it is said. */
  async open(writer: string, storage: StorageBackend = this.storage(), options: { readonly packObjects?: number; readonly commitTimeoutMs?: number } = {}): Promise<Log> {
    const before = this.ledger.lastAcknowledged;
    try {
      const log = await this.#cast.modules.wal.openLog({ storage, prefix: PREFIX, clock: this.#clock, random: seededRandom(100 + this.#processes), packObjects: 4096, ...options });
      this.ledger.open({ writer, term: log.recovery.takeover?.term ?? 0, nextSeq: log.nextSeq }, before);
      this.ledger.begin(log.firstSeq);
      return log;
    } catch (error) {
      throw expectedError(error, `opening by ${writer}`, true);
    }
  }

  /** Appends so many records, each in a commit of its own. Answers whether all of them were acknowledged. */
  async append(log: Log, writer: string, count: number): Promise<boolean> {
    for (let left = count; left > 0; left -= 1) {
      const text = `${writer}:${this.ledger.lastAcknowledged}.${left}.${this.#processes}`;
      this.ledger.offer([text]);
      try {
        this.ledger.acknowledge(await log.append(Buffer.from(text)), [text]);
      } catch (error) {
        const { code, outcome } = expectedError(error, `appending by ${writer}`, false);
        this.ledger.refuse([text], code, outcome);
        return false;
      }
    }
    return true;
  }

  async trim(log: Log, seq: number): Promise<void> {
    this.ledger.askTrim(seq);
    await log.trim(seq);
    // What it removes behind the call.
    await quiet();
  }

  async merge(packObjects: number, storage: StorageBackend = this.storage()): Promise<void> {
    try {
      await this.#cast.modules.wal.mergeLog({ storage, prefix: PREFIX, packObjects });
    } catch (error) {
      expectedError(error, "merging", true);
    }
  }

  /** A reader elsewhere reads everything from where the log begins; `damaged`: the store has altered something, and an error that says so is right. */
  async read(storage: StorageBackend = this.storage(), options: { readonly damaged?: boolean } = {}): Promise<void> {
    const read = await this.reader(storage).catch((error: unknown) => {
      if (options.damaged === true && error instanceof Violation && hasCode(error.cause, "WAL_CORRUPT")) return undefined;
      throw error;
    });
    await read?.();
  }

  /** Opens the log for reading. Answers what reads everything. */
  async reader(storage: StorageBackend): Promise<() => Promise<void>> {
    const { ledger } = this;
    try {
      const reader = await this.#cast.modules.wal.openLogReader({ storage, prefix: PREFIX, clock: this.#clock });
      return async () => {
        await readThrough(this, reader, "a reader", { atLeast: ledger.lastAcknowledged, from: reader.firstSeq });
      };
    } catch (error) {
      throw expectedError(error, "opening for reading", true);
    }
  }

  /** An opener that has looked for the end, and whose claim is on its way until it is let go on. Answers what does that. */
  async stalledClaim(position: number): Promise<() => Promise<void>> {
    let land: (() => void) | undefined;
    const isSent = new Promise<void>((sent) => {
      const storage = this.storage(async ({ method, name }, send) => {
        if (method !== "PUT" || name !== `log/${position}`) return send();
        sent();
        await new Promise<void>((resolve) => {
          land = resolve;
        });
        await send();
        // It never hears of it.
        return new Promise(() => undefined);
      });
      void this.#cast.modules.wal.openLog({ storage, prefix: PREFIX, clock: this.#clock, random: seededRandom(7) });
    });
    await isSent;
    return async () => {
      land?.();
      await quiet();
    };
  }
}

/** A hook that does something once, before the first request of this kind is sent. */
export function beforeFirst(method: string, name: string, action: () => Promise<void>): RequestHook {
  let isFirst = true;
  return async (request, send) => {
    if (isFirst && request.method === method && request.name === name) {
      isFirst = false;
      await action();
    }
    return send();
  };
}

/** No answer comes. */
export function lost(): HttpPortError {
  return new HttpPortError("the answer was lost", { outcome: "unknown" });
}

function nameOf(url: string): string {
  const [, directory, number] = /\/orders\/(log|pack|trim)\/0*(\d+)[-.]/.exec(new URL(url).pathname) ?? [];
  return directory === undefined ? "" : `${directory}/${number ?? ""}`;
}
