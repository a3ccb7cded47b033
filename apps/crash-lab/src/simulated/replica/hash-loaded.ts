import type { ModulesUnderTest, StoreHistory } from "../store-history.js";

/**
 * A history whose lives find the hash of LZ4 frames loaded: that takes real time, which a simulation does not have. Of each script some crash states are tried.
 */
export function withHashLoaded(history: StoreHistory): StoreHistory {
  return {
    name: history.name,
    async run(lab) {
      await loadHash(lab.modules);
      return history.run({ ...lab, maxStates: Math.min(lab.maxStates, MOST_STATES) });
    },
    async replay(line, modules) {
      await loadHash(modules);
      return history.replay(line, modules);
    },
  };
}

/** A script has thousands, all alike: many scripts show more. */
const MOST_STATES = 60;

/** Packs nothing, so that the hash of the frames is compiled before a simulated process needs it. */
export async function loadHash({ replica }: ModulesUnderTest): Promise<void> {
  const frame = replica.encodeLz4(nothing());
  while ((await frame.next()).done !== true) continue;
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
}
