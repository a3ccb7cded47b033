import type { Adversary } from "../adversary.js";
import { checkedFault, OBJECT_FAULT_OPERATIONS, type ObjectFault, type ObjectFaultKind, type ObjectFaultPlan, type ObjectOperation } from "./faults.js";

/** Faults that the adversary hands out, beside those of a plan. */
export interface ObjectFaultChance {
  readonly kinds: readonly ObjectFaultKind[];
  /** Of so many choices … */
  readonly outOf: number;
  /** … so many are a fault, as long as the adversary takes all alike. */
  readonly faults: number;
  /** At most so many in all; behind them nothing is chosen any more. Default: no limit. */
  readonly limit?: number | undefined;
  /** Only requests on names that match, as in a plan. Default: all. */
  readonly name?: string | undefined;
}

/** Says what each request meets: by a plan that counts them, or by chance. */
export class FaultSource {
  readonly #adversary: Adversary;
  readonly #chance: ObjectFaultChance | undefined;
  readonly #chanceName: RegExp | undefined;
  #rules: Rule[];
  #dealt = 0;

  constructor(adversary: Adversary, plan: ObjectFaultPlan, chance: ObjectFaultChance | undefined) {
    this.#adversary = adversary;
    this.#chance = chance;
    this.#chanceName = chance?.name === undefined ? undefined : globOf(chance.name);
    this.#rules = plan.map(newRule);
  }

  add(fault: ObjectFault): void {
    this.#rules.push(newRule(fault));
  }

  /** Forgets the plan. */
  clear(): void {
    this.#rules = [];
  }

  /** The fault that hits this request, if any does. Every fault of the plan counts the requests that match it. */
  next(operation: ObjectOperation, name: string): ObjectFaultKind | undefined {
    let hit: ObjectFaultKind | undefined;
    for (const rule of this.#rules) {
      const { fault, pattern } = rule;
      if (fault.operation === "*" ? !OBJECT_FAULT_OPERATIONS[fault.kind].includes(operation) : fault.operation !== operation) continue;
      if (pattern !== undefined && !pattern.test(name)) continue;
      rule.seen += 1;
      if (hit === undefined && rule.seen >= fault.nth && rule.seen < fault.nth + (fault.times ?? 1)) hit = fault.kind;
    }
    return hit ?? this.#byChance(operation, name);
  }

  #byChance(operation: ObjectOperation, name: string): ObjectFaultKind | undefined {
    const chance = this.#chance;
    if (chance === undefined || this.#dealt >= (chance.limit ?? Infinity)) return undefined;
    if (this.#chanceName?.test(name) === false) return undefined;
    const kinds = chance.kinds.filter((kind) => OBJECT_FAULT_OPERATIONS[kind].includes(operation));
    if (kinds.length === 0) return undefined;
    if (this.#adversary.choose(`whether ${operation} ${name} meets a fault`, chance.outOf) < chance.outOf - chance.faults) return undefined;
    this.#dealt += 1;
    return kinds[this.#adversary.choose(`what ${operation} ${name} meets`, kinds.length)];
  }
}

interface Rule {
  readonly fault: ObjectFault;
  readonly pattern: RegExp | undefined;
  seen: number;
}

function newRule(fault: ObjectFault): Rule {
  const { name } = checkedFault(fault);
  return { fault, pattern: name === undefined ? undefined : globOf(name), seen: 0 };
}

function globOf(name: string): RegExp {
  return new RegExp(`^${name.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&")).join(".*")}$`, "s");
}
