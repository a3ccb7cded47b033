import { OBJECT_FAULT_OPERATIONS, type ObjectFaultKind, type ObjectOperation } from "@holdfast/storage-sim/object-store";
import Table from "cli-table3";
import type { Counts } from "../store-history.js";
import { CONDITION_WORDS } from "./conditions.js";
import { SCHEDULED_KINDS } from "./fault-mix.js";

/** Which requests were made of an object store, and which kind of fault has hit which of them. Nothing for what ran on disks. */
export function objectCoverageText(parts: readonly { readonly operations: Counts; readonly faults: Counts }[]): readonly string[] {
  const operations = OPERATIONS.filter((operation) => times(parts, "operations", operation) > 0);
  if (operations.length === 0) return [];
  const table = new Table({ head: ["fault", ...operations], style: { head: [], border: [], compact: true } });
  table.push(["requests", ...operations.map((operation) => times(parts, "operations", operation).toLocaleString("en"))]);
  for (const kind of SCHEDULED_KINDS) table.push([kind, ...operations.map((operation) => hits(parts, kind, operation))]);
  const conditions = CONDITION_WORDS.map((word) => `${word} ${times(parts, "faults", `schedule ${word}`).toLocaleString("en")}`);
  return ["Requests to an object store, and faults that hit them:", table.toString(), `Scripts on such a store with: ${conditions.join(", ")}`];
}

const OPERATIONS: readonly ObjectOperation[] = OBJECT_FAULT_OPERATIONS.refuse;

function hits(parts: Parameters<typeof objectCoverageText>[0], kind: ObjectFaultKind, operation: ObjectOperation): string {
  if (!OBJECT_FAULT_OPERATIONS[kind].includes(operation)) return "";
  const count = times(parts, "faults", `${kind} ${operation}`);
  return count === 0 ? "NEVER FIRED" : count.toLocaleString("en");
}

function times(parts: Parameters<typeof objectCoverageText>[0], what: "faults" | "operations", key: string): number {
  return parts.reduce((sum, part) => sum + (part[what].get(key) ?? 0), 0);
}
