import type { Scene } from "./directed-history.js";
import { relaxed } from "./directed-recovery.js";
import { LogStage, type LifeOptions } from "./log-stage.js";

/** Histories of a log that goes on in another segment. */
export const rotationScenes: readonly Scene[] = [
  {
    name: "rotation-then-harm",
    about: "A rotation is cut short at each step; where the new segment has begun, the last commit of the old one is harmed.",
    async play(cast) {
      const stage = new LogStage(cast, { harmed: true });
      const life = await stage.open(small);
      await life.append(large("alder"));
      await stage.crashEverywhere({ kinds: ["power"] }, () => life.append(large("birch")), async (left) => {
        if (!left.segments().some(({ number, bytes }) => number === 2 && hasBegin(bytes))) return;
        left.harm("alder");
        await left.check();
      });
    },
  },
  {
    name: "relaxed-rotation",
    about: "A relaxed log goes on in another segment, and is cut short at each step.",
    async play(cast) {
      const stage = new LogStage(cast);
      const life = await stage.open({ ...small, ...relaxed });
      await life.append("alder");
      await life.append(large("birch"));
      await stage.crashEverywhere({}, () => life.append(large("cedar")));
      await stage.check();
    },
  },
];

const small: LifeOptions = { segmentBytes: 16 * 1024, maxCommitBytes: 16 * 1024 };

/** Two such records do not fit into a small segment. */
function large(label: string): string {
  return label.padEnd(6000, ".");
}

/** Where the begin of a segment lies. */
const BEGIN_OFFSET = 4096;

function hasBegin(bytes: Uint8Array): boolean {
  return bytes.length > BEGIN_OFFSET && bytes[BEGIN_OFFSET + 4] === 2;
}
