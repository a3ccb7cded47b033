import { fsBackend } from "@holdfast/storage-fs";
import { memoryBackend, storageKey } from "@holdfast/storage";
import { freePath } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { localDirectories } from "../src/files/directory-access.js";
import { runtimePrefix } from "../src/files/layout.js";
import { readRuntimeFiles, type RuntimeFiles, type RuntimeFilesReading } from "../src/files/read-runtime-files.js";
import { whyNotId } from "../src/format/id-segment.js";
import { collect } from "./support/collect.js";
import { entryJson, eventJson, runtimeJson, workerJson } from "./support/original-json.js";
import { place, vector, vectors, type Json, type Vector } from "./support/vectors.js";

type Fields = Readonly<Record<string, Json>>;

const GOLDEN = "runtimes/id-72756e74696d652d676f6c64656e";
const WORKER_1 = `${GOLDEN}/workers/id-776f726b65722d3030303030303031`;
const WORKER_2 = `${GOLDEN}/workers/id-776f726b65722d3030303030303032`;
const WORKER_3 = `${GOLDEN}/workers/id-776f726b65722d3030303030303033`;

/** Reads a case's directory, and looks at it while the storage is open. */
async function reading<T>(its: Vector, look: (reading: RuntimeFilesReading) => Promise<T>): Promise<T> {
  const root = freePath();
  place(its, root);
  await using storage = await fsBackend({ root });
  return await look(await readRuntimeFiles({ storage, prefix: runtimePrefix(its.runtimeId), runtimeId: its.runtimeId, directories: localDirectories(root) }));
}

function filesOf(read: RuntimeFilesReading): RuntimeFiles {
  if (read.kind === "read") return read.files;
  throw new Error(read.kind === "refused" ? read.refusal.message : read.kind);
}

/** As expected.json tells a state. */
async function stateOf(files: RuntimeFiles): Promise<Fields> {
  const workers = files.workers.map(async ({ record, transcriptFault }) => ({
    ...workerJson(record),
    transcript: transcriptFault === undefined ? (await collect(files.transcript(record.workerRef.workerId))).map(entryJson) : transcriptFault.message,
  }));
  return { ...runtimeJson(files.runtime), events: (await collect(files.events())).map(eventJson), workers: await Promise.all(workers) };
}

const found = ({ findings }: RuntimeFiles): readonly string[] =>
  findings.map(({ code, key, line, offset, message }) => `${code} ${key}${line === undefined ? "" : `:${line}@${offset ?? "?"}`} ${message}`);

const originalState = (name: string): Fields => vector(name).load.state as Fields;
const eventsOf = (state: Fields): readonly Fields[] => state["events"] as readonly Fields[];
const workersOf = (state: Fields): readonly Fields[] => state["workers"] as readonly Fields[];
const withoutEvents = (...ids: readonly bigint[]) => (state: Fields): Fields => ({ ...state, events: eventsOf(state).filter((it) => !ids.includes(it["id"] as bigint)) });
const withoutWorker = (id: string) => (state: Fields): Fields => ({ ...state, workers: workersOf(state).filter((it) => it["worker_id"] !== id) });
const withWorker = (id: string, change: (worker: Fields) => Fields) => (state: Fields): Fields => ({ ...state, workers: workersOf(state).map((it) => (it["worker_id"] === id ? change(it) : it)) });
const withTranscript = (id: string, change: (entries: readonly Fields[]) => Json) => withWorker(id, (it) => ({ ...it, transcript: change(it["transcript"] as readonly Fields[]) }));
const withEvent = (event: Fields) => (state: Fields): Fields => ({ ...state, events: [...eventsOf(state), event] });
const counters = (its: Fields) => (state: Fields): Fields => ({ ...state, ...its });
const ref = (runtimeId: string, workerId: string): Fields => ({ runtime_id: runtimeId, worker_id: workerId });
const plain = (id: bigint, message: string): Fields => ({ id, kind: { kind: "worker_created" }, message });

/** What is read otherwise than by the original: which state it answers and what it reports. */
const DIFFERENCES: Readonly<Record<string, { readonly like?: string; readonly change?: readonly ((state: Fields) => Fields)[]; readonly findings: readonly string[] }>> = {
  // Counters are beyond what is seen.
  "all-event-kinds": {
    change: [counters({ next_event_id: 8n, next_worker_sequence: 2n })],
    findings: [
      `worker_missing ${GOLDEN}/workers/ events name worker worker-00000001, which has no directory`,
      `counter_behind ${GOLDEN}/runtime.json next_event_id is 2, although 7 is taken`,
      `counter_behind ${GOLDEN}/runtime.json next_worker_sequence is 1, although 1 is taken`,
    ],
  },
  "big-integers": {
    change: [counters({ next_event_id: 9223372036854775814n })],
    findings: [`counter_behind ${GOLDEN}/runtime.json next_event_id is 9223372036854775808, although 9223372036854775813 is taken`],
  },
  "counters-behind-log": {
    change: [
      (state) => ({ ...state, events: eventsOf(state).slice(0, 10) }),
      withWorker("worker-00000002", (it) => ({ ...it, next_transcript_sequence: 2n })),
      counters({ next_event_id: 11n, next_worker_sequence: 4n }),
    ],
    findings: [
      `line_repeated ${GOLDEN}/events.jsonl:11@1466 line 11 repeats event 3`,
      `counter_behind ${WORKER_2}/worker.json next_transcript_sequence is 1, although 1 is taken`,
      `counter_behind ${GOLDEN}/runtime.json next_event_id is 4, although 10 is taken`,
      `counter_behind ${GOLDEN}/runtime.json next_worker_sequence is 3, although 3 is taken`,
    ],
  },
  "odd-worker-ids": { findings: [`lines_lost ${GOLDEN}/events.jsonl the counter is ahead of the file: events 12 to 49 are lost`] },
  // Events in the order of their ids, each once.
  "event-gaps-dups": {
    change: [
      (state) => ({ ...state, events: [...new Map(eventsOf(state).map((it) => [it["id"], it])).values()].sort((a, b) => ((a["id"] as bigint) < (b["id"] as bigint) ? -1 : 1)) }),
      counters({ next_event_id: 21n }),
    ],
    findings: [`line_repeated ${GOLDEN}/events.jsonl:4@185 line 4 repeats event 4`, `counter_behind ${GOLDEN}/runtime.json next_event_id is 2, although 20 is taken`],
  },
  "event-id-max": { change: [withoutEvents(2n ** 64n - 1n)], findings: [`line_damaged ${GOLDEN}/events.jsonl:2@71 line 2: no id of an event in id at byte 6`] },
  "events-foreign-worker-ref": {
    change: [counters({ next_event_id: 100n })],
    findings: [`foreign_reference ${GOLDEN}/events.jsonl:11@1466 event 99 names a worker of runtime other`, `counter_behind ${GOLDEN}/runtime.json next_event_id is 11, although 99 is taken`],
  },
  "events-unknown-kind": {
    like: "workers",
    change: [withEvent({ id: 99n, kind: { kind: "worker_paused" }, message: "m" }), counters({ next_event_id: 100n })],
    findings: [`counter_behind ${GOLDEN}/runtime.json next_event_id is 11, although 99 is taken`],
  },
  // Damage is confined to its line.
  "events-garbage-mid": { like: "workers", change: [withoutEvents(2n)], findings: [`line_damaged ${GOLDEN}/events.jsonl:2@71 line 2: a value was expected at byte 1`] },
  "events-invalid-utf8": { like: "workers", change: [withoutEvents(1n)], findings: [`line_damaged ${GOLDEN}/events.jsonl:1@0 line 1: not UTF-8 in message at byte 63`] },
  "events-torn-tail": {
    like: "workers",
    change: [withoutEvents(10n)],
    findings: [
      `line_torn ${GOLDEN}/events.jsonl:10@1317 line 10: the text ends inside a string in message at byte 141`,
      `lines_lost ${GOLDEN}/events.jsonl the counter is ahead of the file: event 10 is lost`,
    ],
  },
  "events-torn-then-append": {
    like: "fresh",
    change: [withEvent(plain(3n, "three")), withEvent(plain(4n, "four")), counters({ next_event_id: 5n })],
    findings: [`line_damaged ${GOLDEN}/events.jsonl:2@71 line 2: a colon was expected at byte 50`, `counter_behind ${GOLDEN}/runtime.json next_event_id is 2, although 4 is taken`],
  },
  "events-no-final-newline": { findings: [`line_unterminated ${GOLDEN}/events.jsonl:10@1317 line 10 has no line feed`] },
  "events-no-newline-then-append": {
    like: "workers",
    change: [
      withEvent({ id: 11n, worker_ref: ref("runtime-golden", "worker-00000003"), kind: { kind: "worker_input_accepted" }, message: "worker input accepted" }),
      withWorker("worker-00000003", (it) => ({
        ...it,
        next_transcript_sequence: 2n,
        last_event_id: 11n,
        transcript: [{ sequence: 1n, worker_ref: ref("runtime-golden", "worker-00000003"), role: "user", content: "more", event_id: 11n }],
      })),
      counters({ next_event_id: 12n }),
    ],
    findings: [`line_damaged ${GOLDEN}/events.jsonl:10@1317 line 10: trailing characters at byte 148`],
  },
  "transcript-torn-tail": {
    like: "workers",
    change: [withTranscript("worker-00000001", (entries) => entries.slice(0, 2))],
    findings: [
      `line_torn ${WORKER_1}/transcript.jsonl:3@285 line 3: the text ends inside a string at byte 130`,
      `lines_lost ${WORKER_1}/transcript.jsonl the counter is ahead of the file: entry 3 is lost`,
    ],
  },
  // Lost files are reported, and the rest works.
  "events-missing": { like: "workers", change: [(state) => ({ ...state, events: [] })], findings: [`file_missing ${GOLDEN}/events.jsonl events.jsonl is missing: events 1 to 10 are lost`] },
  "transcript-missing": { like: "workers", findings: [`file_missing ${WORKER_3}/transcript.jsonl transcript.jsonl is missing: no entry is lost`] },
  "workers-dir-missing": {
    findings: ["1", "2", "3"].map((it) => `worker_missing ${GOLDEN}/workers/ events name worker worker-0000000${it}, which has no directory`),
  },
  // Damage is confined to its worker, or to its transcript.
  "transcript-wrong-runtime": {
    like: "workers",
    change: [withTranscript("worker-00000001", () => "worker worker-00000001 belongs to runtime other, not runtime runtime-golden")],
    findings: [`transcript_wrong_runtime ${WORKER_1}/transcript.jsonl:4@420 worker worker-00000001 belongs to runtime other, not runtime runtime-golden`],
  },
  "transcript-wrong-worker": {
    like: "workers",
    change: [withTranscript("worker-00000001", () => originalMessage("transcript-wrong-worker"))],
    findings: [`transcript_wrong_worker ${WORKER_1}/transcript.jsonl:4@420 ${originalMessage("transcript-wrong-worker")}`],
  },
  "worker-dir-duplicated": { like: "workers", findings: [`worker_ignored ${GOLDEN}/workers/copy/worker.json directory copy does not match worker-00000001`] },
  "worker-dir-renamed": {
    like: "workers",
    change: [withoutWorker("worker-00000001")],
    findings: [`worker_ignored ${GOLDEN}/workers/renamed/worker.json directory renamed does not match worker-00000001`],
  },
  "worker-json-missing": { like: "workers", change: [withoutWorker("worker-00000002")], findings: [`worker_ignored ${WORKER_2}/worker.json ${originalMessage("worker-json-missing")}`] },
  "worker-ref-mismatch": { like: "workers", change: [withoutWorker("worker-00000001")], findings: [`worker_ignored ${WORKER_1}/worker.json ${originalMessage("worker-ref-mismatch")}`] },
  "worker-schema": { like: "workers", change: [withoutWorker("worker-00000002")], findings: [`worker_ignored ${WORKER_2}/worker.json ${originalMessage("worker-schema")}`] },
  "worker-wrong-runtime": { like: "workers", change: [withoutWorker("worker-00000001")], findings: [`worker_ignored ${WORKER_1}/worker.json ${originalMessage("worker-wrong-runtime")}`] },
  "worker-unknown-status": {
    like: "workers",
    change: [withoutWorker("worker-00000003")],
    findings: [`worker_ignored ${WORKER_3}/worker.json runtime store read worker snapshot found corrupt data at ${WORKER_3}/worker.json: none of running, stopped, cancelled in status at byte 165`],
  },
  "worker-stray-file": { like: "workers", findings: [`stray_entry ${GOLDEN}/workers/ ${originalMessage("worker-stray-file")}`] },
};

function originalMessage(name: string): string {
  return (vector(name).load.message ?? "").replace("$ROOT/", "");
}

const readable = vectors.filter((it) => whyNotId(it.runtimeId) === undefined);

describe("a directory that can be read", () => {
  const cases = readable.filter(({ name, load }) => load.status === "ok" || name in DIFFERENCES).filter(({ name }) => name !== "transcript-torn-then-append");

  it.each(cases)("$name", async (its) => {
    const { like = its.name, change = [], findings = [] } = DIFFERENCES[its.name] ?? {};
    await reading(its, async (read) => {
      expect(found(filesOf(read))).toEqual(findings);
      expect(await stateOf(filesOf(read))).toEqual(change.reduce((state, each) => each(state), originalState(like)));
    });
  });

  it("transcript-torn-then-append: the original has no state that is like it", async () => {
    await reading(vector("transcript-torn-then-append"), async (read) => {
      const [worker] = workersOf(await stateOf(filesOf(read)));
      expect((worker?.["transcript"] as readonly Fields[]).map(({ sequence, content }) => [sequence, content])).toEqual([
        [1n, "one"],
        [3n, "three"],
      ]);
      expect(found(filesOf(read))).toEqual([`line_damaged ${WORKER_1}/transcript.jsonl:2@133 line 2: a colon was expected at byte 129`]);
    });
  });
});

describe("a directory that is refused", () => {
  /** Wording of serde_json, which is not ours. */
  const OWN_WORDS: Readonly<Record<string, string>> = {
    "runtime-bad-json": "an object was expected, found null at byte 0",
    "runtime-empty-file": "the text ends before its value does at byte 0",
    "runtime-missing-field": "the field limits is missing at byte 0",
    "runtime-trailing": "bytes behind the value at byte 1482",
  };
  const cases = readable.filter(({ name, load }) => load.status !== "ok" && !(name in DIFFERENCES) && name !== "transcript-torn-then-append");

  it.each(cases)("$name", async (its) => {
    const refusal = await reading(its, (read) => Promise.resolve(read.kind === "refused" ? read.refusal : undefined));
    const { message, reason } = refusal ?? { message: "not refused", reason: undefined };
    const own = OWN_WORDS[its.name];
    expect(message).toBe(own === undefined ? originalMessage(its.name) : `${/^.*?\.json: /.exec(originalMessage(its.name))?.[0] ?? ""}${own}`);
    expect(reason).toBe(its.name === "runtime-schema-2" ? "newer_version" : its.load.variant === "StoreMissing" ? "missing" : "corrupt");
  });

  it("and these are all", () => {
    expect(cases.map(({ name }) => name)).toEqual([
      "runtime-backend-memory",
      "runtime-bad-json",
      "runtime-empty-file",
      "runtime-missing",
      "runtime-missing-field",
      "runtime-path-is-file",
      "runtime-schema-2",
      "runtime-trailing",
      "runtime-wrong-id",
    ]);
  });

  it("runtime-id-too-long: before anything is touched", () => {
    expect(whyNotId(vector("runtime-id-too-long").runtimeId)).toBe("an id must not have more than 126 bytes of UTF-8");
  });
});

describe("a directory that has nothing to lose", () => {
  const options = { prefix: runtimePrefix("runtime-golden"), runtimeId: "runtime-golden" };

  it("is absent", async () => {
    await using storage = memoryBackend();
    expect(await readRuntimeFiles({ storage, ...options })).toEqual({ kind: "absent" });
    await storage.create(storageKey(`${GOLDEN}/events.jsonl`), new Uint8Array(0));
    expect(await readRuntimeFiles({ storage, ...options })).toEqual({ kind: "absent" });
    await storage.create(storageKey(`${WORKER_1}/transcript.jsonl`), new Uint8Array(0));
    expect(await readRuntimeFiles({ storage, ...options })).toMatchObject({ kind: "refused", refusal: { reason: "missing" } });
  });

  it.each<readonly [what: string, events: Uint8Array | undefined]>([
    ["no events.jsonl", undefined],
    ["an empty one", new Uint8Array(0)],
    ["a torn one", Buffer.from('{"id":1,"kind":{"ki')],
  ])("gets its first event again: %s", async (_what, events) => {
    await using storage = memoryBackend();
    await storage.create(storageKey(`${GOLDEN}/runtime.json`), vector("fresh").files.get(`${GOLDEN}/runtime.json`) ?? new Uint8Array(0));
    if (events !== undefined) await storage.create(storageKey(`${GOLDEN}/events.jsonl`), events);
    const files = filesOf(await readRuntimeFiles({ storage, ...options }));
    expect(await stateOf(files)).toEqual(originalState("fresh"));
    expect(found(files)).toContain(`event_restored ${GOLDEN}/events.jsonl event 1 was not written when the runtime was started for the first time`);
    expect(files.repairs.events.map(({ id }) => id)).toEqual([1n]);
  });
});
