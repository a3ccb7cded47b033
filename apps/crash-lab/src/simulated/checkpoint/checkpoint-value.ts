import type { CheckpointState } from "@holdfast/checkpoint";
import { Violation } from "../violation.js";

/** The one stream of these histories. */
export const STREAM = "Orders";

/** A state that carries a value, and says it in each of its parts. */
export function stateOf(sequence: number, value: number, bytes: number): CheckpointState {
  return {
    id: { streamId: STREAM, sequence: BigInt(sequence) },
    watermarkNs: BigInt(value),
    eventCount: BigInt(value),
    operators: new Map([["sum", new Uint8Array(bytes).fill(value & 0xff)]]),
    sources: new Map([["log", BigInt(value)]]),
    metadata: new Map([["value", String(value)]]),
  };
}

/** The value of a state. @throws Violation if its parts do not belong together. */
export function valueOf({ id, watermarkNs, eventCount, operators, sources, metadata }: CheckpointState): number {
  const value = Number(metadata.get("value"));
  const sum = operators.get("sum");
  const isWhole = [watermarkNs, eventCount, sources.get("log")].every((it) => it === BigInt(value)) && sum?.every((byte) => byte === (value & 0xff)) === true;
  if (isWhole) return value;
  throw new Violation("I2", `the checkpoint of ${id.sequence} is not that of one save`);
}
