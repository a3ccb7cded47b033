import { MAX_U64 } from "@holdfast/bytes";
import { memoryBackend, StorageError } from "@holdfast/storage";
import { virtualClock } from "@holdfast/storage-sim";
import { describe, expect, it } from "vitest";
import { checkpointManager, checkpointStore, memoryCheckpointStore, type CheckpointManagerOptions, type CheckpointOperator, type CheckpointProblem, type CheckpointStore } from "../src/index.js";
import { expectCode } from "./support/history.js";

/** An operator whose state is a number. */
class Counter implements CheckpointOperator {
  value = 0;
  snapshot(): Uint8Array | Promise<Uint8Array> {
    return Uint8Array.of(this.value);
  }
  restore(bytes: Uint8Array): void {
    this.value = bytes[0] ?? -1;
  }
}

/** A store whose saves wait for their turn. */
function gated(inner: CheckpointStore): { readonly store: CheckpointStore; readonly begun: bigint[]; release(error?: Error): void } {
  const begun: bigint[] = [];
  const waiting: ((error?: Error) => void)[] = [];
  const store: CheckpointStore = {
    open: (...args) => inner.open(...args),
    async save(state, options) {
      begun.push(state.id.sequence);
      const error = await new Promise<Error | undefined>((resolve) => void waiting.push(resolve));
      if (error !== undefined) throw error;
      return inner.save(state, options);
    },
    latest: (...args) => inner.latest(...args),
    get: (...args) => inner.get(...args),
    list: (...args) => inner.list(...args),
    count: (...args) => inner.count(...args),
    deleteBefore: (...args) => inner.deleteBefore(...args),
    streams: (...args) => inner.streams(...args),
    close: () => inner.close(),
  };
  return { store, begun, release: (error) => waiting.shift()?.(error) };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

async function started(options: Partial<CheckpointManagerOptions> & Pick<CheckpointManagerOptions, "store">) {
  const problems: CheckpointProblem[] = [];
  const manager = checkpointManager({ everyEvents: 10n, onProblem: (problem) => void problems.push(problem), ...options });
  const [stream, counter, source] = [manager.stream("s"), new Counter(), { at: 0n }];
  stream.registerOperator("counter", counter);
  stream.registerSource("log", { offset: () => source.at });
  const recovery = await stream.recover();
  return { manager, stream, counter, source, problems, recovery };
}

describe("a manager", () => {
  it("captures all parts in the turn of the event, and saves what they were then", async () => {
    const store = memoryCheckpointStore();
    const { stream, counter, source, manager } = await started({ store });
    const async_ = new Counter();
    async_.value = 7;
    async_.snapshot = () => Promise.resolve(Uint8Array.of(async_.value));
    stream.registerOperator("later", async_);
    [counter.value, source.at] = [5, 11n];
    const { taken, saved } = stream.onEvent(10n, 1000n);
    [counter.value, async_.value, source.at] = [6, 8, 12n];
    expect(taken).toBe(true);
    await saved;
    const state = (await store.latest("s")).checkpoint?.state;
    expect(state).toEqual({
      id: { streamId: "s", sequence: 10n },
      watermarkNs: 1000n,
      eventCount: 1n,
      operators: new Map([["counter", Uint8Array.of(5)], ["later", Uint8Array.of(7)]]),
      sources: new Map([["log", 11n]]),
      metadata: new Map(),
    });
    expect(manager.total).toBe(1n);
  });

  it("has one on its way, and the newest of the others waiting; who waited for one that was superseded gets the newer", async () => {
    const gate = gated(memoryCheckpointStore());
    const { stream, manager } = await started({ store: gate.store });
    const outcomes = [10n, 20n, 30n, 40n].map((sequence) => stream.onEvent(sequence, 0n));
    await turns();
    expect([outcomes.map(({ taken }) => taken), gate.begun]).toEqual([[true, true, true, true], [10n]]);
    gate.release();
    await outcomes[0]?.saved;
    await turns();
    expect(gate.begun).toEqual([10n, 40n]);
    gate.release();
    for (const { saved } of outcomes) await saved;
    expect([(await gate.store.list("s")).map(({ sequence }) => sequence), manager.total]).toEqual([[10n, 40n], 2n]);
  });

  it("reports a save that failed, goes on, and tries again when the next is due", async () => {
    const gate = gated(memoryCheckpointStore());
    const { stream, problems } = await started({ store: gate.store });
    const failure = new StorageError("STORAGE_FULL", "full", { operation: "create", outcome: "not_applied" });
    const first = stream.onEvent(10n, 0n);
    await turns();
    gate.release(failure);
    await expect(first.saved).rejects.toBe(failure);
    expect(problems).toEqual([{ streamId: "s", sequence: 10n, error: failure }]);
    expect([11n, 19n].map((sequence) => stream.onEvent(sequence, 0n).taken)).toEqual([false, false]);
    const next = stream.onEvent(20n, 0n);
    await turns();
    gate.release();
    await next.saved;
    expect((await gate.store.list("s")).map(({ sequence }) => sequence)).toEqual([20n]);
  });

  it("reports an operator that cannot be captured, at once or later, and saves nothing of it", async () => {
    const store = memoryCheckpointStore();
    const { stream, counter, problems } = await started({ store });
    counter.snapshot = () => {
      throw new Error("now");
    };
    await expectCode(stream.onEvent(10n, 0n).saved ?? Promise.resolve(), "CHECKPOINT_CAPTURE_FAILED");
    counter.snapshot = () => Promise.reject(new Error("later"));
    await expectCode(stream.onEvent(20n, 0n).saved ?? Promise.resolve(), "CHECKPOINT_CAPTURE_FAILED");
    expect(problems.map(({ sequence, error }) => [sequence, ((error as Error).cause as Error).message])).toEqual([[10n, "now"], [20n, "later"]]);
    expect(await store.count("s")).toBe(0);
  });

  it("counts time as well, from the last one on", async () => {
    const clock = virtualClock();
    const { stream } = await started({ store: memoryCheckpointStore(), everyEvents: undefined, everyMs: 100, clock });
    expect(stream.onEvent(MAX_U64, 0n).taken).toBe(false);
    await clock.advance(99);
    expect(stream.onEvent(5n, 0n).taken).toBe(false);
    await clock.advance(1);
    expect([stream.onEvent(6n, 0n).taken, stream.onEvent(7n, 0n).taken]).toEqual([true, false]);
    await clock.advance(100);
    expect(stream.onEvent(8n, 0n).taken).toBe(true);
    await stream.idle();
  });

  it("does not begin anew behind the last sequence there is", async () => {
    const { stream } = await started({ store: memoryCheckpointStore() });
    const taken = [MAX_U64 - 4n, 5n, 9n, 1000n, MAX_U64 - 1n, MAX_U64, MAX_U64].map((sequence) => stream.onEvent(sequence, 0n).taken);
    expect(taken).toEqual([true, false, false, false, false, true, true]);
    await stream.idle();
  });

  it("goes on where it was: schedule, counts, states, offsets", async () => {
    const storage = memoryBackend();
    const durable = (): CheckpointStore => checkpointStore({ storage, prefix: "c" });
    const before = await started({ store: durable() });
    expect(before.recovery).toBeUndefined();
    for (let sequence = 1n; sequence <= 13n; sequence += 1n) {
      [before.counter.value, before.source.at] = [Number(sequence), sequence + 100n];
      before.stream.onEvent(sequence, sequence * 10n);
    }
    await before.manager.close();
    const after = await started({ store: durable() });
    expect(after.recovery).toMatchObject({ sequence: 10n, watermarkNs: 100n, eventCount: 10n, offsets: new Map([["log", 110n]]), skipped: [] });
    expect(after.counter.value).toBe(10);
    expect([11n, 19n, 20n].map((sequence) => after.stream.onEvent(sequence, 0n).taken)).toEqual([false, false, true]);
    await after.stream.idle();
    expect((await after.manager.stream("s").recover())?.eventCount).toBe(13n);
    expect(() => before.stream.onEvent(1n, 0n)).toThrow(expect.objectContaining({ code: "CHECKPOINT_CLOSED" }));
  });

  it("stops at once when its stream was taken over", async () => {
    const storage = memoryBackend();
    const durable = (): CheckpointStore => checkpointStore({ storage, prefix: "c" });
    const before = await started({ store: durable() });
    await started({ store: durable() });
    await expectCode(before.stream.onEvent(10n, 0n).saved ?? Promise.resolve(), "CHECKPOINT_FENCED");
    expect(before.stream.fenced?.code).toBe("CHECKPOINT_FENCED");
    expect(before.stream.onEvent(20n, 0n)).toEqual({ taken: false, saved: undefined });
    await expectCode(before.stream.checkpoint(), "CHECKPOINT_FENCED");
  });

  it("restores nothing if a part is missing, unless it is told to", async () => {
    const store = memoryCheckpointStore();
    const before = await started({ store });
    before.counter.value = 3;
    await before.stream.onEvent(10n, 0n).saved;
    const manager = checkpointManager({ store, everyEvents: 10n });
    const [stream, counter, other] = [manager.stream("s"), new Counter(), new Counter()];
    stream.registerOperator("counter", counter);
    stream.registerOperator("other", other);
    const refusal: unknown = await stream.recover().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "CHECKPOINT_MISMATCH", message: 'the checkpoint has no operator "other"; the checkpoint has source "log", which is not registered' });
    expect(() => stream.onEvent(1n, 0n)).toThrow(expect.objectContaining({ code: "CHECKPOINT_NOT_RECOVERED" }));
    expect(counter.value).toBe(0);
    await stream.recover({ allowMismatch: true });
    expect([counter.value, other.value]).toEqual([3, 0]);
    counter.restore = () => {
      throw new Error("no");
    };
    await expectCode(stream.recover({ allowMismatch: true }), "CHECKPOINT_RESTORE_FAILED");
  });

  it("takes one when asked, once for each event", async () => {
    const { stream, manager } = await started({ store: memoryCheckpointStore() });
    await stream.checkpoint();
    expect(manager.total).toBe(0n);
    stream.onEvent(1n, 0n);
    await stream.checkpoint();
    await stream.checkpoint();
    expect(manager.total).toBe(1n);
  });

  it("refuses options and registrations that are none", async () => {
    const store = memoryCheckpointStore();
    for (const options of [{}, { everyEvents: -1n }, { everyEvents: MAX_U64 + 1n }, { everyMs: 0 }, { everyMs: 1.5 }]) {
      expect(() => checkpointManager({ store, ...options })).toThrow(expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT" }));
    }
    const { stream, counter } = await started({ store });
    expect(() => { stream.registerOperator("counter", counter); }).toThrow(expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT" }));
    expect(() => { stream.registerSource("log", { offset: () => 0n }); }).toThrow(expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT" }));
    for (const [sequence, watermark] of [[-1n, 0n], [0n, MAX_U64 + 1n]] as const) {
      expect(() => stream.onEvent(sequence, watermark)).toThrow(expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT" }));
    }
  });
});
