import { mkdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatIndex } from "../../src/numbers.js";
import { damaged, damagesOf, objectsAt, ourOutcome, rightOutcomes, sha256, type Objects, type Outcome } from "../support/damage.js";
import { inScratch, litestream, restoreBy } from "./programs.js";
import { replicatedDatabase } from "./replicated-database.js";

/** Where the replica and the answers are to be kept. */
const record = process.env["HOLDFAST_LITESTREAM_RECORD"];

describe.skipIf(litestream === undefined)("a damaged replica of litestream", () => {
  it("is refused, or read as litestream reads it if that is asked for", { timeout: 120_000 }, () =>
    inScratch(async (directory) => {
      const { root, generation } = await replicatedDatabase(litestream!, directory);
      const objects = await objectsAt(root);
      const intact = await theirOutcome(root, []);
      expect(await ourOutcome(objects, generation, "strict")).toEqual(intact);
      const damages = [];
      const wrong: unknown[] = [];
      for (const damage of damagesOf(objects)) {
        const changed = damaged(objects, damage);
        const theirs = await inScratch(async (place) => {
          await write(changed, place);
          return theirOutcome(place, []);
        });
        const ours = { strict: await ourOutcome(changed, generation, "strict"), lenient: await ourOutcome(changed, generation, "lenient") };
        damages.push({ ...damage, litestream: theirs, ...ours });
        const right = rightOutcomes(objects, damage, theirs, intact);
        if (!right.strict(ours.strict)) wrong.push({ ...damage, litestream: theirs, strict: ours.strict });
        if (!right.lenient(ours.lenient)) wrong.push({ ...damage, litestream: theirs, lenient: ours.lenient });
      }
      expect(wrong).toEqual([]);
      if (record === undefined) return;
      await write(objects, join(record, "replica"));
      const restores = [];
      for (const index of new Set([...objects.keys()].flatMap((path) => /\/wal\/([0-9a-f]{8})_/.exec(path)?.[1] ?? []))) {
        restores.push({ targetIndex: Number.parseInt(index, 16), ...(await theirOutcome(root, ["-generation", generation, "-index", formatIndex(BigInt(`0x${index}`)).slice(8)])) });
      }
      await writeFile(join(record, "expected.json"), `${JSON.stringify({ kind: "v03-damage", program: "litestream 0.3.13", generation, restores, damages }, null, 1)}\n`);
    }),
  );
});

async function theirOutcome(root: string, args: readonly string[]): Promise<Outcome> {
  const answer = await restoreBy(litestream!, root, args);
  return "database" in answer ? { sha256: sha256(answer.database) } : { error: answer.error.replaceAll(root, "$ROOT").replace(/^.*?ERROR /, "") };
}

/** Each object a second younger than the one before: the newest snapshot of litestream is the one that was written last. */
async function write(objects: Objects, root: string): Promise<void> {
  for (const [at, path] of [...objects.keys()].sort().entries()) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), objects.get(path)!);
    await utimes(join(root, path), at + 1, at + 1);
  }
}
