import { checked, FAULT_OPERATIONS, type Fault, type FaultPlan, type SimOperation } from "../fault-plan.js";

/** Counts calls against a plan. */
export class FaultInjector {
  #rules: Rule[];

  constructor(plan: FaultPlan) {
    this.#rules = plan.map((fault) => newRule(fault));
  }

  add(fault: Fault): void {
    this.#rules.push(newRule(fault));
  }

  clear(): void {
    this.#rules = [];
  }

  /** The fault that hits this call, if any does. Every fault counts the calls that match it, also those that another one hits. */
  next(operation: SimOperation, path: string): Fault | undefined {
    let hit: Fault | undefined;
    for (const rule of this.#rules) {
      const { fault, pattern } = rule;
      if (fault.operation === "*" ? !FAULT_OPERATIONS[fault.kind].includes(operation) : fault.operation !== operation) continue;
      if (pattern !== undefined && !pattern.test(path)) continue;
      rule.seen += 1;
      if (hit === undefined && rule.seen >= fault.nth && rule.seen < fault.nth + (fault.times ?? 1)) hit = fault;
    }
    return hit;
  }

  /** An injector that has counted as far as this one. */
  copy(): FaultInjector {
    const copy = new FaultInjector([]);
    copy.#rules = this.#rules.map((rule) => ({ ...rule }));
    return copy;
  }
}

interface Rule {
  readonly fault: Fault;
  readonly pattern: RegExp | undefined;
  seen: number;
}

function newRule(fault: Fault): Rule {
  const { path } = checked(fault);
  return { fault, pattern: path === undefined ? undefined : globOf(path), seen: 0 };
}

function globOf(path: string): RegExp {
  return new RegExp(`^${path.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&")).join(".*")}$`, "s");
}
