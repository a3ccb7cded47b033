import type { RuleName } from "./rules.js";

/** How much may happen in one history, and who takes part. */
export interface Bounds {
  /** Of each writer, from A on: how many records it may append. There are at most three writers. */
  readonly writers: readonly number[];
  /** The prefix is empty at first. Otherwise A has the log open. */
  readonly isEmpty: boolean;
  /** How often each writer may begin to open the log. */
  readonly attempts: number;
  /** Of each merger: how many packs it may try to make. There are at most two mergers. */
  readonly merges: readonly number[];
  /** Positions in a pack, at most; at least 2. */
  readonly packed: number;
  /** Mergers may also pack from memory, as writers do. */
  readonly memory: boolean;
  /** A merger may also finish what another one left. */
  readonly cleanup: boolean;
  readonly trims: number;
  /** PUTs without an answer: each is applied at any later time, or never. */
  readonly latePuts: number;
  /** DELETEs that are applied later than they were sent. */
  readonly lateDeletes: number;
  /** A reader follows. */
  readonly follower: boolean;
  /** The writer (0 is A) that reads the log before it appends. The others append at once. */
  readonly recovers: number | undefined;
}

/** What one search explores. */
export interface Configuration extends Bounds {
  /** The rule that this log does not keep. */
  readonly broken: RuleName | undefined;
}

/** A configuration in which every promise must hold. Bounds that are not named are those of `defaultBounds`. */
export interface SafeConfiguration {
  readonly name: string;
  readonly about: string;
  readonly bounds: Partial<Bounds>;
}

/** A search in which the lack of one rule must break a promise. */
export interface Control {
  readonly rule: RuleName;
  readonly bounds: Partial<Bounds>;
}

const defaultBounds: Bounds = {
  writers: [2],
  isEmpty: false,
  attempts: 2,
  merges: [],
  packed: 3,
  memory: false,
  cleanup: false,
  trims: 0,
  latePuts: 1,
  lateDeletes: 1,
  follower: false,
  recovers: undefined,
};

/** The configuration with `bounds`, the default ones where they name nothing, of a log that does not keep the rule `broken`. */
export function configurationOf(bounds: Partial<Bounds>, broken?: RuleName): Configuration {
  return { ...defaultBounds, ...bounds, broken };
}

/** Whether the log of this configuration does not keep `rule`. */
export function breaks(configuration: Configuration, rule: RuleName): boolean {
  return configuration.broken === rule;
}

/** Searched until nothing is left unexplored. */
export const safeConfigurations: readonly SafeConfiguration[] = [
  {
    name: "three writers, first open race",
    about: "Three writers open an empty prefix at once, twice each.",
    bounds: { writers: [1, 1, 0], isEmpty: true, latePuts: 2, lateDeletes: 0 },
  },
  {
    name: "three writers, lost answers",
    about: "Writers take over from each other, with up to three requests that were not answered.",
    bounds: { writers: [2, 2, 1], latePuts: 3, lateDeletes: 0 },
  },
  {
    name: "three writers, trim twice",
    about: "Commits and floors are removed under writers that were asleep.",
    bounds: { writers: [2, 1, 1], latePuts: 2, trims: 2, attempts: 1 },
  },
  {
    name: "three writers, merge",
    about: "Commits are packed and removed under writers that were asleep.",
    bounds: { writers: [2, 1, 1], latePuts: 2, merges: [1], attempts: 1 },
  },
  {
    name: "three writers, merge, trim, follower",
    about: "Everybody at once.",
    bounds: { writers: [2, 0, 0], merges: [1], packed: 2, trims: 1, attempts: 1, follower: true },
  },
  {
    name: "three writers, merge and trim",
    about: "A floor passes packs, and packs are made under floors.",
    bounds: { writers: [2, 1, 1], merges: [1], packed: 2, trims: 1, attempts: 1 },
  },
  {
    name: "two mergers, stale claim, follower",
    about: "A follower reads ghosts of claims where commits were packed.",
    bounds: { writers: [2, 0], merges: [1, 1], attempts: 1, follower: true },
  },
  {
    name: "two mergers, packs from memory",
    about: "A writer packs what another merger is packing.",
    bounds: { writers: [3, 0], merges: [1, 1], attempts: 1, memory: true },
  },
  {
    name: "recovery against merge and trim",
    about: "B reads the log that it opens while that is packed, trimmed and claimed by C.",
    bounds: { writers: [2, 1, 0], merges: [1], trims: 1, attempts: 1, recovers: 1 },
  },
  {
    name: "cleanup after interrupted merges",
    about: "Packs are found beside the commits that they cover, and overlap.",
    bounds: { writers: [3, 0], merges: [1, 1], trims: 1, attempts: 1, cleanup: true },
  },
  {
    name: "small: first open race",
    about: "Three writers open an empty prefix at once.",
    bounds: { writers: [1, 0, 0], isEmpty: true, latePuts: 2, lateDeletes: 0, attempts: 1 },
  },
  {
    name: "small: lost answers",
    about: "A takeover with up to three requests that were not answered.",
    bounds: { writers: [2, 1], latePuts: 3, lateDeletes: 0 },
  },
  {
    name: "small: trim",
    about: "Commits are removed by a floor under writers that were asleep.",
    bounds: { writers: [2, 1, 0], trims: 1, attempts: 1 },
  },
  {
    name: "small: merge",
    about: "Commits are packed and removed under writers that were asleep.",
    bounds: { writers: [1, 1, 0], merges: [1], attempts: 1 },
  },
  {
    name: "small: packs from memory",
    about: "A writer packs what another merger is packing.",
    bounds: { writers: [2, 0], merges: [1, 1], attempts: 1, memory: true },
  },
  {
    name: "small: recovery",
    about: "B reads the log that it opens while that is packed, trimmed and claimed by C.",
    bounds: { writers: [1, 1, 0], merges: [1], packed: 2, trims: 1, lateDeletes: 0, attempts: 1, recovers: 1 },
  },
  {
    name: "small: cleanup",
    about: "Packs are found beside the commits that they cover, and overlap.",
    bounds: { writers: [2, 0], merges: [1, 1], packed: 2, trims: 1, lateDeletes: 0, attempts: 1, cleanup: true },
  },
  {
    name: "small: everybody, lost answer",
    about: "A takeover with merger, trimmer and follower.",
    bounds: { writers: [2, 0], merges: [1], packed: 2, trims: 1, lateDeletes: 0, attempts: 1, follower: true },
  },
  {
    name: "small: everybody, late DELETE",
    about: "The same with a request that is late.",
    bounds: { writers: [2, 0], merges: [1], packed: 2, trims: 1, latePuts: 0, attempts: 1, follower: true },
  },
];

/** Too large to be searched to the end; breadth-first as far as the limit allows. */
export const largeConfigurations: readonly SafeConfiguration[] = [
  {
    name: "large: two mergers and trim, three writers",
    about: "Two mergers that read, with a trimmer.",
    bounds: { writers: [2, 1, 1], merges: [1, 1], trims: 1, attempts: 1 },
  },
  {
    name: "large: merge, trim twice, three writers",
    about: "A merger and two trims, with two requests that were not answered.",
    bounds: { writers: [2, 1, 1], latePuts: 2, merges: [1], trims: 2, attempts: 1 },
  },
];

/** Rules that must be missed: without one of them a promise breaks. */
export const controls: readonly Control[] = [
  { rule: "trim deletes claims", bounds: { writers: [2, 2], trims: 1 } },
  { rule: "merge deletes claims", bounds: { writers: [2, 2], merges: [1] } },
  { rule: "no listing after the claim", bounds: { writers: [3, 1], trims: 1, latePuts: 0, attempts: 1 } },
  { rule: "ambiguous answer taken as success", bounds: { writers: [2, 1] } },
  { rule: "own object recognised by its writer only", bounds: {} },
  { rule: "retry of a position with other bytes", bounds: {} },
  { rule: "fenced after an ambiguous attempt means not applied", bounds: { writers: [1, 1, 0], latePuts: 2, merges: [1] } },
  { rule: "put without condition", bounds: { writers: [1, 1] } },
  { rule: "trim takes the newest object", bounds: { writers: [2, 1], latePuts: 2, trims: 1 } },
  { rule: "merge takes the newest object", bounds: { writers: [2, 1], latePuts: 2, merges: [1] } },
  { rule: "trim deletes before the floor exists", bounds: { latePuts: 2, trims: 1 } },
  { rule: "trim deletes after an ambiguous floor", bounds: { trims: 1 } },
  { rule: "trim removes every floor but its own", bounds: { writers: [3], trims: 2 } },
  { rule: "merge deletes before the pack exists", bounds: { writers: [3], merges: [1] } },
  { rule: "merge without a check after reading", bounds: { writers: [3, 0], merges: [1, 1], attempts: 1 } },
  { rule: "reader ignores sequence numbers", bounds: { writers: [3, 0], merges: [1], attempts: 1, follower: true } },
  { rule: "reader ignores the sequence numbers of claims", bounds: { writers: [2, 0], merges: [1], lateDeletes: 0, attempts: 1, follower: true } },
  { rule: "two commits in flight", bounds: { latePuts: 0 } },
  { rule: "missing object taken as the end", bounds: { writers: [3], merges: [1], latePuts: 0, follower: true } },
  { rule: "reader goes on at the floor silently", bounds: { trims: 1, latePuts: 0, follower: true } },
];

/** Rules that are not missed alone, because another one covers them. Kept in the protocol, and shown here to be covered. */
export const redundantRules: readonly Control[] = [
  { rule: "reader steps over a hole", bounds: { writers: [3, 0], merges: [1], attempts: 1, follower: true } },
];
