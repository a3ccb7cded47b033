import { storageKey } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { CommitSlots, commitSlotsOf } from "../src/commit-slots.js";
import { fsBackend, nodeFsPort } from "../src/index.js";
import { faultPort } from "./fault-port.js";
import { tempRoot } from "./temp-root.js";

/** Takes a slot and says so under a name. */
function taker(slots: CommitSlots, order: string[]): (name: string) => void {
  return (name) => {
    void slots.take().then(() => order.push(name));
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("commit slots", () => {
  test("two at a time, first come, first served", async () => {
    const slots = new CommitSlots();
    const order: string[] = [];
    const take = taker(slots, order);
    for (const name of ["a", "b", "c", "d"]) take(name);
    await turn();
    expect(order).toEqual(["a", "b"]);
    expect(slots.tryTake()).toBe(false);
    slots.release();
    // Whoever did not wait must not overtake.
    expect(slots.tryTake()).toBe(false);
    await turn();
    expect(order).toEqual(["a", "b", "c"]);
    slots.release();
    slots.release();
    await turn();
    expect(order).toEqual(["a", "b", "c", "d"]);
    expect(slots.tryTake()).toBe(true);
    expect(slots.tryTake()).toBe(false);
  });

  test("a flush that fails gives its slot back", async () => {
    const slots = new CommitSlots();
    for (let index = 0; index < 5; index += 1) {
      await expect(slots.run(() => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    }
    expect(await slots.run(() => Promise.resolve(7))).toBe(7);
    expect([slots.tryTake(), slots.tryTake(), slots.tryTake()]).toEqual([true, true, false]);
  });

  test("are shared by all backends over one port", () => {
    expect(commitSlotsOf(nodeFsPort)).toBe(commitSlotsOf(nodeFsPort));
    expect(commitSlotsOf({ ...nodeFsPort })).not.toBe(commitSlotsOf(nodeFsPort));
  });

  test("however many logs and objects are written, at most two flushes are in flight", async () => {
    const root = await tempRoot();
    const port = faultPort(root);
    if (port.appendMode() !== "dsync") return;
    const FLUSH = /^(?:sync|datasync|syncDirectory) |^write .* dsync /;
    const flushes = { now: 0, most: 0 };
    const counted = port.observe((call) => {
      if (!FLUSH.test(call)) return undefined;
      flushes.now += 1;
      flushes.most = Math.max(flushes.most, flushes.now);
      return () => {
        flushes.now -= 1;
      };
    });
    const backend = await fsBackend({ root, port });
    await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        await backend.create(storageKey(`o${index}/object.bin`), new Uint8Array(10));
        const file = await backend.appendable.open(storageKey(`l${index}/1.wal`), { mode: "create", reserveBytes: 1 << 20 });
        for (let append = 0; append < 12; append += 1) await file.append(new Uint8Array(3000));
        await file.close();
      }),
    );
    await backend.close();
    counted.stop();
    expect(flushes).toEqual({ now: 0, most: 2 });
  });
});
