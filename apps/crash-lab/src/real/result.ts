import { writeFileSync } from "node:fs";

import type { Skip } from "./machine.js";

/** Something that must not be. */
export interface Violation {
  /** `lost`, `invented`, `altered`, `reused`, `hang`, …: what kind. */
  readonly kind: string;
  /** Where it was met: a cycle, a fault. */
  readonly where: string;
  readonly detail: string;
}

/** What a rung has done and found. */
export interface RungResult {
  readonly rung: string;
  readonly seed: number;
  readonly seconds: number;
  /** What it was run with: versions, options, file systems. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** How often what was done and met. */
  readonly counts: Readonly<Record<string, number>>;
  readonly skipped: readonly Skip[];
  readonly violations: readonly Violation[];
}

/** Counts by name, in the order in which the names come up. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  values(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/** Prints a result, writes it to a file if one is named, and answers the exit code: 0 also for what was skipped, 1 for violations. */
export function publish(result: RungResult, jsonFile: string | undefined): number {
  console.log(resultText(result));
  if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(datedResult(result), undefined, 2)}\n`);
  return result.violations.length === 0 ? 0 : 1;
}

/** A result as a person reads it. */
function resultText({ rung, seed, seconds, settings, counts, skipped, violations }: RungResult): string {
  const lines = [`${rung}, seed ${seed}, ${seconds.toFixed(1)} s`];
  for (const [name, value] of Object.entries(settings)) lines.push(`  ${name}: ${value}`);
  for (const [name, count] of Object.entries(counts)) lines.push(`  ${count.toLocaleString("en")} ${name}`);
  for (const { kind, where, detail } of violations.slice(0, SHOWN)) lines.push(`  VIOLATION (${kind}) ${where}: ${detail}`);
  if (violations.length > SHOWN) lines.push(`  and ${violations.length - SHOWN} more violations; by kind: ${byKind(violations)}`);
  for (const { what, reason } of skipped) lines.push(`  SKIPPED ${what}: ${reason}`);
  lines.push(`${rung}: ${violations.length} violations, ${skipped.length} skipped`);
  return lines.join("\n");
}

/** The result of a rung that this machine cannot run at all. */
export function skippedResult(rung: string, seed: number, reason: string): RungResult {
  return { rung, seed, seconds: 0, settings: {}, counts: {}, skipped: [{ what: rung, reason }], violations: [] };
}

const SHOWN = 20;

function byKind(violations: readonly Violation[]): string {
  const counts = new Counts();
  for (const { kind } of violations) counts.add(kind);
  return Object.entries(counts.values()).map(([kind, count]) => `${count} ${kind}`).join(", ");
}

function datedResult(result: RungResult): object {
  return { date: new Date().toISOString(), node: process.version, platform: process.platform, ...result };
}
