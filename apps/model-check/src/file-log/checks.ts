import type { Check, CheckKind } from "../check.js";
import { configurationOf, type Configuration } from "./configuration.js";
import { controls, largeConfigurations, redundantRules, safeConfigurations, type Control, type SafeConfiguration } from "./configurations.js";
import { fileLogModel } from "./model.js";
import { recorded } from "./recorded.js";
import { rules } from "./rules.js";

/** Every search over the log on a local directory. */
export const fileLogChecks: readonly Check[] = [
  ...safeConfigurations.map((configuration) => checkOfConfiguration("safe", configuration, 12_000_000)),
  ...largeConfigurations.map((configuration) => checkOfConfiguration("large", configuration, 10_000_000)),
  ...controls.map((control) => checkOfRule("control", control)),
  ...redundantRules.map((control) => checkOfRule("redundant", control)),
];

function checkOfConfiguration(kind: CheckKind, { name, about, bounds }: SafeConfiguration, limit: number): Check {
  return checkOf(kind, name, about, configurationOf(bounds), limit);
}

function checkOfRule(kind: CheckKind, { rule, bounds }: Control): Check {
  return checkOf(kind, rule, rules[rule], configurationOf(bounds, rule), 6_000_000);
}

function checkOf(kind: CheckKind, name: string, about: string, configuration: Configuration, limit: number): Check {
  return {
    model: "file-log",
    kind,
    name,
    about,
    bounds: describeBounds(configuration),
    makeModel: () => fileLogModel(configuration),
    limit,
    recorded: recorded[name],
  };
}

function describeBounds(bounds: Configuration): Record<string, string> {
  return {
    appends: `${bounds.appends}`,
    crashes: `${bounds.processCrashes}/${bounds.powerLosses}`,
    failures: `${bounds.failures}`,
    trims: `${bounds.trims}`,
    damage: `${bounds.damages}`,
    frames: `${bounds.framesPerSegment}`,
  };
}
