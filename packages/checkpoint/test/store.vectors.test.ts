import { memoryBackend } from "@holdfast/storage";
import { describe, expect, it } from "vitest";
import { checkpointStore, memoryCheckpointStore, type CheckpointState, type CheckpointStore } from "../src/index.js";
import { vectors, type Vector } from "./support/vectors.js";

/* The recorded calls of the original's store, and what a correct one answers. */

const cases = vectors.filter((it) => it.kind === "store" && Array.isArray(it.original_results));
const stores: readonly (readonly [string, (keep: number) => CheckpointStore])[] = [
  ["in memory", (keep) => memoryCheckpointStore({ keep })],
  ["durable", (keep) => checkpointStore({ storage: memoryBackend(), prefix: "c", keep })],
];

/** Where the original is wrong: it keeps every save of one sequence. In the case's text: [ok, ok, [7/2], 7/2, 1, ok, ok, [7/4], ok, [6/9, 7/4]]. */
const CORRECT: ReadonlyMap<string, readonly unknown[]> = new Map([
  ["store-duplicate-sequence", ["ok", "ok", [at(7, 2)], at(7, 2), 1, "ok", "ok", [at(7, 4)], "ok", [at(6, 9), at(7, 4)]]],
]);

/** Saves of which it is said that nothing was kept, by their place in the script. */
const NOT_STORED: ReadonlyMap<string, readonly number[]> = new Map([
  ["store-basic", [8]],
  ["store-max-1", [1]],
]);

describe.each(stores)("a store %s", (_, newStore) => {
  it.each(cases.map((it) => [it.case, it] as const))("%s", async (name, vector) => {
    const store = newStore(vector.script.max_per_stream);
    const results: unknown[] = [];
    const notStored: number[] = [];
    for (const [index, { op, stream, sequence, event_count }] of vector.script.ops.entries()) {
      if (op === "save") {
        const { stored } = await store.save(stateOf(stream, BigInt(sequence), BigInt(event_count ?? "0")), { ifExists: "replace" });
        if (!stored) notStored.push(index);
        results.push("ok");
      } else if (op === "list") results.push(await Promise.all((await store.list(stream)).map(async (it) => described((await store.get(stream, it.sequence))?.state))));
      else if (op === "latest") results.push(described((await store.latest(stream)).checkpoint?.state) ?? null);
      else if (op === "count") results.push(await store.count(stream));
      else if (op === "delete_before") {
        await store.deleteBefore(stream, BigInt(sequence));
        results.push("ok");
      } else throw new Error(`no operation ${op}`);
    }
    expect(results).toEqual(CORRECT.get(name) ?? vector.original_results);
    expect(notStored).toEqual(NOT_STORED.get(name) ?? []);
  });

  it("store-max-0", () => {
    const vector = vectors.find((it) => it.case === "store-max-0") as Vector & { readonly original_results: { readonly stderr: string } };
    expect(() => newStore(0)).toThrow(expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT", message: vector.original_results.stderr }));
  });
});

it("are all played", () => {
  expect(cases.map((it) => it.case)).toEqual(["store-basic", "store-duplicate-sequence", "store-max-1"]);
});

function stateOf(streamId: string, sequence: bigint, eventCount: bigint): CheckpointState {
  return { id: { streamId, sequence }, watermarkNs: 0n, eventCount, operators: new Map(), sources: new Map(), metadata: new Map() };
}

function described(state: CheckpointState | undefined): unknown {
  return state && { event_count: String(state.eventCount), sequence: String(state.id.sequence) };
}

function at(sequence: number, eventCount: number): unknown {
  return { event_count: String(eventCount), sequence: String(sequence) };
}
