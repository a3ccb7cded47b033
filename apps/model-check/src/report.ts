import Table from "cli-table3";
import { isFailure } from "./check.js";
import type { CheckKind, CheckResult } from "./check.js";

/** The results as tables for a terminal, then whatever needs more than a line. */
export function terminalReport(results: readonly CheckResult[]): string {
  const tables = sectionsOf(results, { seconds: true }).map(({ title, rows, heads }) => {
    const table = new Table({
      head: [...heads],
      colAligns: heads.map((head) => (TEXT_HEADS.has(head) ? "left" : "right")),
      style: { head: [], border: [], compact: true },
    });
    table.push(...rows.map((row) => [...row]));
    return `${title}\n${table.toString()}`;
  });
  return [...tables, ...results.filter(isFailure).map(describeFailure), summary(results)].join("\n\n");
}

/** The same as Markdown, for README.md: without times, so that it is equal on every machine. */
export function markdownReport(results: readonly CheckResult[]): string {
  const tables = sectionsOf(results, { seconds: false }).map(({ title, heads, rows }) => {
    const rule = heads.map((head) => (TEXT_HEADS.has(head) ? "---" : "--:"));
    const lines = [heads, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`);
    return `**${title}**\n\n${lines.join("\n")}`;
  });
  return [...tables, summary(results)].join("\n\n");
}

/** Plain data, without the models. */
export function jsonReport(results: readonly CheckResult[]): unknown {
  return results.map(({ check, outcome, states, steps, seconds, violation, counts, differsFromRecorded }) => ({
    model: check.model,
    kind: check.kind,
    name: check.name,
    about: check.about,
    bounds: check.bounds,
    outcome,
    states,
    steps,
    seconds: Number(seconds.toFixed(3)),
    violation,
    counts,
    recorded: check.recorded,
    differsFromRecorded,
  }));
}

/** One search with its shortest counterexample, if it has one. */
export function traceReport({ check, outcome, states, violation }: CheckResult): string {
  const title = `${check.model}, ${check.name}: ${outcome}, ${count(states)} states\n${check.about}`;
  if (violation === undefined) return `${title}\nNo promise is broken.`;
  return `${title}\n${violation.message}\n${numbered(violation.trace)}`;
}

/** A number as people read it: `1,234`. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

interface Section {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** All other columns hold numbers. */
const TEXT_HEADS: ReadonlySet<string> = new Set(["rule broken", "configuration", "result"]);

const TITLES: Readonly<Record<CheckKind, string>> = {
  safe: "Every promise holds",
  large: "Searched as far as the limit allows",
  control: "Negative controls: one rule taken away, a promise must break",
  redundant: "Rules that another rule covers",
};

function sectionsOf(results: readonly CheckResult[], shown: { readonly seconds: boolean }): Section[] {
  const kinds: readonly CheckKind[] = ["safe", "large", "control", "redundant"];
  return modelsOf(results).flatMap((model) => kinds.flatMap((kind) => {
    const ofKind = results.filter(({ check }) => check.model === model && check.kind === kind);
    const [first] = ofKind;
    if (first === undefined) return [];
    const isRule = kind === "control" || kind === "redundant";
    const boundHeads = isRule ? [] : Object.keys(first.check.bounds);
    return [
      {
        title: `${TITLES[kind]} (${model})`,
        heads: [isRule ? "rule broken" : "configuration", ...boundHeads, "states", "steps", ...(shown.seconds ? ["s"] : []), "result"],
        rows: ofKind.map((result) => [
          result.check.name,
          ...boundHeads.map((head) => result.check.bounds[head] ?? ""),
          count(result.states),
          count(result.steps),
          ...(shown.seconds ? [result.seconds.toFixed(1)] : []),
          describeOutcome(result),
        ]),
      },
    ];
  }));
}

/** The models that were searched, in the order of their first results. */
function modelsOf(results: readonly CheckResult[]): string[] {
  return [...new Set(results.map(({ check }) => check.model))];
}

function describeOutcome({ outcome, violation, differsFromRecorded }: CheckResult): string {
  const words = outcome === "found" && violation !== undefined ? violation.message : outcome;
  return differsFromRecorded ? `${words} (NOT AS RECORDED)` : words;
}

function describeFailure(result: CheckResult): string {
  const { check, violation, differsFromRecorded } = result;
  const lines = [`${check.model}, ${check.name}: ${result.outcome}`];
  if (differsFromRecorded && check.recorded !== undefined) {
    lines.push(`   recorded are ${count(check.recorded.states)} states and ${count(check.recorded.steps)} steps: the model has changed`);
  }
  if (violation !== undefined && result.outcome !== "found") lines.push(`   ${violation.message}`, numbered(violation.trace));
  return lines.join("\n");
}

function summary(results: readonly CheckResult[]): string {
  const failed = results.filter(isFailure).map(({ check }) => `${check.model}, ${check.name}`);
  const verdict = failed.length === 0 ? "No failure." : `FAILED: ${failed.join("; ")}.`;
  const models = modelsOf(results).map((model) => `${model}:\n${summaryOfModel(results.filter(({ check }) => check.model === model))}`);
  return [...models, verdict].join("\n\n");
}

function summaryOfModel(results: readonly CheckResult[]): string {
  const complete = results.filter(({ outcome }) => outcome === "safe");
  const found = results.filter(({ outcome }) => outcome === "found");
  const of = (kind: CheckKind): number => results.filter(({ check }) => check.kind === kind).length;
  const parts: string[] = [];
  if (of("safe") + of("large") > 0) {
    const states = complete.reduce((sum, result) => sum + result.states, 0);
    parts.push(`${complete.length} of ${of("safe") + of("large")} configurations searched to the end and safe, ${count(states)} states.`);
    parts.push(`Steps in all of them: ${describeCounts(results)}.`);
  }
  if (of("control") > 0) parts.push(`${found.length} of ${of("control")} negative controls found.`);
  return parts.join("\n");
}

/** So that "safe" is not "never tried". */
function describeCounts(results: readonly CheckResult[]): string {
  const totals = new Map<string, number>();
  for (const { check, counts } of results) {
    if (check.kind !== "safe" && check.kind !== "large") continue;
    for (const [event, times] of Object.entries(counts)) totals.set(event, (totals.get(event) ?? 0) + times);
  }
  return [...totals]
    .filter(([, times]) => times > 0)
    .sort(([, left], [, right]) => right - left)
    .map(([event, times]) => `${event} ${count(times)}`)
    .join(", ");
}

function numbered(labels: readonly string[]): string {
  return labels.map((label, index) => `${`${index + 1}`.padStart(6)}. ${label}`).join("\n");
}
