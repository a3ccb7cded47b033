import { formatChoices, formatPlan, parseChoices, parsePlan, type FaultPlan, type SimStep } from "@holdfast/storage-sim";
import { PROFILES, type Profile } from "./store-history.js";

/** One operation of a script: a letter, with numbers whose meaning the store gives. */
export interface Step {
  readonly op: string;
  readonly numbers: readonly number[];
  /** The next step does not wait for it. */
  readonly lazy: boolean;
}

/** A crash in the life of a process. */
export interface Crash {
  readonly kind: "power" | "process";
  /** In which call of the file system, counted from 1 in this life; a call that is not reached, or `undefined`: when all steps are done. */
  readonly at: { readonly call: number; readonly phase: SimStep["phase"] } | undefined;
  /** What survives. */
  readonly choices: readonly number[];
}

/** What a process does until it crashes. The last one does not. */
export interface Life {
  readonly steps: readonly Step[];
  readonly crash: Crash | undefined;
}

/** One path through a store's history, whole: it can be printed as a line, and repeated from it. */
export interface Trial {
  readonly store: string;
  readonly profile: Profile;
  /** Decides random bytes, and what is left to chance other than what survives a crash. */
  readonly chance: number;
  /** Words: how the disk is, and how the store is opened. */
  readonly options: readonly string[];
  readonly faults: FaultPlan;
  /** At least one. */
  readonly lives: readonly Life[];
}

/** `wal posix 7 relaxed | dsyncWrite#3=drop:EIO | o a20 &a5,6 ! power 17:begun 1.0.2 | h o a1`: head, faults, lives. */
export function formatTrial({ store, profile, chance, options, faults, lives }: Trial): string {
  const head = `${store} ${profile} ${chance} ${options.length === 0 ? "-" : options.join(",")}`;
  return [head, formatPlan(faults), ...lives.map(formatLife)].join(" | ");
}

/** The inverse of {@link formatTrial}. @throws RangeError that says which part is wrong. */
export function parseTrial(line: string): Trial {
  const [head = "", plan = "", ...lives] = line.trim().split(/\s*\|\s*/);
  const [, store = "", profileWord, chance, options = ""] = /^([a-z-]+) ([a-z]+) (\d{1,15}) (-|[a-z0-9,]+)$/.exec(head) ?? [];
  const profile = PROFILES.find((it) => it === profileWord);
  if (profile === undefined || lives.length === 0) throw new RangeError(`no trial begins so: ${JSON.stringify(head)}`);
  return { store, profile, chance: Number(chance), options: options === "-" ? [] : options.split(","), faults: parsePlan(plan), lives: lives.map(parseLife) };
}

/** Steps as words. @throws RangeError for a word that is none. */
export function parseSteps(text: string): readonly Step[] {
  const words = text.split(/\s+/).filter((it) => it !== "");
  return words.map((word) => {
    const [, lazy, op, numbers = ""] = /^(&?)([a-z])(\d{1,9}(?:,\d{1,9})*)?$/.exec(word) ?? [];
    if (op === undefined) throw new RangeError(`no step: ${JSON.stringify(word)}`);
    return { op, numbers: numbers === "" ? [] : numbers.split(",").map(Number), lazy: lazy === "&" };
  });
}

function formatLife({ steps, crash }: Life): string {
  const words = steps.map(({ op, numbers, lazy }) => `${lazy ? "&" : ""}${op}${numbers.join(",")}`);
  if (crash !== undefined) words.push(`! ${formatCrash(crash)}`);
  return words.join(" ");
}

function formatCrash({ kind, at, choices }: Crash): string {
  return `${kind} ${at === undefined ? "end" : `${at.call}:${at.phase}`} ${formatChoices(choices)}`;
}

function parseLife(text: string): Life {
  const [steps = "", crash, ...rest] = text.split("!");
  if (rest.length > 0) throw new RangeError(`a life ends once: ${JSON.stringify(text)}`);
  return { steps: parseSteps(steps), crash: crash === undefined ? undefined : parseCrash(crash.trim()) };
}

function parseCrash(text: string): Crash {
  const [, kindWord, call, phaseWord, choices] = /^([a-z]+) (?:end|(\d{1,9}):([a-z]+)) (\S+)$/.exec(text) ?? [];
  const kind = (["power", "process"] as const).find((it) => it === kindWord);
  const phase = (["called", "begun", "done"] as const).find((it) => it === phaseWord);
  if (kind === undefined || choices === undefined || (call !== undefined && phase === undefined)) throw new RangeError(`no crash: ${JSON.stringify(text)}`);
  return { kind, at: phase === undefined ? undefined : { call: Number(call), phase }, choices: parseChoices(choices) };
}
