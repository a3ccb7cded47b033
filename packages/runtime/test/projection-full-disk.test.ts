import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary, seededRandom, SimDisk, virtualClock, type SimOperation } from "@holdfast/storage-sim";
import { expect, it } from "vitest";
import { openRuntimeDirectory, type RuntimeStore } from "../src/index.js";
import { observeFiles } from "./support/files.js";
import { observe, shown } from "./support/model.js";

/* The journal has room, and the files behind it have none, from any call on: mutations go on, and when there is room again the files are complete. */

const AGENT = { intent: { kind: "assistant" }, profile: { kind: "runtime_default" } } as const;
const WORKER = "worker-00000001";

const places: readonly (readonly [SimOperation, number])[] = (["open", "write", "rename"] as const).flatMap((operation) =>
  [1, 2, 3, 4, 5].map((nth) => [operation, nth] as const),
);

it.each(places)("no room for the files from %s %i on", async (operation, nth) => {
  const clock = virtualClock();
  const random = seededRandom(1);
  const disk = new SimDisk({ profile: "posix", adversary: mildAdversary, clock });
  const open = (): Promise<RuntimeStore> => openRuntimeDirectory("/data", { runtimeId: "agents", port: disk.port(), clock, random, pageBytes: 4096, projectEveryMs: 3_600_000 });
  let store = await open();
  await store.createWorker(AGENT);
  await store.checkpoint();
  disk.addFault({ operation, path: "*/runtimes/*", nth, times: Infinity, kind: operation === "write" ? "failPartly" : "fail", code: "ENOSPC" });
  let isMet = false;
  for (let round = 0; round < 4; round++) {
    for (let input = 0; input < 3; input++) await store.sendInput(WORKER, { role: "user", content: `${round}.${input} ${"x".repeat(200)}` });
    await store.trimEvents(BigInt(round * 2));
    await store.checkpoint().catch((error: unknown) => {
      isMet = true;
      expect(error).toMatchObject({ code: expect.stringMatching(/^STORAGE_FULL$/) as string });
      expect(store.health).toMatchObject({ filesAreComplete: false, lastProblem: { error: { code: expect.stringMatching(/^STORAGE_/) as string } } });
    });
  }
  expect(isMet).toBe(true);
  const seen = shown(await observe(store));
  disk.heal();
  await store.checkpoint();
  expect(store.health.filesAreComplete).toBe(true);
  expect(shown(await observe(store))).toEqual(seen);
  await store.close();
  await using storage = await fsBackend({ root: "/data", port: disk.port(), clock, random });
  expect(shown(await observeFiles(storage, "agents"))).toEqual(seen);
  store = await open();
  expect(shown(await observe(store))).toEqual(seen);
  await store.close();
});
