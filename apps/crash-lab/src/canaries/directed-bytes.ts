import { Violation } from "../simulated/violation.js";
import { withOwn } from "../simulated/with-own.js";
import type { Scene } from "./directed-history.js";
import { inFlightWrite } from "./directed-torn.js";
import { LogStage } from "./log-stage.js";
import type { Life } from "./recorded-life.js";

/** Histories of bytes that pretend: frames in payloads and in other places, sizes and numbers at their bounds. */
export const byteScenes: readonly Scene[] = [
  {
    name: "embedded-frames",
    about: "A record holds frames of another log, at the offsets at which they are valid there, and the commit around it is torn.",
    isChancy: true,
    async play(cast) {
      const other = new LogStage(cast);
      // So that it has drawn more random bytes, and its salt is another one.
      await (await other.open()).close();
      const theirs = await other.open();
      // Longer than a sector, so that the frames behind it are in the second one.
      await theirs.append("alder".padEnd(600, "."));
      for (const value of ["birch", "cedar"]) await theirs.append(value);
      const bytes = other.segments()[0]?.bytes ?? Buffer.alloc(0);
      const payload = bytes.subarray(FIRST_RECORD_OFFSET, bytes.indexOf("cedar")).toString("latin1");
      const stage = new LogStage(cast);
      const life = await stage.open();
      const inWrites = { kinds: ["power"], at: inFlightWrite, times: 20, adversary: stage.chance } as const;
      await stage.crashEverywhere(inWrites, () => life.append(payload));
    },
  },
  {
    name: "frame-in-another-place",
    about: "A durable frame of the same segment stands where another one of the same length stood.",
    async play(cast) {
      const stage = new LogStage(cast, { harmed: true });
      const life = await stage.open();
      for (const value of ["alder", "birch", "cedar"]) await life.append(value.padEnd(12, "."));
      await life.close();
      const [segment] = stage.segments();
      if (segment === undefined) throw new Error("there is no segment");
      const [from, to] = ["birch", "cedar"].map((value) => segment.bytes.indexOf(value) - FRAME_AND_LENGTH_BYTES);
      if (from === undefined || to === undefined) throw new Error("there is no frame");
      stage.harmBytes(segment.path, to, segment.bytes.subarray(from, from + FRAME_AND_LENGTH_BYTES + 12));
      await stage.check();
    },
  },
  {
    name: "long-segment",
    about: "A segment that is longer than what is read at once is opened: reads stay bounded.",
    async play(cast) {
      const stage = new LogStage(cast);
      const life = await stage.open();
      for (let index = 0; index < 3; index++) await life.append(String(index).repeat(1024 * 1024));
      stage.kill();
      let most = 0;
      await stage.open({
        wrap: (port) =>
          withOwn(port, {
            open: async (path, options) => {
              const file = await port.open(path, options);
              return withOwn(file, {
                read: (buffer, ...where) => {
                  most = Math.max(most, buffer.byteLength);
                  return file.read(buffer, ...where);
                },
              });
            },
          }),
      });
      if (most > READ_AT_ONCE_BYTES) throw new Violation("I18", `${most} bytes of a file are held in memory at once`);
      await stage.check();
    },
  },
  {
    name: "last-numbers",
    about: "A log begins at the last sequence number there is.",
    async play(cast) {
      const stage = new LogStage(cast, { startSeq: Number.MAX_SAFE_INTEGER });
      const life: Life = await stage.open();
      for (const value of ["alder", "birch", "cedar"]) {
        await life.append(value);
        if (!Number.isSafeInteger(life.log.nextSeq)) throw new Violation("I21", `the next sequence number is ${life.log.nextSeq}, which is not exact`);
      }
      await stage.check();
    },
  },
];

const FRAME_AND_LENGTH_BYTES = 48 + 4;
/** Of the first commit of a segment. */
const FIRST_RECORD_OFFSET = 8192 + FRAME_AND_LENGTH_BYTES;
/** What is read at once: a window, or one commit. */
const READ_AT_ONCE_BYTES = 2 * 1024 * 1024 + 4096;
