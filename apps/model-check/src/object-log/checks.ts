import type { Check, CheckKind } from "../check.js";
import { configurationOf, controls, largeConfigurations, redundantRules, safeConfigurations } from "./configurations.js";
import type { Configuration, Control, SafeConfiguration } from "./configurations.js";
import { objectLogModel } from "./model.js";
import { recorded } from "./recorded.js";
import { rules } from "./rules.js";
import { MAX_WRITERS } from "./state.js";

/** Every search over the log on object storage. */
export const objectLogChecks: readonly Check[] = [
  ...safeConfigurations.map((configuration) => checkOfConfiguration("safe", configuration, 40_000_000)),
  ...largeConfigurations.map((configuration) => checkOfConfiguration("large", configuration, 10_000_000)),
  ...controls.map((control) => checkOfRule("control", control)),
  ...redundantRules.map((control) => checkOfRule("redundant", control)),
];

function checkOfConfiguration(kind: CheckKind, { name, about, bounds }: SafeConfiguration, limit: number): Check {
  return checkOf(kind, name, about, configurationOf(bounds), limit);
}

function checkOfRule(kind: CheckKind, { rule, bounds }: Control): Check {
  return checkOf(kind, rule, rules[rule], configurationOf(bounds, rule), 12_000_000);
}

function checkOf(kind: CheckKind, name: string, about: string, configuration: Configuration, limit: number): Check {
  return {
    model: "object-log",
    kind,
    name,
    about,
    bounds: describeBounds(configuration),
    makeModel: () => objectLogModel(configuration),
    limit,
    recorded: recorded[name],
  };
}

function describeBounds(bounds: Configuration): Record<string, string> {
  return {
    records: Array.from({ length: MAX_WRITERS }, (_, id) => bounds.writers[id] ?? "–").join("/"),
    attempts: `${bounds.attempts}`,
    late: `${bounds.latePuts}/${bounds.lateDeletes}`,
    merges: bounds.merges.join("+") || "0",
    packed: bounds.merges.length === 0 ? "–" : `${bounds.packed}`,
    trims: `${bounds.trims}`,
  };
}
