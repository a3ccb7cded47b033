import { startChild, type Child, type ChildOptions } from "./child.js";
import { HangError } from "./in-time.js";
import type { Violation } from "./result.js";
import { checkLog } from "./work/check-log.js";
import { checkObjects } from "./work/check-objects.js";
import { TOKENS_PER_CHILD, type WorkOptions } from "./work/child-options.js";
import { parseClaim, type Claim, type TimedClaim } from "./work/claims.js";
import { LogLedger, type Finding, type ReadRecord } from "./work/log-ledger.js";
import { ObjectsLedger } from "./work/objects-ledger.js";

/** The stores that have a history here. */
export const STORES = ["log", "objects"] as const;
/** One of {@link STORES}. */
export type StoreName = (typeof STORES)[number];

/** What children do: go on until something ends them, or a script with an end. */
export type Program = "writer" | "script";

/** What a check after a crash has met, by name. */
export type Opening = Readonly<Record<string, number>>;

/** One store in one directory: the children that work on it, one after the other, what they claimed, and whether it is so. */
export interface History {
  readonly store: StoreName;
  /** Starts the next child, which says that it is ready and waits until it is told to go on. Its claims are taken as they come. */
  start(program: Program, options: Omit<WorkOptions, "firstToken">, child?: Omit<ChildOptions, "args">): Child;
  /**
   * Says that power is about to be cut. Call what is answered when the children have ended, with the moment of the cut by the machine's
   * monotonic clock. What they were told later counts for nothing: at a real power cut nobody is there to be told. That answers how much it was.
   */
  cut(): (atMs: number) => number;
  /** Takes a claim that came another way. */
  take(claim: Claim): void;
  /** Takes what a reader in another process was given. */
  delivered(records: readonly ReadRecord[]): void;
  /** Opens what is in `root` as its next user would, compares, writes something, and looks again. Failing is a violation. */
  check(root: string): Promise<Opening>;
  /** What was found since the last call. */
  violations(where: string): readonly Violation[];
}

/**
 * @param crash - What the crashes of this history are.
 * @param earlier - What one child has claimed already that worked on the store before this history begins.
 */
export function createHistory(store: StoreName, crash: "process" | "power", earlier: readonly Claim[] = []): History {
  const subject = store === "log" ? logSubject(crash) : objectsSubject();
  for (const claim of earlier) subject.take(claim);
  const failures: Finding[] = [];
  /** Claims that wait until it is known when power was cut. */
  let held: TimedClaim[] | undefined;
  let nextChild = earlier.length === 0 ? 1 : 2; // no two children have the same tokens
  let reported = 0;
  return {
    store,
    start: (program, options, childOptions = {}) => {
      const work: WorkOptions = { ...options, firstToken: nextChild++ * TOKENS_PER_CHILD };
      const child = startChild(PROGRAMS[store][program], { ...childOptions, args: [JSON.stringify(work)] });
      child.onLine((line) => {
        const claim = parseClaim(line);
        if (held === undefined) subject.take(claim);
        else held.push(claim);
      });
      return child;
    },
    cut: () => {
      const claims: TimedClaim[] = (held = []);
      return (atMs) => {
        held = undefined;
        const counted = claims.filter((claim) => claim.atMs < atMs || !ANSWERS.has(claim.is));
        for (const claim of counted) subject.take(claim);
        return claims.length - counted.length;
      };
    },
    take: (claim) => { subject.take(claim); },
    delivered: (records) => { subject.delivered(records); },
    check: async (root) => {
      try {
        return await subject.check(root, nextChild++ * TOKENS_PER_CHILD);
      } catch (error) {
        failures.push({ kind: error instanceof HangError ? "hang" : "unopenable", detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
        return {};
      }
    },
    violations: (where) => {
      const all = [...subject.findings().slice(reported), ...failures.splice(0)];
      reported = subject.findings().length;
      return all.map((finding) => ({ ...finding, where: `${where}, ${store}` }));
    },
  };
}

/** What a child says because it was answered. */
const ANSWERS: ReadonlySet<Claim["is"]> = new Set<Claim["is"]>(["opened", "acknowledged", "durable"]);

interface Subject {
  take(claim: Claim): void;
  delivered(records: readonly ReadRecord[]): void;
  check(root: string, token: number): Promise<Opening>;
  findings(): readonly Finding[];
}

const PROGRAMS: Readonly<Record<StoreName, Readonly<Record<Program, URL>>>> = {
  log: { writer: program("log-writer"), script: program("log-script") },
  objects: { writer: program("objects-writer"), script: program("objects-script") },
};

/** Children run what is built, also when this is run from the sources by a test. */
function program(name: string): URL {
  return new URL(`../../dist/real/work/${name}.js`, import.meta.url);
}

function logSubject(crash: "process" | "power"): Subject {
  const ledger = new LogLedger(crash);
  return {
    take: (claim) => { ledger.take(claim); },
    delivered: (records) => { ledger.delivered(records); },
    check: async (root, token) => {
      const { copied, torn, records } = await checkLog(root, ledger, token);
      return {
        "records read after a crash": records,
        "openings that copied records nobody had vouched for": copied > 0 ? 1 : 0,
        "openings that met a torn tail": torn > 0 ? 1 : 0,
      };
    },
    findings: () => ledger.findings,
  };
}

function objectsSubject(): Subject {
  const ledger = new ObjectsLedger();
  return {
    take: (claim) => { ledger.take(claim); },
    delivered: () => undefined,
    check: async (root, token) => ({ "objects read after a crash": await checkObjects(root, ledger, token) }),
    findings: () => ledger.findings,
  };
}
