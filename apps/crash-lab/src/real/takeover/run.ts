import { storageKey } from "@holdfast/storage";
import { openLogReader } from "@holdfast/wal";

import { startChild, type Child } from "../child.js";
import { HangError, inTime } from "../in-time.js";
import { startProgress } from "../progress.js";
import { seededRandom, type Random } from "../random.js";
import { Counts, publish, skippedResult, type RungResult, type Violation } from "../result.js";
import { TOKENS_PER_CHILD } from "../work/child-options.js";
import { parseClaim } from "../work/claims.js";
import type { Finding } from "../work/log-ledger.js";
import { openWorkspace } from "../workspace.js";
import { openS3Session, type S3Session } from "../../../../../scripts/s3-session.js";
import { TakeoverLedger } from "./takeover-ledger.js";
import { KEY_VARIABLES, openStore, type TakeoverOptions, type TakeoverPlace } from "./takeover-options.js";

/** Options of the rung. */
export interface TakeoverRungOptions {
  readonly cycles: number;
  readonly seconds?: number;
  readonly seed: number;
  /** Which S3 server. */
  readonly server?: string;
  /** Where to work; the server keeps its data where it always does. */
  readonly directory?: string;
  readonly json?: string;
}

/** Lets processes take a log on an S3 server from each other. Answers the exit code: 0 without a finding, or skipped. */
export async function runTakeover(options: TakeoverRungOptions): Promise<number> {
  const workspace = openWorkspace(options.directory);
  try {
    const session = await openS3Session(options.server === undefined ? undefined : [options.server]);
    if ("missing" in session) return publish(skippedResult("takeover", options.seed, session.missing), options.json);
    try {
      return publish(await takeOverAgainAndAgain(options, session), options.json);
    } finally {
      await session.stop();
    }
  } finally {
    workspace.remove();
  }
}

/**
 * Real processes write to one log on a real S3 server and take it from each other: the one before is stopped and goes on later, is
 * killed, or is not disturbed at all. Then everything that any of them claimed is compared with what the log holds.
 */
async function takeOverAgainAndAgain({ cycles, seconds = Infinity, seed }: TakeoverRungOptions, session: S3Session): Promise<RungResult> {
  const started = performance.now();
  const secondsNow = (): number => (performance.now() - started) / 1000;
  process.env[KEY_VARIABLES.id] = session.accessKeyId;
  process.env[KEY_VARIABLES.secret] = session.secretAccessKey;
  const base = `takeover-${process.pid}-${Date.now().toString(36)}`;
  const random = seededRandom(seed);
  const counts = new Counts();
  const violations: Violation[] = [];
  const progress = startProgress();
  let stage = new Stage({ ...session, prefix: `${base}/0` }, random, counts);
  await stage.tryStore();
  for (let cycle = 0; cycle < cycles && secondsNow() < seconds; cycle++) {
    progress.show(`takeover: cycle ${cycle} of ${cycles}, ${secondsNow().toFixed(0)} s, ${violations.length} violations`);
    if (cycle % CYCLES_PER_LOG === 0) stage = new Stage({ ...session, prefix: `${base}/${cycle}` }, random.fork(String(cycle)), counts);
    const play = PLAYS[cycle % PLAYS.length];
    if (play === undefined) throw new RangeError("There is nothing to play.");
    for (const finding of await runCycle(stage, play)) violations.push({ ...finding, where: `cycle ${cycle}, ${play.name}` });
    counts.add("cycles");
    counts.add(`cycles: ${play.name}`);
  }
  progress.stop();
  const settings = { node: process.version, server: session.name, "cycles of one log": CYCLES_PER_LOG };
  return { rung: "takeover", seed, seconds: secondsNow(), settings, counts: counts.values(), skipped: [], violations };
}

/** Each play comes twice to every log, since the log of one cycle is that of the next. */
const CYCLES_PER_LOG = 14;
const MAX_WRITING_MS = 80;
const MAX_OPENING_MS = 40;

/** One way in which a log changes hands. */
interface Play {
  readonly name: string;
  run(stage: Stage): Promise<void>;
}

const PLAYS: readonly Play[] = [
  {
    name: "the writer is stopped, another takes over, it goes on",
    run: async (stage) => {
      const before = await stage.writing();
      before.child.signal("SIGSTOP");
      const after = await stage.writing();
      await stage.goesOn(before);
      await stage.kill(after);
    },
  },
  {
    name: "the writer is killed, another takes over",
    run: async (stage) => {
      await stage.kill(await stage.writing());
      await stage.kill(await stage.writing());
    },
  },
  {
    name: "the writer is stopped, another takes over, it is killed",
    run: async (stage) => {
      const before = await stage.writing();
      before.child.signal("SIGSTOP");
      const after = await stage.writing();
      await stage.kill(before);
      await stage.kill(after);
    },
  },
  {
    name: "another takes over while the writer writes",
    run: async (stage) => {
      const before = await stage.writing();
      const after = await stage.writing();
      await stage.isFenced(before);
      await stage.kill(after);
    },
  },
  {
    name: "two writers are stopped one after the other, a third takes over, both go on",
    run: async (stage) => {
      const first = await stage.writing();
      first.child.signal("SIGSTOP");
      const second = await stage.writing();
      second.child.signal("SIGSTOP");
      const third = await stage.writing();
      await Promise.all([stage.goesOn(second), stage.goesOn(first)]);
      await stage.kill(third);
    },
  },
  {
    name: "an opener is killed, another takes over, the writer before goes on",
    run: async (stage) => {
      const before = await stage.writing();
      before.child.signal("SIGSTOP");
      const opener = await stage.opening();
      await stage.kill(opener);
      const after = await stage.writing();
      await stage.goesOn(before);
      await stage.kill(after);
    },
  },
  {
    name: "an opener is stopped, another takes over, the opener goes on",
    run: async (stage) => {
      const opener = await stage.opening();
      opener.child.signal("SIGSTOP");
      const other = await stage.writing();
      opener.child.signal("SIGCONT");
      // Whose claim is the later one is not known here; the other one is fenced.
      const fenced = await inTime("fencing one of two", Promise.race([opener, other].map(async (writer) => {
        await writer.child.ended();
        return writer;
      })));
      await stage.isFenced(fenced);
      await stage.kill(fenced === opener ? other : opener);
    },
  },
];

/** Plays, compares, and answers what was found. What does not come to an end, or cannot be read, is found too. */
async function runCycle(stage: Stage, play: Play): Promise<readonly Finding[]> {
  const failures: Finding[] = [];
  for (const step of [() => play.run(stage), () => stage.end(), () => stage.check()]) {
    try {
      await step();
    } catch (error) {
      failures.push({ kind: error instanceof HangError ? "hang" : "failed", detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
    }
  }
  return [...stage.findings(), ...failures];
}

/** A writer, and the number under which the ledger knows it. */
interface Writer {
  readonly number: number;
  readonly child: Child;
}

/** One log on the server, its writers, and what they claimed. */
class Stage {
  readonly #place: TakeoverPlace;
  readonly #random: Random;
  readonly #counts: Counts;
  readonly #ledger = new TakeoverLedger();
  readonly #alive = new Set<Writer>();
  #writers = 0;
  #reported = 0;

  constructor({ endpoint, bucket, region, prefix }: TakeoverPlace, random: Random, counts: Counts) {
    this.#place = { endpoint, bucket, region, prefix };
    this.#random = random;
    this.#counts = counts;
  }

  /** Writes one object beside the log, for which the backend first finds out what the server does with conditional writes. */
  async tryStore(): Promise<void> {
    await using storage = openStore(this.#place, "probe");
    await storage.create(storageKey(`${this.#place.prefix}-tried/it.x`), new Uint8Array(1));
  }

  /** A writer that has opened the log, had something acknowledged, and goes on for a moment. */
  async writing(): Promise<Writer> {
    const writer = this.#start();
    const acknowledged = writer.child.hasSaid((line) => line.startsWith('{"is":"acknowledged"'));
    await this.#go(writer);
    await inTime("an acknowledgement", acknowledged);
    this.#ledger.requireAcknowledged(writer.number);
    await pause(this.#random.below(MAX_WRITING_MS));
    return writer;
  }

  /** A writer that is about to open the log, or has just done so. */
  async opening(): Promise<Writer> {
    const writer = this.#start();
    await this.#go(writer);
    await pause(this.#random.below(MAX_OPENING_MS));
    return writer;
  }

  /** Wakes a writer that was stopped and has been superseded. It must be refused, and come to its end by that. */
  async goesOn(writer: Writer): Promise<void> {
    const before = this.#ledger.acknowledged(writer.number);
    writer.child.signal("SIGCONT");
    await this.isFenced(writer);
    this.#counts.add("records of a write in flight, acknowledged to a writer that was woken", this.#ledger.acknowledged(writer.number) - before);
    this.#counts.add("writers woken and fenced");
  }

  /** Waits for a superseded writer to come to its end. */
  async isFenced(writer: Writer): Promise<void> {
    await inTime("fencing a writer", writer.child.ended());
    this.#alive.delete(writer);
    this.#ledger.requireFenced(writer.number);
    this.#counts.add("writers fenced");
  }

  async kill(writer: Writer): Promise<void> {
    writer.child.signal("SIGKILL");
    const { signal } = await inTime("ending a killed child", writer.child.ended());
    this.#alive.delete(writer);
    if (signal === "SIGKILL") this.#counts.add("kills");
  }

  /** Ends whoever is still there: after an error. */
  async end(): Promise<void> {
    for (const writer of [...this.#alive]) await this.kill(writer);
  }

  /** Reads the log as any reader would, and compares it with every claim. */
  async check(): Promise<void> {
    await using storage = openStore(this.#place, "trusted");
    await using reader = await openLogReader({ storage, prefix: this.#place.prefix });
    this.#counts.add("records read and compared", await inTime("reading the log", this.#ledger.check(reader.read())));
  }

  /** What was found since the last call. */
  findings(): readonly Finding[] {
    const fresh = this.#ledger.findings.slice(this.#reported);
    this.#reported = this.#ledger.findings.length;
    return fresh;
  }

  #start(): Writer {
    this.#writers += 1;
    const number = this.#writers;
    const options: TakeoverOptions = { ...this.#place, seed: String(this.#random.below(2 ** 32)), firstToken: number * TOKENS_PER_CHILD, inFlight: this.#random.pick([1, 2, 8, 32]) };
    const child = startChild(WRITER, { args: [JSON.stringify(options)] });
    const writer = { number, child };
    this.#alive.add(writer);
    this.#counts.add("writers");
    child.onLine((line) => {
      this.#ledger.take(number, parseClaim(line));
      if (line.startsWith('{"is":"acknowledged"')) this.#counts.add("acknowledgements");
      if (line.startsWith('{"is":"failed"')) this.#counts.add("openings given up because another wrote faster, and tried again");
    });
    return writer;
  }

  async #go(writer: Writer): Promise<void> {
    await inTime("starting a writer", writer.child.hasSaid((line) => line.startsWith('{"is":"ready"')));
    writer.child.tell("go");
  }
}

/** Children run what is built, also when this is run from the sources by a test. */
const WRITER = new URL("../../../dist/real/takeover/takeover-writer.js", import.meta.url);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
