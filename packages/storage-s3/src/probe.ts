import type { HttpPort } from "@holdfast/storage/ports";
import { ignoreBody } from "./client.js";
import { RequestFailure, storageError, toStorageError, type Failure } from "./errors.js";
import { abort, begin, complete, sendPart } from "./multipart.js";
import { newWriteId, type ObjectStore } from "./object-store.js";
import { tryHead } from "./reading.js";
import { isTaken, tryPut, type Writing } from "./writing.js";

/** What is known about a bucket. Shared by all who reach it through the same port. */
export interface BucketFindings {
  conditionalPut: Promise<true> | undefined;
  conditionalParts: Promise<boolean> | undefined;
}

/** The findings about a bucket, which is tried once in the life of a port. */
export function findingsOf(port: HttpPort, bucket: string): BucketFindings {
  const buckets = allFindings.get(port) ?? new Map<string, BucketFindings>();
  allFindings.set(port, buckets);
  const known = buckets.get(bucket) ?? { conditionalPut: undefined, conditionalParts: undefined };
  buckets.set(bucket, known);
  return known;
}

/**
 * Finds out by trial whether the store decides who creates an object, before anything rests on it. There are stores that take
 * `If-None-Match` and ignore it: all of many writers are then told that they were first.
 */
export class Probe {
  readonly #store: ObjectStore;
  readonly #directory: string;
  readonly #findings: BucketFindings;

  /** @param directory - The beginning of the names of objects that are made and removed again. No key can have such a name. */
  constructor(store: ObjectStore, directory: string, findings: BucketFindings) {
    this.#store = store;
    this.#directory = directory;
    this.#findings = findings;
  }

  /** @throws STORAGE_UNSUPPORTED_STORE, which names the header that was ignored; what kept the trial from being made. */
  async requireConditionalPut(failure: Failure): Promise<void> {
    const findings = this.#findings;
    findings.conditionalPut ??= this.#inRounds(tryTaken).then(() => this.#inRounds(tryRace));
    try {
      await findings.conditionalPut;
    } catch (error) {
      // What was wrong may be mended: the next write looks again.
      findings.conditionalPut = undefined;
      throw notTried(error, failure);
    }
  }

  /** Whether the completion of an upload in parts can be conditional. @throws What kept the trial from being made. */
  async hasConditionalParts(failure: Failure): Promise<boolean> {
    const findings = this.#findings;
    findings.conditionalParts ??= this.#inRounds(tryConditionalParts);
    try {
      return await findings.conditionalParts;
    } catch (error) {
      findings.conditionalParts = undefined;
      throw notTried(error, failure);
    }
  }

  /** A lost or doubled answer proves nothing either way: the trial is made again, with a name that nobody used. */
  #inRounds<T>(trial: Trial<T>): Promise<T> {
    const work = this.#tryInRounds(trial);
    // It goes on when whoever asked for it gives up.
    this.#store.inBackground(work.then(noop, noop));
    return work;
  }

  async #tryInRounds<T>(trial: Trial<T>): Promise<T> {
    const doubts: { last?: RequestFailure } = {};
    const store: TrialStore = {
      ...this.#store,
      onDoubt(failure) {
        doubts.last = failure;
      },
    };
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      const name = `${this.#directory}${newWriteId(this.#store.random)}`;
      try {
        const found = await trial(store, name);
        if (found !== undefined) return found;
      } finally {
        this.#store.inBackground(removeQuietly(this.#store, [name, `${name}-free`]));
      }
    }
    const { last } = doubts;
    throw new RequestFailure(`${MAX_ROUNDS} trials of conditional writes came to no clear result; the last doubt: ${last?.message ?? "none"}`, {
      code: "NoAnswer",
      outcome: "not_applied",
      transient: true,
      cause: last,
    });
  }
}

/** Where trials are made. */
interface TrialStore extends ObjectStore {
  /** Is told of each answer that proves nothing. */
  readonly onDoubt: (failure: RequestFailure) => void;
}

/** Answers `undefined` where it proved nothing. */
type Trial<T> = (store: TrialStore, name: string) => Promise<T | undefined>;

const allFindings = new WeakMap<HttpPort, Map<string, BucketFindings>>();
/** Enough also where every third answer is lost. */
const MAX_ROUNDS = 12;
const RACERS = 8;
/** So many of them must have been answered clearly, the winner among them. */
const MIN_DECIDED = 4;
/** Stores may refuse the parts of an empty upload; one byte will do, the last part has no lower bound. */
const CONTENT = Uint8Array.of(0x68);

const noop = (): void => undefined;

/** The store does not do what a promise of the contract needs. */
class Unsupported extends Error {}

/** What an attempt to create came to. */
type Creation = "made" | "taken" | "lost";

/** Is an object that is there protected? @returns `undefined` where an answer was lost. @throws Unsupported. */
async function tryTaken(store: TrialStore, name: string): Promise<true | undefined> {
  const first = newWriteId(store.random);
  if ((await create(store, name, first)) !== "made") return undefined;
  const second = await create(store, name, newWriteId(store.random));
  if (second === "lost") return undefined;
  if (second === "made") throw unsupported("it ignores If-None-Match: a conditional PUT on an object that was there did not answer 412");
  await requireWriteId(store, name, first);
  return true;
}

/** Does one of many at the same time win? @returns `undefined` where too many answers were lost. @throws Unsupported. */
async function tryRace(store: TrialStore, name: string): Promise<true | undefined> {
  const race = await Promise.all(
    Array.from({ length: RACERS }, async () => {
      const writeId = newWriteId(store.random);
      return { writeId, creation: await create(store, name, writeId) };
    }),
  );
  const [winner, ...others] = race.filter(({ creation }) => creation === "made");
  if (others.length > 0) {
    throw unsupported(`If-None-Match does not decide races: of ${RACERS} conditional PUTs at the same time ${others.length + 1} succeeded, not 1`);
  }
  const decided = race.filter(({ creation }) => creation !== "lost").length;
  // Without a winner its answer was lost, or its request was sent twice on its way and met itself.
  if (winner === undefined || decided < MIN_DECIDED) return undefined;
  await requireWriteId(store, name, winner.writeId);
  return true;
}

/** Whether the last step of an upload in parts is refused where an object is. `undefined` where an answer was lost. */
async function tryConditionalParts(store: TrialStore, name: string): Promise<boolean | undefined> {
  if ((await create(store, name, newWriteId(store.random))) !== "made") return undefined;
  const late = await createInParts(store, name, newWriteId(store.random));
  if (late === "lost") return undefined;
  if (late !== "taken") return false;
  const writeId = newWriteId(store.random);
  const free = await createInParts(store, `${name}-free`, writeId);
  if (free === "lost") return undefined;
  if (free === "refused") return false;
  // "Taken" is what a completion is told that was sent twice on its way, by itself.
  const head = await store.client.retry(undefined, (signal) => tryHead(store, `${name}-free`, signal));
  return head?.writeId === writeId;
}

async function create(store: TrialStore, name: string, writeId: string): Promise<Creation> {
  try {
    return await decided(store, (signal) => tryPut(writingOf(store, name), writeId, CONTENT, signal));
  } catch (error) {
    if (error instanceof RequestFailure && error.status === 501) throw unsupported(`it does not know If-None-Match: it answered ${error.code}`);
    throw error;
  }
}

async function createInParts(store: TrialStore, name: string, writeId: string): Promise<Creation | "refused"> {
  const writing = writingOf(store, name);
  try {
    const upload = { writing, id: await begin(writing, writeId) };
    try {
      const part = await sendPart(upload, 1, CONTENT, undefined);
      return await decided(store, (signal) => complete(upload, [part], signal));
    } finally {
      store.inBackground(abort(upload));
    }
  } catch (error) {
    // 501 and 400 are how stores say that they do not know a header here.
    if (error instanceof RequestFailure && (error.status === 501 || error.status === 400)) return "refused";
    throw error;
  }
}

/** Tries again only after a refusal: what may have been done must not be done by another attempt of the same name. */
async function decided(store: TrialStore, attempt: (signal: AbortSignal) => Promise<void>): Promise<Creation> {
  return store.client.retry(undefined, async (signal): Promise<Creation> => {
    try {
      await attempt(signal);
      return "made";
    } catch (error) {
      if (!(error instanceof RequestFailure)) throw error;
      if (isTaken(error)) return "taken";
      // An upload is gone when it is complete: the completion was sent twice on its way.
      if (error.outcome === "unknown" || error.code === "NoSuchUpload") {
        store.onDoubt(error);
        return "lost";
      }
      throw error;
    }
  });
}

async function requireWriteId(store: ObjectStore, name: string, writeId: string): Promise<void> {
  const head = await store.client.retry(undefined, (signal) => tryHead(store, name, signal));
  if (head === undefined) throw unsupported("an object cannot be read right after it was written");
  if (head.writeId === undefined) throw unsupported("it ignores x-amz-meta- headers, by which a lost answer is told from a lost race");
  if (head.writeId !== writeId) throw unsupported("If-None-Match does not protect an object: it was replaced by a PUT that was answered with a refusal");
}

function writingOf(store: ObjectStore, name: string): Writing {
  return { store, name, ifAbsent: true, signal: undefined, failure: { operation: "probe", key: name, outcome: "not_applied" } };
}

/** Names of trials are never used again, so one that stays behind harms nobody. */
async function removeQuietly({ client }: ObjectStore, names: readonly string[]): Promise<void> {
  for (const key of names) {
    try {
      await client.send({ method: "DELETE", key }, undefined, ignoreBody);
    } catch (error) {
      if (!(error instanceof RequestFailure)) throw error;
    }
  }
}

function unsupported(what: string): Unsupported {
  return new Unsupported(
    `the store cannot decide who creates an object, so nothing is written: ${what}. Use a store with conditional writes (Amazon S3, MinIO and others have them in their present versions), or bring this one up to date`,
  );
}

/** Whatever became of the trial, the write that waited for it was not begun. */
function notTried(error: unknown, failure: Failure): Error {
  if (error instanceof Unsupported) return storageError("STORAGE_UNSUPPORTED_STORE", error.message, failure);
  if (!(error instanceof RequestFailure)) return toStorageError(error, failure);
  const { code, status, transient } = error;
  const message = `conditional writes could not be tried out: ${error.message}`;
  return toStorageError(new RequestFailure(message, { code, status, transient, outcome: "not_applied", cause: error }), failure);
}
