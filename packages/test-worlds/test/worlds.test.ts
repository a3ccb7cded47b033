import { storageKey, type StorageBackend } from "@holdfast/storage";
import { mildAdversary } from "@holdfast/storage-sim";
import { describe, expect, it } from "vitest";
import { driven, worlds, type World } from "../src/index.js";

const KEY = storageKey("a.bin");
const bytes = (text: string): Uint8Array => Buffer.from(text);

describe.each(worlds)("a world of %s", (name, newWorld) => {
  const read = async (world: World): Promise<string> => {
    const storage = await world.open();
    return Buffer.from((await driven(world, storage.read(KEY))) ?? bytes("nothing")).toString();
  };

  /** Works until the given call, which is not answered; then the process dies. */
  const stoppedAt = async (call: number, work: (storage: StorageBackend) => Promise<unknown>): Promise<World> => {
    const world = newWorld(mildAdversary);
    const storage = await world.open();
    await driven(world, storage.create(KEY, bytes("before")));
    const stopped = world.stopAt(call);
    let isAnswered = false;
    const answered = (): void => {
      isAnswered = true;
    };
    work(storage).then(answered, answered);
    await driven(world, stopped);
    await world.clock.advance(0);
    expect(isAnswered).toBe(false);
    return world.crash();
  };

  it("keeps what was acknowledged before the process was stopped in its first call", async () => {
    expect(await read(await stoppedAt(1, (storage) => storage.replace(KEY, bytes("after"))))).toBe("before");
  });

  // On a disk a call is one of the file system, and this one is several of them.
  it.runIf(!name.endsWith("disk"))("can be stopped behind a call that is done and was not answered", async () => {
    expect(await read(await stoppedAt(2, (storage) => storage.replace(KEY, bytes("after"))))).toBe("after");
  });

  it("can be stopped in every call, and is used again after it", async () => {
    const found = new Set<string>();
    for (let call = 1; call <= 4; call += 1) {
      const after = await stoppedAt(call, async (storage) => {
        // More calls than are counted, so that each is reached.
        for (let time = 0; time < 4; time += 1) await storage.replace(KEY, bytes("after"));
      });
      found.add(await read(after));
      await driven(after, (await after.open()).replace(KEY, bytes("next")));
      expect(await read(after)).toBe("next");
    }
    expect([...found].filter((text) => text !== "before" && text !== "after")).toEqual([]);
  });

  it("has its file system below it where there is one", () => {
    const world = newWorld(mildAdversary);
    expect(world.port !== undefined).toBe(name.endsWith("disk"));
  });
});
