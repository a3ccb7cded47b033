import fc from "fast-check";
import { storageKey } from "@holdfast/storage";
import { encodeFkwal2Entry, encodeFkwal2Header } from "@holdfast/wal/fkwal2";
import { expect, it } from "vitest";
import { encodeKinesisEntry, encodeKinesisState, loadKinesisState, salvageKinesis, type KinesisSalvage, type KinesisState } from "../src/index.js";
import { kinesisState } from "./support/arbitraries.js";
import { backend, contents, fill, filesIn, newSim, open } from "./support/sim.js";

/** States whose times rise, as a correct writer makes them. */
const history = fc.array(kinesisState, { minLength: 1, maxLength: 5 }).map((states) => states.map((it, index): KinesisState => ({ ...it, createdAtMs: BigInt(1000 + index) })));
const walOf = (states: readonly KinesisState[]): Buffer => Buffer.concat([encodeFkwal2Header(), ...states.map((it) => encodeFkwal2Entry(encodeKinesisEntry(it)))]);

it("a log that is cut anywhere is opened with the entries before the cut, and continued so that the next opening finds them and the new one", async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.nat(), fc.boolean(), async (states, at, withSnapshot) => {
      const wal = walOf(states);
      const cut = wal.subarray(0, at % (wal.length + 1));
      const whole = states.filter((_, index) => walOf(states.slice(0, index + 1)).length <= cut.length);
      const snapshot: KinesisState = { ...contents(9), createdAtMs: 999n };
      const sim = newSim({ startMs: 5 });
      await fill(sim, new Map([["wal.log", cut], ...(withSnapshot ? [["snapshot.bin", encodeKinesisState(snapshot)] as const] : [])]));
      const directory = await open(sim, { snapshotIntervalSeconds: 0 });
      expect(directory.state).toEqual(whole.at(-1) ?? (withSnapshot ? snapshot : undefined));
      const appended = await directory.append(contents(7));
      await directory.close();
      expect(Buffer.from(filesIn(sim)["wal.log"] ?? "", "latin1")).toEqual(walOf([...whole, appended]));
      const storage = await backend(sim);
      expect(await loadKinesisState({ storage })).toMatchObject({ state: appended, recovery: { entries: whole.length + 1, damage: [], torn: undefined } });
      await storage.close();
    }),
    { numRuns: 60 },
  );
});

const wrongBytes = fc.array(fc.record({ at: fc.nat(), value: fc.nat({ max: 255 }) }), { minLength: 1, maxLength: 3 });

it("damaged anywhere, a directory opens or is refused with a place, and whatever was in it can be found after the next write", async () => {
  await fc.assert(
    fc.asyncProperty(history, wrongBytes, wrongBytes, fc.boolean(), async (states, inLog, inSnapshot, withSnapshot) => {
      const files = new Map<string, Buffer>([["wal.log", walOf(states)]]);
      if (withSnapshot) files.set("snapshot.bin", Buffer.from(encodeKinesisState({ ...contents(9), createdAtMs: 999n })));
      for (const [name, damage] of [["wal.log", inLog], ["snapshot.bin", inSnapshot]] as const) {
        const bytes = files.get(name);
        if (bytes !== undefined) for (const { at, value } of damage) bytes[at % bytes.length] = value;
      }
      const sim = newSim({ startMs: 5 });
      await fill(sim, files);
      const before = filesIn(sim);
      const storage = await backend(sim);
      const found = await salvageKinesis({ storage });
      const strict = await loadKinesisState({ storage }).catch((error: unknown) => error);
      if (strict instanceof Error) expect(strict).toMatchObject({ code: expect.stringMatching(/^(?:WAL_CORRUPT|WAL_NOT_A_LOG|KINESIS_SNAPSHOT_CORRUPT)$/) as string, key: expect.stringMatching(/^(?:wal\.log|snapshot\.bin)$/) as string, offset: expect.any(Number) as number });
      expect(filesIn(sim)).toEqual(before);

      const directory = await open(sim, { snapshotIntervalSeconds: 0, mode: "recover" }).catch((error: unknown) => error);
      if (directory instanceof Error) {
        expect(directory).toMatchObject({ code: "KINESIS_SNAPSHOT_CORRUPT" });
        expect({ found: found.entries, files: filesIn(sim) }).toEqual({ found: [], files: before });
        return;
      }
      const open_ = directory as Awaited<ReturnType<typeof open>>;
      const appended = await open_.append(contents(7));
      await open_.close();
      expect((await loadKinesisState({ storage })).state).toEqual(appended);
      if (filesIn(sim)["snapshot.bin"] === before["snapshot.bin"]) {
        const after = await salvageKinesis({ storage });
        expect(textsIn(filesIn(sim), after)).toEqual([...textsIn(before, found), Buffer.from(encodeKinesisEntry(appended)).toString("latin1")]);
      } else {
        // The damaged snapshot was kept aside and replaced, and with it the log was emptied.
        expect(await storage.read(storageKey("snapshot-aside-00000000000000000001.bin"))).toEqual(new Uint8Array(files.get("snapshot.bin") ?? []));
      }
      await storage.close();
    }),
    { numRuns: 60 },
  );
});

/** Each entry as it stands in its file, as text of one byte a character. */
function textsIn(files: Readonly<Record<string, string>>, { entries }: KinesisSalvage): readonly string[] {
  return entries.map(({ key, offset, bytes }) => (files[key] ?? "").slice(offset + 8, offset + 8 + bytes));
}
