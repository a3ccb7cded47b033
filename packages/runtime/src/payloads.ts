import type { StandardSchemaV1 } from "@standard-schema/spec";
import { invalidArgument, invalidRequest } from "./errors.js";
import type { EventRecord, TranscriptRecord, YoiEventKind } from "./format/model.js";
import type { PlainEntry, PlainEvent } from "./mutations.js";
import type { EventPayloads, NewEvent, NewTranscriptEntry, OwnEvent, RuntimeEvent, RuntimeSchemas, TranscriptEntry } from "./types.js";

/** Turns what callers give into what is stored, and back, with the schemas of a runtime's own kinds. */
export class Payloads<E extends EventPayloads, M> {
  readonly #events: ReadonlyMap<string, OwnKind<E>>;
  readonly #message: StandardSchemaV1<unknown, M> | undefined;

  /** @throws RUNTIME_INVALID_ARGUMENT for a kind that is taken. */
  constructor(schemas: RuntimeSchemas<E, M> = {}) {
    this.#events = ownKinds(schemas.events);
    this.#message = schemas.message;
  }

  /** @throws RUNTIME_INVALID_REQUEST, RUNTIME_INVALID_ARGUMENT. */
  plainEvent(operation: string, event: NewEvent<E>): PlainEvent {
    const { kind, message = "", payload }: { readonly kind: string; readonly message?: string | undefined; readonly payload: unknown } = event;
    const own = this.#events.get(kind);
    if (own === undefined) throw invalidArgument(operation, "there is no schema for events of this kind");
    return { kind, message, payloadJson: toJson(operation, own.schema, payload) };
  }

  /** @throws as `plainEvent`. */
  plainEntry(operation: string, { role, content, payload }: NewTranscriptEntry<M>): PlainEntry {
    if (payload === undefined) return { role, content };
    if (this.#message === undefined) throw invalidArgument(operation, "there is no schema for payloads of messages");
    return { role, content, payloadJson: toJson(operation, this.#message, payload) };
  }

  event(record: EventRecord): RuntimeEvent<E> {
    const { kind, payloadJson, ...base } = record;
    if (isStandard(kind)) return { ...base, kind };
    const payload = payloadJson === undefined ? undefined : parse(payloadJson);
    return this.#events.get(kind)?.read(base, payload) ?? { ...base, kind: "unrecognised", ownKind: kind, payload };
  }

  entry(record: TranscriptRecord): TranscriptEntry<M> {
    const { payloadJson, ...base } = record;
    if (payloadJson === undefined) return base;
    const payload = parse(payloadJson);
    const checked = this.#message === undefined ? undefined : check(this.#message, payload);
    return checked?.issues === undefined && checked !== undefined ? { ...base, payload: checked.value } : { ...base, unrecognisedPayload: payload };
  }
}

type EventBase = Omit<EventRecord, "kind" | "payloadJson">;

interface OwnKind<E extends EventPayloads> {
  readonly schema: StandardSchemaV1;
  /** `undefined` if the schema refuses it. */
  readonly read: (base: EventBase, payload: unknown) => RuntimeEvent<E> | undefined;
}

function ownKinds<E extends EventPayloads>(schemas: RuntimeSchemas<E, unknown>["events"]): ReadonlyMap<string, OwnKind<E>> {
  const kinds = new Map<string, OwnKind<E>>();
  if (schemas === undefined) return kinds;
  eachKey(schemas, (kind) => {
    if (isStandard(kind) || kind === "unrecognised") throw invalidArgument("openRuntimeStore", `the kind ${kind} is taken`);
    kinds.set(kind, ownKind<E, typeof kind>(kind, schemas[kind]));
  });
  return kinds;
}

function eachKey<S extends object>(record: S, visit: (key: keyof S & string) => void): void {
  for (const key in record) visit(key);
}

function ownKind<E extends EventPayloads, K extends keyof E & string>(kind: K, schema: StandardSchemaV1<unknown, E[K]>): OwnKind<E> {
  return {
    schema,
    read(base, payload) {
      const checked = check(schema, payload);
      if (checked.issues !== undefined) return undefined;
      const event: { readonly [P in keyof E & string]: OwnEvent<P, E[P]> }[K] = { ...base, kind, payload: checked.value };
      return event;
    },
  };
}

const STANDARD: ReadonlySet<string> = new Set<YoiEventKind>(["runtime_started", "runtime_stopped", "worker_created", "worker_input_accepted", "worker_stopped", "worker_cancelled"]);

function isStandard(kind: string): kind is YoiEventKind {
  return STANDARD.has(kind);
}

function check<T>(schema: StandardSchemaV1<unknown, T>, value: unknown): StandardSchemaV1.Result<T> {
  const result = schema["~standard"].validate(value);
  if (!("then" in result)) return result;
  result.then(undefined, () => undefined); // What it says later is not asked for.
  return { issues: [{ message: "the schema does not answer at once" }] };
}

/** Messages of a schema may quote the value, which must not get into an error: only where it is wrong is said. */
function toJson(operation: string, schema: StandardSchemaV1, payload: unknown): string {
  const { issues } = check(schema, payload);
  if (issues !== undefined) throw invalidRequest(operation, `the schema refuses the payload at ${issues.map(pathOf).join(", ")}`);
  try {
    const text = JSON.stringify(payload) as string | undefined;
    if (text !== undefined) return text;
  } catch (cause) {
    throw invalidRequest(operation, "JSON cannot carry the payload", cause);
  }
  throw invalidRequest(operation, "JSON cannot carry the payload");
}

function pathOf({ path }: StandardSchemaV1.Issue): string {
  if (path === undefined || path.length === 0) return "its root";
  return path.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}

/** What is no JSON cannot have come from here; it is shown as the text that it is. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
