import { checkpointManager, checkpointStore } from "@holdfast/checkpoint";
import { fsBackend } from "@holdfast/storage-fs";

import { collectGarbage } from "../garbage.js";
import type { RowFamily } from "../row.js";
import { median } from "../statistics.js";

const STREAMS = 1000;
const WORK = "checkpoint, 1,000 streams";
const MIB = 2 ** 20;

/** A thousand streams of one manager: opened, and saved once each. */
export const checkpointStreamsFamily: RowFamily = {
  id: "checkpoint-streams",
  work: WORK,
  sizes: ["full"],
  steps: (runs) => runs,
  async run(context) {
    const opening: number[] = [];
    const saving: number[] = [];
    const memory: number[] = [];
    for (let round = 1; round <= context.runs; round += 1) {
      context.progress.step(`${WORK}: round ${round} of ${context.runs}`);
      const root = await context.scratch.directory("checkpoint-streams");
      const storage = await fsBackend({ root });
      collectGarbage();
      const before = process.memoryUsage.rss();
      const manager = checkpointManager({ store: checkpointStore({ storage, prefix: "c" }), everyEvents: 1n });
      const streams = Array.from({ length: STREAMS }, (_, index) => manager.stream(`stream-${index}`));
      for (const [index, stream] of streams.entries()) stream.registerOperator("sums", { snapshot: () => new Uint8Array(1024).fill(index), restore: () => undefined });
      const startedAt = performance.now();
      await Promise.all(streams.map((stream) => stream.recover()));
      const openedAt = performance.now();
      await Promise.all(streams.map(async (stream) => {
        await stream.onEvent(1n, 0n).saved;
      }));
      saving.push(performance.now() - openedAt);
      opening.push(openedAt - startedAt);
      memory.push((process.memoryUsage.rss() - before) / MIB);
      if (manager.total !== BigInt(STREAMS)) throw new Error(`Of ${STREAMS} checkpoints ${manager.total} were saved.`);
      await manager.close();
      await storage.close();
      await context.scratch.discard(root);
    }
    const note = `resident + ${median(memory).toFixed(0)} MiB`;
    return [
      { id: "checkpoint-streams", work: `${WORK} opened at once, for the first time`, ours: { value: median(opening), unit: "ms" }, note, rounds: { ours: opening } },
      { id: "checkpoint-streams", work: `${WORK}, 1 KiB of each saved at once`, ours: { value: median(saving), unit: "ms" }, rounds: { ours: saving } },
    ];
  },
};
