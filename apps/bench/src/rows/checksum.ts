import { crc32c } from "@holdfast/bytes";
import { crc32c as nodeRsCrc32c } from "@node-rs/crc32";

import { collectGarbage } from "../garbage.js";
import { inRounds, ratios } from "../pairs.js";
import type { RowFamily, RowResult } from "../row.js";
import { median } from "../statistics.js";

const ID = "crc32c";
const NODE_RS = "@node-rs/crc32";
const TOTAL_BYTES = 2 ** 30;
const PIECES = [32, 64, 256, 1024].map((kibibytes) => kibibytes * 1024);
const WORK = "CRC-32C of 1 GiB";

/** The checksum of long inputs against the function that does the short ones. The same piece is computed again and again. */
export const checksumFamily: RowFamily = {
  id: ID,
  work: WORK,
  sizes: ["full"],
  steps: (runs) => PIECES.length * 2 * (runs + 1),
  run: async (context) => {
    const rows: RowResult[] = [];
    for (const pieceBytes of PIECES) {
      const work = `${WORK} in pieces of ${pieceBytes / 1024} KiB`;
      const piece = Uint8Array.from({ length: pieceBytes }, (_, index) => (index * 40_503) >>> 5);
      if (crc32c(piece) !== nodeRsCrc32c(piece)) throw new Error("Two functions disagree about a CRC-32C.");
      const figures = await inRounds(
        [
          { name: ID, run: () => Promise.resolve(milliseconds((initial) => crc32c(piece, initial), pieceBytes)) },
          { name: NODE_RS, run: () => Promise.resolve(milliseconds((initial) => nodeRsCrc32c(piece, initial), pieceBytes)) },
        ],
        {
          rounds: context.runs,
          outOfTime: () => context.outOfTime(),
          onRun: (round, name) => {
            context.progress.step(`${work}: ${round === 0 ? "warm-up" : `round ${round} of ${context.runs}`}, ${name}`);
            collectGarbage();
          },
        },
      );
      const ours = figures.get(ID) ?? [];
      const theirs = figures.get(NODE_RS) ?? [];
      rows.push({
        id: ID,
        work,
        ours: { value: median(ours), unit: "ms" },
        against: { name: NODE_RS, figure: { value: median(theirs), unit: "ms" } },
        ratio: { ...ratios(ours, theirs), better: "less" },
        rounds: { ours, theirs },
      });
    }
    return rows;
  },
};

function milliseconds(next: (crc: number) => number, pieceBytes: number): number {
  const started = performance.now();
  let crc = 0;
  for (let done = 0; done < TOTAL_BYTES; done += pieceBytes) crc = next(crc);
  return performance.now() - started;
}
