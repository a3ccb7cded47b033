import { fsBackend } from "@holdfast/storage-fs";
import { openLog, type Log } from "@holdfast/wal";

import { collectGarbage } from "../garbage.js";
import { floorNames } from "../peers/all.js";
import { frameBytes, openFloor } from "../peers/floor.js";
import { measuredRecords, RECORD_BYTES } from "../records.js";
import type { RowFamily } from "../row.js";
import { percentile, spread } from "../statistics.js";

const BATCH = 64;
const PIECES = 8;
const PIECE_BYTES = 2 ** 28;
const COMMIT_BYTES: number = frameBytes(BATCH, RECORD_BYTES);
const COMMITS: number = Math.ceil(PIECE_BYTES / COMMIT_BYTES);
const SHARE = 0.999;
const LIMIT = 3;
const WORK = "2 GiB in commits of 64 records, p99.9 of a commit";

/** The slow commits: reservation and rotation lie inside the clock. The floor writes as much in as large writes, piece by piece between. */
export const tailFamily: RowFamily = {
  id: "commit-tail",
  work: WORK,
  sizes: ["full"],
  steps: () => 2 * PIECES,
  run: async (context) => {
    const floorDirectory = await context.scratch.directory("tail-floor");
    const logDirectory = await context.scratch.directory("tail-log");
    const floor = await openFloor(floorDirectory, COMMIT_BYTES, COMMITS);
    try {
      await using storage = await fsBackend({ root: logDirectory });
      await using log = await openLog({ storage, prefix: "bench" });
      const batch = measuredRecords(context.seed).slice(0, BATCH);
      const ours: Float64Array[] = [];
      const theirs: Float64Array[] = [];
      for (let piece = 1; piece <= PIECES; piece += 1) {
        context.progress.step(`${WORK}: log, piece ${piece} of ${PIECES}`);
        collectGarbage();
        ours.push(await commitMicros(log, batch, COMMITS));
        context.progress.step(`${WORK}: floor, piece ${piece} of ${PIECES}`);
        collectGarbage();
        theirs.push(await floor.writeAsync(COMMITS));
      }
      const { rotations } = log.stats();
      const oursAll = percentile(together(ours), SHARE);
      const theirsAll = percentile(together(theirs), SHARE);
      const pieces = spread(ours.map((micros, piece) => percentile(micros, SHARE) / percentile(theirs[piece] ?? micros, SHARE)));
      return [
        {
          id: "commit-tail",
          work: WORK,
          ours: { value: oursAll, unit: "µs" },
          against: { name: floorNames.async, figure: { value: theirsAll, unit: "µs" } },
          ratio: { median: oursAll / theirsAll, min: pieces.min, max: pieces.max, better: "less" },
          target: { text: `≤ ${LIMIT} ×`, met: oursAll / theirsAll <= LIMIT },
          note: `${COMMITS * PIECES} commits of ${COMMIT_BYTES} bytes, ${rotations} rotations; p50 ${percentile(together(ours), 0.5).toFixed(0)} against ${percentile(together(theirs), 0.5).toFixed(0)} µs`,
        },
      ];
    } finally {
      await floor.close();
      await context.scratch.discard(floorDirectory);
      await context.scratch.discard(logDirectory);
    }
  },
};

async function commitMicros(log: Log, batch: readonly Uint8Array[], commits: number): Promise<Float64Array> {
  const micros = new Float64Array(commits);
  for (let commit = 0; commit < commits; commit += 1) {
    const started = performance.now();
    await log.appendBatch(batch);
    micros[commit] = (performance.now() - started) * 1000;
  }
  return micros;
}

function together(pieces: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    all.set(piece, offset);
    offset += piece.length;
  }
  return all;
}
