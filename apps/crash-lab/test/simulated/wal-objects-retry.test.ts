import { expect, it } from "vitest";
import { directedHistory, type Scene } from "../../src/canaries/directed-history.js";
import { lost, ObjectStage, type RequestHook } from "../../src/canaries/object-stage.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";

const scene: Scene = {
  name: "late-claim-at-the-backends-retry",
  about: "The answer to a commit is lost; before the backend sends it again, a successor packs it, and a late claim lies in its place.",
  async play(cast) {
    const stage = new ObjectStage(cast);
    await stage.run(
      (async () => {
        await stage.append(await stage.open("a"), "a", 1);
        let land = (): Promise<void> => Promise.resolve();
        let sent = 0;
        const hook: RequestHook = async ({ method, name }, send) => {
          if (method !== "PUT" || name !== "log/4") return send();
          sent += 1;
          if (sent === 1) {
            await send();
            throw lost();
          }
          await stage.append(await stage.open("c"), "c", 3);
          await stage.merge(4);
          await land();
          return send();
        };
        const b = await stage.open("b", stage.storage(hook, 3));
        land = await stage.stalledClaim(4);
        await stage.append(b, "b", 1);
        await stage.read();
      })(),
    );
  },
};

/** As the one above, but it is a proxy that sends the commit twice, so that the backend knows of one refused request only. */
const behindProxy: Scene = {
  name: "late-claim-at-a-proxys-retry",
  about: "A proxy sends a commit again, which is refused; before the backend looks who was first, a successor packs it, and a late claim lies in its place.",
  async play(cast) {
    const stage = new ObjectStage(cast);
    await stage.run(
      (async () => {
        await stage.append(await stage.open("a"), "a", 1);
        let land = (): Promise<void> => Promise.resolve();
        const hook: RequestHook = async ({ method, name }, send) => {
          if (name !== "log/4") return send();
          if (method === "PUT") await send();
          if (method === "HEAD") {
            await stage.append(await stage.open("c"), "c", 3);
            await stage.merge(4);
            await land();
          }
          return send();
        };
        const b = await stage.open("b", stage.storage(hook));
        land = await stage.stalledClaim(4);
        await stage.append(b, "b", 1);
        await stage.read();
      })(),
    );
  },
};

it("a commit that the backend sent twice is not told as not applied while it is in the log", async () => {
  const { violation } = await directedHistory(scene).run({ modules: REAL_MODULES, profile: "posix", seed: 1, maxStates: 1 });
  expect(violation?.message).toBeUndefined();
});

it("a commit that a proxy sent twice is not told as not applied while it is in the log", async () => {
  const { violation } = await directedHistory(behindProxy).run({ modules: REAL_MODULES, profile: "posix", seed: 1, maxStates: 1 });
  expect(violation?.message).toBeUndefined();
});
