import { quiet, type VirtualClock } from "../clock.js";

/**
 * Moves a virtual clock on until `work` settles, and no further than it takes: time passes only when nothing can go on without.
 *
 * @param limitMs - How much time may pass. Default one day.
 * @returns What `work` answers.
 * @throws What `work` throws; Error if it has not settled by then.
 */
export async function driveClock<T>(clock: VirtualClock, work: Promise<T>, limitMs = 86_400_000): Promise<T> {
  const state = { settled: false };
  const settle = (): void => {
    state.settled = true;
  };
  work.then(settle, settle);
  await quiet();
  const endMs = clock.monotonic() + limitMs;
  let stepMs = 1;
  while (!state.settled) {
    if (clock.monotonic() >= endMs) throw new Error(`not settled after ${limitMs} ms of virtual time`);
    await clock.advance(Math.min(stepMs, endMs - clock.monotonic()));
    // Long silences are crossed in few steps; a step ends at most as much too late as has passed before.
    stepMs = Math.min(stepMs * 2, 60_000);
  }
  return work;
}
