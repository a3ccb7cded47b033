import { FAULT_OPERATIONS, type FaultKind, type SimOperation } from "@holdfast/storage-sim";
import Table from "cli-table3";
import { sumOf, type CampaignPart } from "./campaign.js";
import { objectCoverageText } from "./wal-objects/object-coverage-text.js";
import type { Counts } from "./store-history.js";

/** What was explored and found, as a person reads it. */
export function campaignText(parts: readonly CampaignPart[]): string {
  const stores = [...new Set(parts.map(({ store }) => store))];
  const violations = parts.flatMap(violationLines);
  return [
    sizesTable(parts),
    "Crash states by what crashed, and how many crashes followed each other:",
    crashesTable(parts),
    "Calls of the file system:",
    operationsTable(parts, stores),
    "Faults that hit, by kind and operation:",
    faultsTable(parts, stores),
    ...objectCoverageText(parts),
    ...violations,
    `${count(parts.reduce((sum, { states }) => sum + states, 0))} crash states, ${violations.length} violations`,
  ].join("\n");
}

/** Kinds of faults with the operations of the store that they hit, and those that they could have hit. */
export function faultCoverage(parts: readonly CampaignPart[]): readonly FaultCoverage[] {
  const faults = sumOf(parts.map((part) => part.faults));
  const operations = sumOf(parts.map((part) => part.operations));
  return FAULT_KINDS.map((kind) => {
    const possible = FAULT_OPERATIONS[kind].filter((operation) => operations.has(operation));
    const hits = possible.map((operation) => [operation, faults.get(`${kind} ${operation}`) ?? 0] as const);
    return { kind, hits: hits.filter(([, times]) => times > 0), missed: hits.filter(([, times]) => times === 0).map(([operation]) => operation) };
  });
}

/** Which operations a kind of fault has hit. */
export interface FaultCoverage {
  readonly kind: FaultKind;
  /** None: the kind never fired. */
  readonly hits: readonly (readonly [operation: SimOperation, times: number])[];
  /** Operations that the store does make, and that the kind never hit. */
  readonly missed: readonly SimOperation[];
}

const FAULT_KINDS: readonly FaultKind[] = [
  "fail", "failAfter", "failPartly", "drop", "lie", "lost", "misdirect", "short", "flip", "rot", "zero", "unreadable", "shuffle", "evict", "readOnly",
];

function sizesTable(parts: readonly CampaignPart[]): string {
  const table = new Table({ head: ["store", "disk", "seed", "scripts", "crash states", "seconds", "states/s", "states/s of one core", "violations"], style: PLAIN });
  for (const { store, profile, seed, runs, states, milliseconds, cpuMilliseconds, violation } of parts) {
    table.push([
      store,
      profile,
      seed,
      count(runs),
      count(states),
      (milliseconds / 1000).toFixed(1),
      count(rate(states, milliseconds)),
      count(rate(states, cpuMilliseconds)),
      violation === undefined ? 0 : 1,
    ]);
  }
  return table.toString();
}

function crashesTable(parts: readonly CampaignPart[]): string {
  const kinds = [...sumOf(parts.map(({ crashes }) => crashes)).keys()].sort();
  const table = new Table({ head: ["store", "disk", ...kinds], style: PLAIN });
  for (const { store, profile, crashes } of parts) table.push([store, profile, ...kinds.map((kind) => count(crashes.get(kind) ?? 0))]);
  return table.toString();
}

function operationsTable(parts: readonly CampaignPart[], stores: readonly string[]): string {
  const byStore = stores.map((store) => sumOf(ofStore(parts, store).map(({ operations }) => operations)));
  const table = new Table({ head: ["operation", ...stores], style: PLAIN });
  for (const operation of FAULT_OPERATIONS.fail) table.push([operation, ...byStore.map((operations) => timesText(operations, operation))]);
  return table.toString();
}

function faultsTable(parts: readonly CampaignPart[], stores: readonly string[]): string {
  const byStore = stores.map((store) => faultCoverage(ofStore(parts, store)));
  const table = new Table({ head: ["fault", ...stores], colWidths: [12, ...stores.map(() => 60)], wordWrap: true, style: PLAIN });
  for (const [index, kind] of FAULT_KINDS.entries()) {
    table.push([kind, ...byStore.map((coverage) => coverageText(coverage[index]))]);
  }
  return table.toString();
}

function coverageText(coverage: FaultCoverage | undefined): string {
  if (coverage === undefined || (coverage.hits.length === 0 && coverage.missed.length === 0)) return "NEVER: no such call";
  const { hits, missed } = coverage;
  if (hits.length === 0) return `NEVER FIRED (${missed.join(", ")})`;
  const text = hits.map(([operation, times]) => `${operation} ${count(times)}`).join(", ");
  return missed.length === 0 ? text : `${text}; never ${missed.join(", ")}`;
}

function violationLines({ store, violation }: CampaignPart): readonly string[] {
  if (violation === undefined) return [];
  return [`VIOLATION in ${store}: ${violation.message}\n  crash-lab replay '${violation.line}'`];
}

function ofStore(parts: readonly CampaignPart[], name: string): readonly CampaignPart[] {
  return parts.filter(({ store }) => store === name);
}

function timesText(counts: Counts, key: string): string {
  const times = counts.get(key) ?? 0;
  return times === 0 ? "never" : count(times);
}

/** Crash states a second, rounded; 0 if no time has passed. */
export function rate(states: number, milliseconds: number): number {
  return milliseconds === 0 ? 0 : Math.round((states * 1000) / milliseconds);
}

function count(value: number): string {
  return value.toLocaleString("en");
}

const PLAIN = { head: [], border: [], compact: true };
