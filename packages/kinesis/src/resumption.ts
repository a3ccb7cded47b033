import { JsonError, JsonReader, JsonWriter } from "@holdfast/bytes/json";
import { KinesisError } from "./errors.js";
import { readConsumer, type ConsumerStatus } from "./format/consumer.js";
import type { KinesisState, PendingTransition, PersistentStream } from "./format/model.js";
import { shard } from "./format/state.js";
import { pendingTransition } from "./format/transition.js";
import { compareUtf8 } from "./format/types.js";
import { transitionKey } from "./native/tables.js";

/** A transition that is to be finished. */
export interface DueTransition {
  readonly transition: PendingTransition;
  /** How long from now, in milliseconds; 0 is at once. May be more than a timer takes. */
  readonly delayMs: bigint;
}

/** How a server goes on with a state that it has loaded. */
export interface Resumption {
  /** What is to be finished: first what the state has, in the order of `transitionKey`, then what it lacks and a status asks for. */
  readonly due: readonly DueTransition[];
  /** The transitions to go on with, in the order of `transitionKey`: one for each stream and consumer. They belong into the next state. */
  readonly pendingTransitions: readonly PendingTransition[];
  /** What keeps the server from going on; `KINESIS_AMBIGUOUS_TRANSITION` or `KINESIS_INVALID_STATE`, each with its `path`. */
  readonly problems: readonly KinesisError[];
}

/** The part of a state that counts here. */
export type ResumedState = Pick<KinesisState, "streams" | "consumers" | "accountSettingsJson" | "pendingTransitions">;

/**
 * What became of the changes that were under way when a state was stored; as `resume_persistent_transitions` of ferrokinesis 0.7.0.
 *
 * - A transition is finished at its time, or at once if that has passed. Of two for one stream or consumer the last one counts.
 * - A stream that is being deleted, or a consumer that is being registered or removed, without a transition gets one, for now.
 * - A stream that is being created or updated without a transition is a problem: nobody knows what it was to become. So are a consumer
 *   and account settings that do not decode. The original finishes nothing while there is a problem; here the server decides.
 *
 * @param nowMs - Unix milliseconds, at least 0.
 */
export function planResumption(state: ResumedState, nowMs: bigint): Resumption {
  const stored = new Map(state.pendingTransitions.map((transition) => [transitionKey(transition), transition]));
  const problems: KinesisError[] = [];
  const added = [...addedForStreams(state, stored, nowMs, problems), ...addedForConsumers(state, stored, nowMs, problems)];
  checkSettings(state.accountSettingsJson, problems);
  const due = [...inOrder([...stored.values()]), ...added].map((transition) => ({ transition, delayMs: delayOf(transition, nowMs) }));
  return { due, pendingTransitions: inOrder([...stored.values(), ...added]), problems };
}

/**
 * Whether a transition whose time has come still counts. If another one has taken its place, or none is there, somebody has superseded it
 * meanwhile, and it is to be ignored.
 *
 * @param pendingTransitions - As they are now.
 */
export function isStillPending(transition: PendingTransition, pendingTransitions: readonly PendingTransition[]): boolean {
  const key = transitionKey(transition);
  const current = pendingTransitions.findLast((it) => transitionKey(it) === key);
  return current !== undefined && textOf(current).equals(textOf(transition));
}

function addedForStreams(state: ResumedState, stored: ReadonlyMap<string, PendingTransition>, nowMs: bigint, problems: KinesisError[]): readonly PendingTransition[] {
  const added: PendingTransition[] = [];
  for (const [name, { stream, index }] of lastByName(state.streams)) {
    if (stored.has(`stream:${name}`)) continue;
    const { streamStatus } = stream;
    if (streamStatus === "DELETING") added.push({ kind: "DeleteStream", streamName: name, readyAtMs: nowMs });
    if (streamStatus !== "CREATING" && streamStatus !== "UPDATING") continue;
    const message = `ambiguous persisted stream transition for ${name}: ${streamStatus} without transition metadata`;
    problems.push(new KinesisError("KINESIS_AMBIGUOUS_TRANSITION", message, { operation: "resume", path: `streams[${index}].stream_status` }));
  }
  return added;
}

function addedForConsumers(state: ResumedState, stored: ReadonlyMap<string, PendingTransition>, nowMs: bigint, problems: KinesisError[]): readonly PendingTransition[] {
  const added: PendingTransition[] = [];
  for (const [arn, { bytes, index }] of new Map(state.consumers.map(([arn, bytes], index) => [arn, { bytes, index }]))) {
    const status = statusOf(arn, bytes, index, problems);
    if (status === undefined || status === "ACTIVE" || stored.has(`consumer:${arn}`)) continue;
    added.push({ kind: status === "CREATING" ? "RegisterConsumer" : "DeregisterConsumer", consumerArn: arn, readyAtMs: nowMs });
  }
  return added;
}

function statusOf(arn: string, bytes: Uint8Array, index: number, problems: KinesisError[]): ConsumerStatus | undefined {
  return attempted(problems, `failed to decode recovered consumer ${arn}`, `consumers[${index}][1]`, () => readConsumer(bytes).consumerStatus);
}

/** None stand for an empty object. */
function checkSettings(bytes: Uint8Array, problems: KinesisError[]): void {
  if (bytes.length === 0) return;
  attempted(problems, "failed to decode persisted account settings", "account_settings_json", () => {
    const reader = new JsonReader(bytes);
    reader.skip();
    reader.end();
  });
}

/** Reads JSON inside the state; what is wrong with it has its offset there. */
function attempted<T>(problems: KinesisError[], what: string, path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    const { message, reason, offset } = cause;
    problems.push(new KinesisError("KINESIS_INVALID_STATE", `${what}: ${message}`, { operation: "resume", path, reason, offset, cause }));
    return undefined;
  }
}

function lastByName(streams: readonly PersistentStream[]): ReadonlyMap<string, { readonly stream: PersistentStream; readonly index: number }> {
  return new Map(streams.map((stream, index) => [stream.name, { stream, index }]));
}

function inOrder(transitions: readonly PendingTransition[]): readonly PendingTransition[] {
  return [...transitions].sort((one, other) => compareUtf8(transitionKey(one), transitionKey(other)));
}

function delayOf({ readyAtMs }: PendingTransition, nowMs: bigint): bigint {
  return readyAtMs > nowMs ? readyAtMs - nowMs : 0n;
}

const transitionType = pendingTransition(shard);

/** Equal transitions have equal texts. */
function textOf(transition: PendingTransition): Buffer {
  const writer = new JsonWriter();
  transitionType.write(writer, transition);
  return Buffer.from(writer.finish());
}
