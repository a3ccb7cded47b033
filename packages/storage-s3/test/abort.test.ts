import { getEventListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import type { CallOptions } from "@holdfast/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { s3Backend } from "../src/index.js";
import { bytes, key } from "./support/fixtures.js";
import { sim } from "./support/sim.js";

const warnings: Error[] = [];
const keep = (warning: Error): void => {
  warnings.push(warning);
};

beforeEach(() => {
  warnings.length = 0;
  process.on("warning", keep);
});
afterEach(() => {
  process.removeListener("warning", keep);
});

const COUNT = 40;
const keys = Array.from({ length: COUNT }, (_, index) => key(`dir/${index}.bin`));

type Backend = ReturnType<typeof s3Backend>;

/** Calls of which many may run under one signal. */
const CALLS: readonly (readonly [string, (backend: Backend, index: number, options: CallOptions) => Promise<unknown>])[] = [
  ["reads", (backend, index, options) => backend.read(key(`dir/${index}.bin`), options)],
  ["looks", (backend, index, options) => backend.stat(key(`dir/${index}.bin`), options)],
  ["creates, all behind one trial", (backend, index, options) => backend.create(key(`new/${index}.bin`), bytes("new"), options)],
  ["removals", (backend, index, options) => backend.remove([key(`dir/${index}.bin`)], options)],
  [
    "streams",
    async (backend, index, options) => {
      for await (const piece of (await backend.stream(key(`dir/${index}.bin`), options)) ?? []) expect(piece).toEqual(bytes("content"));
    },
  ],
];

it("a call that is given up while it waits for its turn takes nobody else's", async () => {
  const it = sim({ latencyMs: 100 });
  const backend = it.backend({ maxConcurrency: 1 });
  const controller = new AbortController();
  const first = backend.stat(key());
  const given = backend.stat(key(), { signal: controller.signal });
  const ended = expect(given).rejects.toBe("enough");
  await it.clock.advance(10);
  controller.abort("enough");
  await ended;
  expect(await it.run(first)).toBeUndefined();
  expect(await it.run(Promise.all([backend.stat(key()), backend.stat(key())]))).toEqual([undefined, undefined]);
});

describe.each(CALLS)("one signal over %s in parallel", (_, call) => {
  it("is no leak for Node, and keeps nothing when they are done", async () => {
    const it = sim({ latencyMs: 100 });
    const filling = it.backend({ conditionalWrites: "trusted" });
    await it.run(Promise.all(keys.map((one) => filling.create(one, bytes("content")))));
    const backend = it.backend();
    const { signal } = new AbortController();
    await it.run(Promise.all(keys.map((_one, index) => call(backend, index, { signal }))));
    // Warnings are told in a later turn.
    await setImmediate();
    expect(warnings.map(String)).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("ends all of them with its reason", async () => {
    const it = sim({ latencyMs: 100 });
    const backend = it.backend();
    const controller = new AbortController();
    const { signal } = controller;
    const ended = Promise.allSettled(keys.map((_one, index) => call(backend, index, { signal })));
    it.clock.setTimer(() => {
      controller.abort("enough");
    }, 60);
    const reasons = (await it.run(ended)).map((one) => (one.status === "rejected" ? one.reason as unknown : "done"));
    expect(new Set(reasons)).toEqual(new Set(["enough"]));
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
