import { memoryBackend, memoryDisk, type StorageBackend } from "@holdfast/storage";
import { seededRandom, virtualClock } from "@holdfast/storage-sim";
import { delegate } from "@holdfast/test-worlds";
import { expect, it } from "vitest";
import { checkpointManager, checkpointStore, type CheckpointOperator, type CheckpointedStream } from "../src/index.js";

/* Streams of one manager and one store: none waits for another. */

class Counter implements CheckpointOperator {
  value = 0;
  snapshot(): Uint8Array {
    return Uint8Array.of(this.value & 0xff, this.value >> 8);
  }
  restore([low = 0, high = 0]: Uint8Array): void {
    this.value = low + high * 256;
  }
}

const clock = virtualClock();

async function started(storage: StorageBackend, id: string) {
  const manager = checkpointManager({ store: checkpointStore({ storage, prefix: "c", clock, random: seededRandom(id.length) }), everyEvents: 10n, clock });
  return { manager, ...(await begun(manager.stream(id))) };
}

async function begun(stream: CheckpointedStream) {
  const counter = new Counter();
  stream.registerOperator("counter", counter);
  return { stream, counter, recovery: await stream.recover() };
}

it("a thousand streams each have a schedule and a state of their own, also after a restart", async () => {
  const disk = memoryDisk();
  const count = 1000;
  for (let life = 0; life < 2; life++) {
    const store = checkpointStore({ storage: memoryBackend({ disk }), prefix: "c", clock, random: seededRandom(life + 1) });
    const manager = checkpointManager({ store, everyEvents: 10n, clock });
    const streams = await Promise.all(Array.from({ length: count }, (_, index) => begun(manager.stream(`stream ${index}`))));
    const saves: Promise<unknown>[] = [];
    const wrong: string[] = [];
    for (const [index, { stream, counter, recovery }] of streams.entries()) {
      // Stream i has i % 10 events more than a due point each time.
      const last = BigInt(life * 20);
      if (recovery?.sequence !== (life === 0 ? undefined : last)) wrong.push(`stream ${index} begins at ${String(recovery?.sequence)}`);
      if (counter.value !== (life === 0 ? 0 : Number(last) + index)) wrong.push(`stream ${index} has ${counter.value}`);
      for (let sequence = last + 1n; sequence <= last + 20n + BigInt(index % 10); sequence += 1n) {
        counter.value = Number(sequence) + index;
        const { taken, saved } = stream.onEvent(sequence, sequence);
        if (taken !== (sequence % 10n === 0n)) wrong.push(`stream ${index} at ${sequence}`);
        if (saved !== undefined) saves.push(saved);
      }
    }
    await Promise.all(saves);
    expect(wrong).toEqual([]);
    expect(await store.streams()).toHaveLength(count);
    await manager.close();
    await store.close();
  }
});

it("a stream whose saves hang, and one that never rests, hold nobody up", async () => {
  const inner = memoryBackend({ disk: memoryDisk() });
  let hangs = false;
  const hanging: StorageBackend = {
    ...delegate(inner),
    create: (key, ...args) => (hangs && key.includes("hangs") ? new Promise(() => undefined) : inner.create(key, ...args)),
  };
  const { manager, stream: hung } = await started(hanging, "hangs");
  const [busy, ...others] = await Promise.all(["busy", ...Array.from({ length: 20 }, (_, index) => `quiet ${index}`)].map((id) => begun(manager.stream(id))));
  hangs = true;
  let isHungSaved = false;
  for (let sequence = 1n; sequence <= 30n; sequence += 1n) {
    void hung.onEvent(sequence, 0n).saved?.then(() => (isHungSaved = true));
  }
  let at = 0n;
  const restless = (): void => {
    for (let events = 0; events < 25; events++) busy?.stream.onEvent((at += 1n), 0n);
  };
  const saved = others.map(({ stream }) => {
    restless();
    for (let sequence = 1n; sequence < 10n; sequence += 1n) stream.onEvent(sequence, 0n);
    return stream.onEvent(10n, 0n);
  });
  expect(saved.map(({ taken }) => taken)).toEqual(others.map(() => true));
  // Each is durable, in whatever order, while the busy one goes on between them.
  for (const one of saved) {
    restless();
    await one.saved;
  }
  const last = busy?.stream.onEvent((at += 1n), 0n);
  await busy?.stream.checkpoint();
  expect(last).toBeDefined();
  expect(isHungSaved).toBe(false);
});
