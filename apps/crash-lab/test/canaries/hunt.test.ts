import { expect, test } from "vitest";

import type { Canary } from "../../src/canaries/canary.js";
import { directedHistory } from "../../src/canaries/directed-history.js";
import { hunt } from "../../src/canaries/hunt.js";
import { PatchError, patchedModules, realModules, type Patch } from "../../src/canaries/patched-modules.js";
import { SCENES } from "../../src/canaries/scenes.js";

const POISON = "this.#poison ??= { cause };";

const canary: Canary = {
  name: "a failed write does not poison",
  invariant: "I9",
  store: "storage-fs",
  patches: [patch({ find: POISON, replace: "" })],
  why: "It is broken only in this test.",
  expects: ["I9"],
  scene: "append-after-a-failed-one",
};

test("broken code is found", async () => {
  const { survival, violation, history, seed } = await hunt(canary);
  expect(survival).toBeUndefined();
  expect(violation).toMatchObject({ invariant: "I9", line: "directed/append-after-a-failed-one posix 1" });
  expect(history).toBe("directed/append-after-a-failed-one");
  expect(seed).toBe(1);
});

test("code that is not broken survives", async () => {
  const { survival } = await hunt({ ...canary, patches: [patch({ find: POISON, replace: `${POISON} // As before.` })] });
  expect(survival).toBe("nothing was violated");
});

test("code that breaks another promise than the one that is expected survives", async () => {
  const { survival } = await hunt({ ...canary, expects: ["I2"] });
  expect(survival).toMatch(/^I9 was violated, and not I2/);
});

test("code that falls over survives: any test would have noticed it", async () => {
  const fall: Patch = { package: "wal", file: "log.js", find: "const record = encodeRecord(this.#codec, value, this.nextSeq);", replace: "undefined.fall();" };
  const fallen: Canary = { ...canary, store: "wal", patches: [fall], expects: ["I5"], scene: undefined };
  expect((await hunt(fallen)).survival).toMatch(/^it falls over/);
});

test("a patch that does not fit the code is an error", async () => {
  await expect(patchedModules([patch({ find: "this text stands nowhere", replace: "" })])).rejects.toThrow(PatchError);
  await expect(patchedModules([patch({ find: "return", replace: "" })])).rejects.toThrow(/expected 1 times, found \d\d times/);
  await expect(patchedModules([patch({ find: POISON, replace: "", times: 2 })])).rejects.toThrow(PatchError);
});

test("which canary it is stands in the error as well", async () => {
  await expect(hunt({ ...canary, patches: [patch({ find: "this text stands nowhere", replace: "" })] })).rejects.toThrow(/^a failed write does not poison: .*append-file\.js/);
});

test("a canary names a scene that there is", async () => {
  await expect(hunt({ ...canary, scene: "nowhere" })).rejects.toThrow(RangeError);
});

test("a scene's line plays it again", async () => {
  const [scene] = SCENES.filter(({ name }) => name === canary.scene);
  if (scene === undefined) throw new Error("there is no such scene");
  const history = directedHistory(scene);
  const modules = await patchedModules(canary.patches);
  const broken = await history.replay("directed/append-after-a-failed-one posix 1", modules);
  expect(broken.violation?.invariant).toBe("I9");
  expect(await history.replay("directed/append-after-a-failed-one posix 1", modules)).toEqual(broken);
  expect((await history.replay("directed/append-after-a-failed-one posix 1", realModules)).violation).toBeUndefined();
  await expect(history.replay("directed/another posix 1", modules)).rejects.toThrow(RangeError);
});

function patch(change: Omit<Patch, "package" | "file">): Patch {
  return { package: "storage-fs", file: "append-file.js", ...change };
}
