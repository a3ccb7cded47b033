import type { Scene } from "./directed-history.js";
import { LogStage } from "./log-stage.js";

/** Histories in which durable bytes are harmed: what is lost must be told, and nothing wrong may be read. */
export const harmScenes: readonly Scene[] = [
  {
    name: "harmed-commit",
    about: "A commit in the middle is harmed.",
    async play(cast) {
      const stage = new LogStage(cast, { harmed: true });
      await live(stage, ["alder", "birch", "cedar"]);
      stage.harm("birch");
      await stage.check();
    },
  },
  {
    name: "harmed-block",
    about: "The block that holds the only commit is harmed as a whole; the log was idle before, and then killed.",
    async play(cast) {
      const stage = new LogStage(cast, { harmed: true });
      const life = await stage.open();
      await life.append("alder");
      await stage.clock.advance(IDLE_MS);
      stage.kill();
      for (const { path } of stage.segments()) stage.harmBytes(path, FIRST_FRAME_OFFSET, nonsense(BLOCK_BYTES));
      await stage.check();
    },
  },
  {
    name: "harmed-header",
    about: "The header of the newest segment is harmed.",
    async play(cast) {
      const stage = new LogStage(cast, { harmed: true });
      await live(stage, ["alder"]);
      await live(stage, ["birch"]);
      const newest = stage.segments().at(-1);
      if (newest === undefined) throw new Error("there is no segment");
      stage.harmBytes(newest.path, 0, nonsense(64));
      await stage.check();
      // What was refused must still be there.
      if (!stage.segments().some(({ number }) => number === newest.number)) throw stage.removed(newest.path);
    },
  },
  {
    name: "harmed-bits",
    about: "Each bit of the frame headers is turned, one at a time, in a log whose writer was killed before it was idle.",
    async play(cast) {
      const before = new LogStage(cast, { harmed: true });
      const life = await before.open();
      for (const value of ["alder", "birch", "cedar"]) await life.append(value);
      const [segment] = before.segments();
      if (segment === undefined) throw new Error("there is no segment");
      // Nothing is behind the last frame that would prove it.
      for (const { value, mayLoseFrom } of [{ value: "birch" }, { value: "cedar", mayLoseFrom: 3 }]) {
        const header = segment.bytes.lastIndexOf(value) - RECORD_LENGTH_BYTES - FRAME_HEADER_BYTES;
        for (let bit = 0; bit < 8 * FRAME_HEADER_BYTES; bit++) {
          const stage = before.fork("process");
          const at = header + (bit >> 3);
          stage.harmBytes(segment.path, at, Uint8Array.of((segment.bytes[at] ?? 0) ^ (1 << (bit & 7))), mayLoseFrom);
          await stage.tryOpen();
        }
      }
    },
  },
];

/** Longer than a log waits before it puts evidence behind the last commit. */
const IDLE_MS = 100;
const BLOCK_BYTES = 4096;
const FIRST_FRAME_OFFSET = 8192;
const FRAME_HEADER_BYTES = 48;
/** Before each record. */
const RECORD_LENGTH_BYTES = 4;

/** A writer that is closed. */
async function live(stage: LogStage, values: readonly string[]): Promise<void> {
  const life = await stage.open();
  for (const value of values) await life.append(value);
  await life.close();
}

function nonsense(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 167 + 13) & 0xff);
}
