import { exhaust } from "@holdfast/storage-sim";
import { runs } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { loadKinesisState, salvageKinesis } from "../src/index.js";
import { backend, contents, fill, filesIn, newSim, open, type Sim } from "./support/sim.js";
import { vector } from "./support/vectors.js";

/*
 * A directory that is damaged, or whose log cannot be placed, is written to for the first time, and the power is cut in any call. After
 * that the bytes of the file that is damaged or not placed are still there under some name, every entry of it can be found, and the state
 * is the one that was found or the one that was appended.
 */

const cases = [
  { name: "crash-between-renames", concerned: "wal.log" },
  { name: "double-header", concerned: "wal.log" },
  { name: "bad-magic-v1", concerned: "wal.log" },
  { name: "snapshot-truncated", concerned: "snapshot.bin" },
];

/** More than the life has, so that the last ones end well. */
const CALLS = 90;

describe.each(cases)("$name", ({ name, concerned }) => {
  it("loses nothing of it, in whatever call the power is cut", async () => {
    let completed = 0;
    for (let cutIn = 1; cutIn <= CALLS; cutIn++) {
      await exhaust(
        async (adversary) => {
          const sim = newSim({ adversary, startMs: 1_800_000_000_000 });
          await fill(sim, vector(name).files);
          const before = await look(sim);
          const stopped = sim.disk.stopAt(sim.disk.calls + cutIn).then(() => false);
          const ended = write(sim).then(() => true);
          const isWhole = await Promise.race([stopped, ended]);
          const rest = { ...sim, disk: sim.disk.crash({ kind: "power" }) };
          expect(Object.values(filesIn(rest))).toContain(Buffer.from(vector(name).files.get(concerned) ?? "").toString("latin1"));
          const after = await look(rest);
          // Those of a log that is as it should be are superseded by the snapshot that takes the place of the damaged one.
          if (concerned === "wal.log") for (const time of before.times) expect(after.times).toContain(time);
          expect(isWhole ? [APPENDED] : [before.retained, APPENDED]).toContain(after.retained);
          if (isWhole) completed += 1;
        },
        { limit: runs(1), branches: 2 },
      );
    }
    expect(completed).toBeGreaterThan(0);
  }, 60_000);
});

/** Retained bytes, which tell the state that is appended from others. */
const APPENDED = 77n;

async function write(sim: Sim): Promise<void> {
  const directory = await open(sim, { mode: "recover", snapshotIntervalSeconds: 0 });
  await directory.append(contents(Number(APPENDED)));
  await directory.close();
}

interface Look {
  /** Of every entry that can be found. */
  readonly times: readonly bigint[];
  readonly retained: bigint | undefined;
}

async function look(sim: Sim): Promise<Look> {
  const storage = await backend(sim);
  const { entries } = await salvageKinesis({ storage });
  const { state } = await loadKinesisState({ storage, mode: "recover" });
  await storage.close();
  return { times: entries.map(({ createdAtMs }) => createdAtMs), retained: state?.retainedBytes };
}
