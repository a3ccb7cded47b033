import { quiet } from "@holdfast/storage-sim";
import { expect, it } from "vitest";
import { directedHistory, type Scene } from "../../src/canaries/directed-history.js";
import { ObjectStage, type RequestHook } from "../../src/canaries/object-stage.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";

const scene: Scene = {
  name: "trimmed-while-it-looks-what-became-of-its-commit",
  about: "A proxy sends a commit twice; a successor packs it, and a late claim takes its place. While the writer looks for packs and floors, the pack goes under a floor.",
  async play(cast) {
    const stage = new ObjectStage(cast);
    await stage.run(
      (async () => {
        await stage.append(await stage.open("a"), "a", 1);
        let land = (): Promise<void> => Promise.resolve();
        let looks = 0;
        let isRefused = false;
        const trims = new Map<number, () => Promise<void>>();
        const hook: RequestHook = async ({ method, name }, send) => {
          if (method === "PUT" && name === "log/4") await send();
          if (method === "HEAD" && name === "log/4") {
            const c = await stage.open("c");
            await stage.append(c, "c", 3);
            await stage.merge(4);
            await stage.read();
            await land();
            trims.set(1, () => stage.trim(c, 4));
            isRefused = true;
          }
          // Behind its first list, and before its second.
          if (isRefused && method === "GET" && name === "") {
            await trims.get(looks)?.();
            await quiet();
            looks += 1;
          }
          return send();
        };
        const b = await stage.open("b", stage.storage(hook));
        land = await stage.stalledClaim(4);
        await stage.append(b, "b", 1);
      })(),
    );
  },
};

// A pack goes only when its floor is there, so whoever looks for packs first and for floors afterwards misses neither.
it("a commit that went into a pack, and under a floor while its writer looked, is not told as not applied", async () => {
  const { violation } = await directedHistory(scene).run({ modules: REAL_MODULES, profile: "posix", seed: 1, maxStates: 1 });
  expect(violation?.message).toBeUndefined();
});
