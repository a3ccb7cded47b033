import { hasCode, memoryBackend, memoryDisk, type StorageBackend } from "@holdfast/storage";
import { inSteps } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { openRuntimeReader, openRuntimeStore, type RuntimeStore } from "../src/index.js";
import { schemas, type OwnEvents, type OwnMessage } from "./support/history.js";
import { observe, shown } from "./support/model.js";

/*
 * A writer on storage without locks is held up in any call of a checkpoint, while another takes its runtime over, moves what it wrote into pages of
 * its own, and trims. Then the first one goes on: whatever it does, nothing is missing that the second one needs.
 */

type Store = RuntimeStore<OwnEvents, OwnMessage>;

/** Calls of the checkpoint; behind the last one nothing is held up. */
const CALLS = 24;

describe.each(Array.from({ length: CALLS }, (_, index) => index + 1))("held up in call %i", (call) => {
  it("takes nothing from its successor", async () => {
    const disk = memoryDisk();
    const gate = new Gate();
    const old = await open(gate.before(memoryBackend({ disk, appendable: false })));
    const { workerRef } = await old.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } });
    await work(old, workerRef.workerId, 40);
    for (let round = 0; round < 3; round++) {
      await old.checkpoint();
      await work(old, workerRef.workerId, 10);
    }
    const held = gate.holdAt(call);
    const ending = old.checkpoint().then(
      () => undefined,
      (error: unknown) => error,
    );
    await Promise.race([held, ending]);

    const storage = memoryBackend({ disk, appendable: false });
    const taken = await open(storage);
    await work(taken, workerRef.workerId, 20);
    await taken.trimEvents(30n);
    for (let round = 0; round < 3; round++) {
      await taken.checkpoint();
      await work(taken, workerRef.workerId, 10);
    }
    gate.release();
    const error = await ending;
    expect(error === undefined || hasCode(error, "WAL_FENCED"), String(error as Error | undefined)).toBe(true);
    await old.close();

    await work(taken, workerRef.workerId, 5);
    const seen = shown(await observe(taken));
    await taken.checkpoint();
    expect(shown(await observe(taken))).toEqual(seen);
    await taken.close();
    const again = await open(storage);
    expect(shown(await observe(again))).toEqual(seen);
    await again.close();
  });
});

/** Calls of an opening; behind the last one nothing is held up. */
const OPENING_CALLS = 16;

describe.each(Array.from({ length: OPENING_CALLS }, (_, index) => index + 1))("held up in call %i of its opening", (call) => {
  it("is told that it was taken over, and not that anything is damaged", async () => {
    const disk = memoryDisk();
    const storage = memoryBackend({ disk, appendable: false });
    const first = await open(storage);
    const { workerRef } = await first.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } });
    await work(first, workerRef.workerId, 10);
    await first.close();

    const gate = new Gate();
    const held = gate.holdAt(call);
    const opening = open(gate.before(storage)).catch((error: unknown) => error);
    await Promise.race([held, opening]);
    const taken = await open(storage);
    for (let round = 0; round < 3; round++) {
      await work(taken, workerRef.workerId, 10);
      await taken.checkpoint();
    }
    const seen = shown(await observe(taken));
    gate.release();
    const late = await opening;
    if (late instanceof Error) expect(late).toMatchObject({ code: "WAL_FENCED", outcome: "not_applied", retryable: true });
    else await (late as Store).close();
    await taken.close();
    const again = await open(storage);
    expect(shown(await observe(again))).toEqual(seen);
    await again.close();
  });
});

describe.each(Array.from({ length: OPENING_CALLS }, (_, index) => index + 1))("a reader, held up in call %i of its opening", (call) => {
  it("looks again when everything that it knew was moved", async () => {
    const storage = memoryBackend({ disk: memoryDisk(), appendable: false });
    await using store = await open(storage);
    const { workerRef } = await store.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } });
    const moveSome = async (): Promise<void> => {
      for (let round = 0; round < 3; round++) {
        await work(store, workerRef.workerId, 10);
        await store.checkpoint();
      }
    };
    await moveSome();
    const gate = new Gate();
    const held = gate.holdAt(call);
    const opening = openRuntimeReader<OwnEvents, OwnMessage>({ storage: gate.before(storage), runtimeId: "agents", schemas });
    opening.catch(() => undefined); // It is awaited below.
    await Promise.race([held, opening]);
    await moveSome();
    gate.release();
    await using reader = await opening;
    expect(reader.getWorker(workerRef).transcriptLength).toBeGreaterThanOrEqual(30);
    expect((await reader.readTranscript(workerRef, { start: 0, limit: 10 })).items).toHaveLength(10);
  });
});

function open(storage: StorageBackend): Promise<Store> {
  return openRuntimeStore({ storage, runtimeId: "agents", pageBytes: 4096, schemas });
}

async function work(store: Store, worker: string, inputs: number): Promise<void> {
  for (let input = 0; input < inputs; input++) await store.sendInput(worker, { role: "user", content: "x".repeat(100) });
}

/** Holds a process up before a call of its storage. */
class Gate {
  #left = Infinity;
  #reached: () => void = () => undefined;
  #letGo: () => void = () => undefined;
  readonly #open = new Promise<void>((resolve) => {
    this.#letGo = resolve;
  });

  holdAt(call: number): Promise<void> {
    this.#left = call;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  release(): void {
    this.#left = Infinity;
    this.#letGo();
  }

  before(inner: StorageBackend): StorageBackend {
    const before = async (): Promise<void> => {
      this.#left -= 1;
      if (this.#left > 0) return;
      this.#reached();
      await this.#open;
    };
    return { ...inSteps(inner, { before }), appendable: undefined };
  }
}
