import { delegate } from "@holdfast/test-worlds";
import { expect, test } from "vitest";
import { openLog, verifyLog } from "../src/index.js";
import { memoryPlace } from "./support/backends.js";
import { bytesOf, payload, settled, texts } from "./support/expecting.js";
import { ManualClock } from "./support/manual-clock.js";

/** In a log of 16 KiB segments there is room for one of these in each. */
const RECORD_BYTES = 5000;

test("segments that are filled while older ones are removed stay", async () => {
  const place = memoryPlace();
  const inner = await place.open();
  let letGo = (): void => undefined;
  let gate = Promise.resolve();
  const storage = {
    ...delegate(inner),
    async remove(...[keys, options]: Parameters<typeof inner.remove>) {
      await gate;
      await inner.remove(keys, options);
    },
  };
  const log = await openLog({ storage, prefix: "orders", segmentBytes: 16 * 1024, clock: new ManualClock() });
  const append = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) await log.append(payload(`record ${log.nextSeq}`, RECORD_BYTES));
  };
  await append(6);
  // Removing takes long: the disk is busy, or there is much to remove.
  gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await log.trim(4);
  await append(6);
  expect(log.stats().rotations, "several segments were filled meanwhile").toBeGreaterThan(8);
  letGo();
  await settled();
  await log.append(bytesOf("the last"));
  await log.close();

  const again = await openLog({ storage: await place.open(), prefix: "orders", clock: new ManualClock() });
  expect((await texts(again)).map((it) => Number.parseInt(it, 10))).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  await again.close();
  expect((await verifyLog({ storage: await place.open(), prefix: "orders" })).findings).toEqual([]);
});
