import type { RuntimeStore, WorkerSummary } from "@holdfast/runtime";
import { hasCode } from "@holdfast/storage";
import { pick } from "../draws.js";
import type { LogProcess, Schedule } from "../wal-objects/schedule.js";
import { expectedRuntimeError } from "./runtime-object-errors.js";
import { lookAt, RUNTIME_ID, SCHEMAS, type OwnEvents } from "./runtime-look.js";
import type { MutationReceipt, RuntimeOwner, RuntimeOwnersLedger } from "./runtime-owners-ledger.js";

type Store = RuntimeStore<OwnEvents>;

/** A process that has opened the runtime, and what it does with it. */
export class RuntimeOwning {
  readonly process: LogProcess;
  readonly #schedule: Schedule;
  readonly #ledger: RuntimeOwnersLedger;
  readonly #owner: RuntimeOwner;
  readonly #store: Store;
  #mutations = 0;
  #isOver = false;

  private constructor(schedule: Schedule, ledger: RuntimeOwnersLedger, process: LogProcess, owner: RuntimeOwner, store: Store) {
    this.#schedule = schedule;
    this.#ledger = ledger;
    this.process = process;
    this.#owner = owner;
    this.#store = store;
  }

  /** Opens the runtime, which takes it over, and compares what is there with what was promised. `undefined`: it cannot, and may not be able to. */
  static async open(schedule: Schedule, ledger: RuntimeOwnersLedger, process: LogProcess): Promise<RuntimeOwning | undefined> {
    const { name, storage, clock, random } = process;
    const owner = ledger.opening(name);
    try {
      const store = await schedule.modules.runtime.openRuntimeStore<OwnEvents>({ storage, runtimeId: RUNTIME_ID, schemas: SCHEMAS, pageBytes: PAGE_BYTES, clock, random });
      ledger.opened(owner);
      const owning = new RuntimeOwning(schedule, ledger, process, owner, store);
      await owning.#lookFirst();
      return owning;
    } catch (error) {
      expectedRuntimeError(error, `opening by ${name}`, schedule);
      return undefined;
    }
  }

  /** Whether the runtime was taken from it, or it does not know what became of its last mutation. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** One thing of many. */
  async act(): Promise<void> {
    const { draw } = this.#schedule;
    const running = this.#store.listWorkers().filter(({ status }) => status === "running");
    const stopped = this.#store.listWorkers().filter(({ status }) => status !== "running");
    const worker = running[draw(running.length)];
    if (worker === undefined) return this.#create();
    const gone = stopped[draw(stopped.length)];
    const acts: readonly [() => Promise<unknown>, ...(() => Promise<unknown>)[]] = [
      () => this.#input(worker),
      () => this.#entries(worker),
      () => Promise.all([this.#input(worker), this.#entries(worker)]),
      () => Promise.all([this.#entries(worker), this.checkpoint(), this.#input(worker)]),
      () => this.#note(),
      () => this.checkpoint(),
      () => this.checkpoint(),
      () => this.#trim(),
      () => (running.length < 3 ? this.#create() : this.#stop(worker)),
      () => (gone === undefined ? this.#stop(worker) : this.#delete(gone)),
      () => this.look(),
    ];
    await pick(draw, acts)();
  }

  /** Looks at everything. */
  async look(): Promise<void> {
    const since = this.#ledger.moment();
    await this.#attempt("looking", async () => {
      this.#ledger.ownerSaw(this.#owner, await lookAt(this.#store), since);
    });
  }

  /** Moves what is in the journal into pages. */
  async checkpoint(): Promise<void> {
    await this.#attempt("a checkpoint", () => this.#store.checkpoint());
  }

  /** Gives up events: some, or all of them. */
  async #trim(): Promise<void> {
    const { draw } = this.#schedule;
    const { nextEventId } = this.#store.cursorNow();
    const before = draw(3) === 0 ? nextEventId : nextEventId / 2n;
    const done = this.#ledger.trimming(this.#owner, before);
    await this.#attempt("giving up events", () => this.#store.trimEvents(before).then(done));
  }

  async #delete({ workerRef: { workerId } }: Pick<WorkerSummary, "workerRef">): Promise<void> {
    const done = this.#ledger.deleting(this.#owner, workerId);
    await this.#attempt("deleting a worker", () => this.#store.deleteWorker(workerId).then(done));
  }

  /** Changes the runtime, in one of some ways. */
  async mutate(): Promise<void> {
    const [worker] = this.#store.listWorkers().filter(({ status }) => status === "running");
    const ways: readonly [() => Promise<void>, ...(() => Promise<void>)[]] = [() => this.#note(), () => this.#trim(), () => (worker === undefined ? this.#create() : this.#input(worker))];
    await pick(this.#schedule.draw, ways)();
  }

  #note(): Promise<void> {
    return this.#mutate({ hasNote: true }, async (name) => ({ eventId: await this.#store.appendEvent({ kind: "note", message: name, payload: { entries: 0 } }) }));
  }

  async close(): Promise<void> {
    await this.#attempt("closing", () => this.#store.close());
    const problem = this.#store.health.lastProblem;
    // What went wrong behind the mutations was met while things were disturbed.
    if (problem !== undefined) expectedRuntimeError(problem.error, `${problem.operation} by ${this.process.name}`, { isCalm: false, isHarmed: this.#schedule.isHarmed }, true);
  }

  async #lookFirst(): Promise<void> {
    await this.#attempt("looking", async () => {
      this.#ledger.ownerSawFirst(this.#owner, await lookAt(this.#store));
    });
  }

  async #create(): Promise<void> {
    await this.#mutate({ isCreation: true }, async (objective) => {
      const { workerRef, lastEventId } = await this.#store.createWorker({ intent: { kind: "task", objective }, profile: { kind: "runtime_default" } });
      return { workerId: workerRef.workerId, eventId: lastEventId };
    });
  }

  async #stop({ workerRef: { workerId } }: WorkerSummary): Promise<void> {
    await this.#mutate({ hasNote: true }, async (name) => ({ workerId, eventId: (await this.#store.stopWorker(workerId, name)).eventId }));
  }

  async #input({ workerRef: { workerId } }: WorkerSummary): Promise<void> {
    await this.#mutate({ sizes: [this.#bytes()] }, async (_, [content = ""]) => {
      const { transcriptSequence, eventId } = await this.#store.sendInput(workerId, { role: "user", content });
      return { workerId, eventId, sequence: transcriptSequence };
    });
  }

  async #entries({ workerRef: { workerId } }: WorkerSummary): Promise<void> {
    const sizes = Array.from({ length: 1 + this.#schedule.draw(3) }, () => this.#bytes());
    await this.#mutate({ sizes, hasNote: true }, async (message, contents) => {
      const entries = contents.map((content) => ({ role: "assistant", content }));
      const { firstSequence, eventId } = await this.#store.appendTranscript(workerId, entries, { kind: "note", message, payload: { entries: entries.length } });
      return { workerId, eventId, sequence: firstSequence };
    });
  }

  #bytes(): number {
    const { draw } = this.#schedule;
    return draw(3) === 0 ? 400 + draw(2000) : draw(100);
  }

  async #mutate({ sizes = [], hasNote = false, isCreation = false }: { readonly sizes?: readonly number[]; readonly hasNote?: boolean; readonly isCreation?: boolean }, run: (name: string, contents: readonly string[]) => Promise<MutationReceipt>): Promise<void> {
    this.#mutations += 1;
    const name = `${this.process.name}.${this.#mutations}`;
    const contents = sizes.map((size, index) => `${name}/${index} ${"x".repeat(size)}`);
    this.#ledger.offer(this.#owner, { name, contents, hasNote, isCreation });
    const told = await this.#attempt(`mutation ${name}`, async () => {
      this.#ledger.acknowledge(name, await run(name, contents));
    });
    if (told !== undefined) this.#ledger.refuse(name, told.outcome);
  }

  /** @returns What it was told instead, if it was not done. */
  async #attempt(what: string, run: () => Promise<unknown>): Promise<{ readonly outcome: string | undefined } | undefined> {
    try {
      await run();
      return undefined;
    } catch (error) {
      // Whoever was superseded may miss what its successor has removed.
      const known = expectedRuntimeError(error, `${what} by ${this.process.name}`, this.#schedule, this.#ledger.maySupersede(this.#owner));
      if (OVER.some((code) => hasCode(known, code))) this.#isOver = true;
      return { outcome: known.outcome };
    }
  }
}

const OVER = ["RUNTIME_CONFLICT", "WAL_FENCED", "WAL_POISONED"] as const;

/** The least there is, so that little moves into pages. */
const PAGE_BYTES = 4096;
