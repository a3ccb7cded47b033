import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { EventRecords, migrated } from "./event-records.js";
import { PieceQueue } from "./piece-queue.js";
import { checkedApply, type Apply } from "./reducer.js";
import { unpackRecords, type ReplayAnswer, type ReplayQuestion, type ReplayStart } from "./replay-messages.js";
import { codecsOf, type StateCodec } from "./state-codec.js";
import type { StateDefinition } from "./state-types.js";

/*
 * A thread of its own that builds one snapshot: it gets a state and the events behind it, and gives the pieces of the state behind those. Started
 * by `replay-content.ts`; nothing else imports it.
 */

type Definition = StateDefinition<unknown, unknown>;

class Builder {
  readonly #definition: Definition;
  readonly #version: number;
  readonly #codec: StateCodec<unknown>;
  readonly #records: EventRecords<unknown>;
  readonly #apply: Apply<unknown, unknown>;
  #state: unknown;
  #incoming: { readonly queue: PieceQueue; readonly state: Promise<unknown> } | undefined;
  #outgoing: Iterator<Uint8Array, unknown> | undefined;

  constructor(definition: Definition, version: number) {
    const { state, event } = codecsOf(definition.codec);
    this.#definition = definition;
    this.#version = version;
    this.#codec = state;
    this.#records = new EventRecords({ codec: event, version, migrate: definition.migrate });
    this.#apply = checkedApply((before, it) => definition.apply(before, it), false);
  }

  async answer(question: ReplayQuestion): Promise<ReplayAnswer> {
    if (question.kind === "initial") this.#state = this.#definition.initial;
    else if (question.kind === "state") this.#receive(question);
    else if (question.kind === "piece") await this.#take(question.bytes);
    else if (question.kind === "state-end") {
      this.#incoming?.queue.end();
      this.#state = await this.#incoming?.state;
      this.#incoming = undefined;
    }
    else if (question.kind === "events") this.#replay(question.firstSeq, question.bytes);
    else return this.#next();
    return { kind: "ok" };
  }

  /** Decodes while the pieces come: all of them together are as large as the state, and to give back so much memory at once holds up every thread. */
  #receive({ version, seq }: { readonly version: number; readonly seq: number }): void {
    const queue = new PieceQueue();
    const state = this.#decoded(queue, version, seq);
    state.catch(() => undefined); // It is told by the next answer.
    this.#incoming = { queue, state };
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const { queue, state } = this.#incoming ?? {};
    // A codec may have all it needs, or have failed, before the last piece.
    await Promise.race([queue?.put(bytes), state]);
  }

  async #decoded(queue: PieceQueue, from: number, seq: number): Promise<unknown> {
    const state = await this.#codec.decode(queue.pieces());
    if (from === this.#version) return state;
    return migrated("the state", state, { from, version: this.#version, migrate: this.#definition.migrateState, seq, operation: "snapshot" });
  }

  #replay(firstSeq: number, packed: Uint8Array): void {
    let seq = firstSeq;
    for (const record of unpackRecords(packed)) {
      this.#state = this.#apply(this.#state, this.#records.decode(record, seq, "snapshot"));
      seq += 1;
    }
  }

  #next(): ReplayAnswer {
    this.#outgoing ??= this.#codec.encode(this.#state)[Symbol.iterator]();
    const next: IteratorResult<Uint8Array, unknown> = this.#outgoing.next();
    // A codec may use its array again.
    return next.done === true ? { kind: "end" } : { kind: "piece", bytes: next.value.slice() };
  }
}

async function loadDefinition({ module, name, version }: ReplayStart): Promise<Definition> {
  const exported: unknown = ((await import(module)) as Readonly<Record<string, unknown>>)[name];
  if (!isDefinition(exported)) throw new TypeError(`${module} exports no state definition under the name ${name}`);
  if ((exported.version ?? 1) !== version) throw new TypeError(`the definition ${name} is of version ${exported.version ?? 1}, the store's is ${version}`);
  return exported;
}

function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "initial" in value && "apply" in value && typeof value.apply === "function";
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const start = workerData as ReplayStart;
  const loading = loadDefinition(start).then((definition) => new Builder(definition, start.version));
  loading.catch(() => undefined); // The first answer tells.
  port.on("message", (question: ReplayQuestion) => {
    loading
      .then((builder) => builder.answer(question))
      .catch((error: unknown): ReplayAnswer => ({ kind: "failed", message: reasonOf(error) }))
      .then((answer) => {
        port.postMessage(answer, answer.kind === "piece" && answer.bytes.buffer instanceof ArrayBuffer ? [answer.bytes.buffer] : []);
      })
      .catch((error: unknown) => {
        throw error;
      });
  });
}

/** With the reason underneath, since only this text goes to the other thread. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}
