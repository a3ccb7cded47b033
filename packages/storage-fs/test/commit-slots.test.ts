import { storageKey } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { CommitSlots, commitSlotsOf } from "../src/commit-slots.js";
import { fsBackend, nodeFsPort } from "../src/index.js";
import { faultPort } from "./fault-port.js";
import { tempRoot } from "./temp-root.js";

/** Takes a slot and says so under a name. */
function taker(slots: CommitSlots, order: string[]): (name: string, background?: boolean) => void {
  return (name, background = false) => {
    void (background ? slots.takeBackground() : slots.take()).then(() => order.push(name));
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

  test("background work takes one slot at most, and only when no commit waits", async () => {
    const slots = new CommitSlots();
    const order: string[] = [];
    const take = taker(slots, order);
    take("fill 1", true);
    take("fill 2", true);
    take("a");
    take("b");
    await turn();
    expect(order).toEqual(["fill 1", "a"]);
    slots.releaseBackground();
    await turn();
    expect(order).toEqual(["fill 1", "a", "b"]);
    slots.release();
    await turn();
    expect(order).toEqual(["fill 1", "a", "b", "fill 2"]);
    take("fill 3", true);
    slots.release();
    await turn();
    expect(order).toHaveLength(4);
    expect(slots.tryTake()).toBe(true);
    slots.releaseBackground();
    await turn();
    expect(order.at(-1)).toBe("fill 3");
  });

  test("background work that waits is passed by 16 commits and then has its turn", async () => {
    const slots = new CommitSlots();
    const order: string[] = [];
    const take = taker(slots, order);
    for (let index = 0; index < 40; index += 1) take(`commit ${index}`);
    take("fill", true);
    for (let index = 0; index < 30; index += 1) {
      slots.release();
      await turn();
    }
    expect(order.indexOf("fill")).toBe(18);
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

  test("however many logs and objects are written, at most two flushes are in flight, one of them a fill", async () => {
    const root = await tempRoot();
    const port = faultPort(root);
    if (port.appendMode() !== "dsync") return;
    const FLUSH = /^(?:sync|datasync|syncDirectory) |^write .* dsync /;
    const flushes = { now: 0, most: 0, fills: 0, mostFills: 0 };
    const counted = port.observe((call) => {
      if (!FLUSH.test(call)) return undefined;
      const fill = /^write .*\.wal dsync (?!3000@)/.test(call);
      flushes.now += 1;
      flushes.fills += fill ? 1 : 0;
      flushes.most = Math.max(flushes.most, flushes.now);
      flushes.mostFills = Math.max(flushes.mostFills, flushes.fills);
      return () => {
        flushes.now -= 1;
        flushes.fills -= fill ? 1 : 0;
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
    expect(flushes).toEqual({ now: 0, most: 2, fills: 0, mostFills: 1 });
  });
});
