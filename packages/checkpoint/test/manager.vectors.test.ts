import { describe, expect, it } from "vitest";
import { memoryBackend } from "@holdfast/storage";
import { checkpointManager, checkpointStore, memoryCheckpointStore, type CheckpointedStream, type CheckpointState, type CheckpointStore } from "../src/index.js";
import { vectors } from "./support/vectors.js";

/* The recorded calls of the original's manager, and what a correct one answers. */

const cases = vectors.filter((it) => it.kind === "mgr" && it.case !== "manager-interval-0");
const stores: readonly (readonly [string, (keep: number) => CheckpointStore])[] = [
  ["in memory", (keep) => memoryCheckpointStore({ keep })],
  ["durable", (keep) => checkpointStore({ storage: memoryBackend(), prefix: "c", keep })],
];

describe.each(stores)("a manager over a store %s", (_, newStore) => {
  it.each(cases.map((it) => [it.case, it] as const))("%s", async (_name, { script, correct_results, original_results }) => {
    const store = newStore(script.max_per_stream);
    for (const { stream, sequence } of script.preload ?? []) await store.save(emptyState(stream, BigInt(sequence)));
    const manager = checkpointManager({ store, everyEvents: BigInt(script.interval), eventCount: "sequence" });
    const recovered = new Set<CheckpointedStream>();
    const results: unknown[] = [];
    for (const { op, stream: streamId, sequence, watermark_ns } of script.ops) {
      const stream = manager.stream(streamId);
      if (op === "recover") {
        recovered.add(stream);
        const recovery = await stream.recover();
        results.push(recovery === undefined ? null : String(recovery.sequence));
      } else if (op === "on_event") {
        // Recovering is the first thing that is done with a stream here.
        if (!recovered.has(stream)) await stream.recover();
        recovered.add(stream);
        const { taken, saved } = stream.onEvent(BigInt(sequence), BigInt(watermark_ns));
        await saved;
        results.push(taken);
      } else if (op === "total") results.push(String(manager.total));
      else if (op === "list") results.push((await store.list(streamId)).map((it) => String(it.sequence)));
      else if (op === "latest") results.push(described((await store.latest(streamId)).checkpoint?.state));
      else throw new Error(`no operation ${op}`);
    }
    expect(results).toEqual(correct_results ?? original_results);
  });
});

it("are all played, and the interval of 0 is refused in the original's words", () => {
  expect(cases.map((it) => it.case)).toEqual(["manager-basic", "manager-restart", "manager-sequence-overflow", "manager-two-streams"]);
  const refused = vectors.find((it) => it.case === "manager-interval-0")?.original_results;
  expect(() => checkpointManager({ store: memoryCheckpointStore(), everyEvents: 0n })).toThrow(
    expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT", message: (refused as { readonly stderr: string }).stderr }),
  );
});

function emptyState(streamId: string, sequence: bigint): CheckpointState {
  return { id: { streamId, sequence }, watermarkNs: 0n, eventCount: 0n, operators: new Map(), sources: new Map(), metadata: new Map() };
}

function described(state: CheckpointState | undefined): unknown {
  return (
    state && {
      event_count: String(state.eventCount),
      metadata: Object.fromEntries(state.metadata),
      operators: [...state.operators],
      sequence: String(state.id.sequence),
      sources: [...state.sources],
      stream_id: state.id.streamId,
      watermark_ns: String(state.watermarkNs),
    }
  );
}
