import type { Fault, FaultKind, FaultPlan } from "@holdfast/storage-sim";

/**
 * What may be expected of a store under a plan of faults.
 *
 * - `honest`: the disk fails openly. Every promise holds.
 * - `harmed`: one piece of what was durable is changed, or cannot be read, behind everybody's back. Nothing wrong is delivered,
 *   and nothing is lost silently that stood in other blocks than its evidence.
 * - `lied`: a flush that did nothing was answered with ok, at once or when it was repeated by somebody else, or a write went
 *   to another place. Nothing wrong is delivered.
 */
export type FaultClass = "honest" | "harmed" | "lied";

/** The worst class of a plan's faults. Two that harm are no better than a lie: one may hit the evidence of the other. */
export function classOf(plan: FaultPlan): FaultClass {
  const classes = plan.map(faultClass);
  if (classes.includes("lied")) return "lied";
  const harms = plan.filter((fault) => faultClass(fault) === "harmed").reduce((sum, { times = 1 }) => sum + times, 0);
  return harms === 0 ? "honest" : harms === 1 ? "harmed" : "lied";
}

function faultClass({ kind, operation }: Fault): FaultClass {
  if (HARMING.has(kind)) return "harmed";
  if (kind === "lie") return "lied";
  if (kind === "lost") return operation === "dsyncWrite" ? "harmed" : "lied";
  // A read of another place says at worst that a file is damaged which is not.
  if (kind === "misdirect") return operation === "read" ? "harmed" : "lied";
  // A directory whose flush has failed shows names that the disk does not have; the next process flushes it, is answered ok, and
  // has no way to know.
  if (kind === "drop" && (operation === "syncDirectory" || operation === "*")) return "lied";
  return "honest";
}

const HARMING: ReadonlySet<FaultKind> = new Set<FaultKind>(["flip", "rot", "zero", "unreadable"]);
