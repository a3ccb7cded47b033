import type { ModulesUnderTest, StoreHistory } from "../store-history.js";

/**
 * A history whose lives find the hash of LZ4 frames loaded: that takes real time, which a simulation does not have.
 */
export function withHashLoaded(history: StoreHistory): StoreHistory {
  return {
    name: history.name,
    async run(lab) {
      await loadHash(lab.modules);
      return history.run(lab);
    },
    async replay(line, modules) {
      await loadHash(modules);
      return history.replay(line, modules);
    },
  };
}

async function loadHash({ replica }: ModulesUnderTest): Promise<void> {
  const frame = replica.encodeLz4(nothing());
  while ((await frame.next()).done !== true) continue;
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
}
