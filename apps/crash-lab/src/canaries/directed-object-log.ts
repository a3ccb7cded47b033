import { storageKey } from "@holdfast/storage";
import { Violation } from "../simulated/violation.js";
import type { Scene } from "./directed-history.js";
import { beforeFirst, lost, ObjectStage, type RequestHook } from "./object-stage.js";

/** Histories of the log on object storage that chance meets too rarely: mostly, a claim that comes so late that the place it claims is free again. */
export const objectLogScenes: readonly Scene[] = [
  {
    name: "late-claim-where-it-reads",
    about: "A reader has listed a commit; before it reads it, the commit is packed, and a late claim lies in its place.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.run(
        (async () => {
          const a = await stage.open("a");
          await stage.append(a, "a", 1);
          const land = await stage.stalledClaim(3);
          await stage.append(a, "a", 2);
          await stage.read(stage.storage(beforeFirst("GET", "log/3", async () => {
            await stage.merge(3);
            await land();
          })));
        })(),
      );
    },
  },
  {
    name: "late-claim-at-the-end",
    about: "A reader has listed a commit as the newest; before it reads it, others follow, it is packed, and a late claim lies in its place.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.run(
        (async () => {
          const a = await stage.open("a");
          await stage.append(a, "a", 1);
          const land = await stage.stalledClaim(3);
          const read = await stage.reader(stage.storage(beforeFirst("GET", "log/3", async () => {
            await stage.append(a, "a", 2);
            await stage.merge(4);
            await land();
          })));
          await stage.append(a, "a", 1);
          await read();
        })(),
      );
    },
  },
  {
    name: "late-claim-where-it-reads-back",
    about: "The answer to a commit is lost; before its writer reads it back, a successor packs it, and a late claim lies in its place.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.run(
        (async () => {
          const opened = await stage.open("a");
          await stage.append(opened, "a", 1);
          let land = (): Promise<void> => Promise.resolve();
          const hook: RequestHook = async ({ method, name }, send) => {
            if (method === "PUT" && name === "log/4") {
              await send();
              throw lost();
            }
            if (method === "GET" && name === "log/4") {
              const c = await stage.open("c");
              await stage.append(c, "c", 3);
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
  },
  {
    name: "given-up-then-packed",
    about: "A commit without an answer is given up; a successor reads and packs it, and its writer goes on.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.run(
        (async () => {
          let isDeaf = true;
          const hook: RequestHook = async ({ name }, send) => {
            if (name !== "log/2" || !isDeaf) return send();
            await send();
            throw lost();
          };
          const a = await stage.open("a", stage.storage(hook), { commitTimeoutMs: 0 });
          await stage.append(a, "a", 1);
          const b = await stage.open("b");
          await stage.append(b, "b", 2);
          await stage.read();
          await stage.merge(3);
          isDeaf = false;
          await stage.append(a, "a", 1);
        })(),
      );
    },
  },
  {
    name: "altered-object",
    about: "The answer to a commit is lost, and a storage without checksums has altered what it was given.",
    async play(cast) {
      const stage = new ObjectStage(cast, { ignoresChecksums: true });
      await stage.run(
        (async () => {
          const hook: RequestHook = async ({ method, name }, send) => {
            if (method !== "PUT" || name !== "log/2") return send();
            await send();
            const stored = [...stage.store.objects].find(([key]) => key.endsWith("log/00000000000000000002.wal"))?.[1].bytes;
            if (stored !== undefined) stored[stored.length - 1] = (stored.at(-1) ?? 0) ^ 1;
            throw lost();
          };
          const a = await stage.open("a", stage.storage(hook));
          if (await stage.append(a, "a", 1)) throw new Violation("I14", "a commit was acknowledged whose object is not the one that was sent");
        })(),
      );
    },
  },
  {
    name: "merged-meanwhile",
    about: "A merger has listed what another merges then; before it reads the last one, a late claim lies in its place.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.run(
        (async () => {
          const a = await stage.open("a");
          await stage.append(a, "a", 1);
          const land = await stage.stalledClaim(3);
          await stage.append(a, "a", 4);
          await stage.merge(3, stage.storage(beforeFirst("GET", "log/3", async () => {
            await stage.merge(3);
            await land();
          })));
          await stage.read();
        })(),
      );
    },
  },
  {
    name: "trimmed-while-it-reads",
    about: "What a reader has listed is trimmed before it is read.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.run(
        (async () => {
          const a = await stage.open("a");
          await stage.append(a, "a", 6);
          await stage.read(stage.storage(beforeFirst("GET", "log/4", () => stage.trim(a, 5))));
        })(),
      );
    },
  },
  {
    name: "trim-of-everything",
    about: "A log is trimmed up to its end, and opened again.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.run(
        (async () => {
          const a = await stage.open("a");
          await stage.append(a, "a", 3);
          await stage.trim(a, 4);
          await a.close();
          await stage.append(await stage.open("b"), "b", 1);
          await stage.read();
        })(),
      );
    },
  },
  {
    name: "slow-trim",
    about: "While one writer trims and has made its floor, another one trims further.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.run(
        (async () => {
          await stage.append(await stage.open("a"), "a", 8);
          const slow: RequestHook = async ({ method, name }, send) => {
            const answer = await send();
            if (method === "PUT" && name.startsWith("trim/")) {
              const c = await stage.open("c");
              await stage.trim(c, 7);
              await c.close();
            }
            return answer;
          };
          const b = await stage.open("b", stage.storage(slow));
          await stage.trim(b, 4);
          await b.close();
          await stage.read();
          await stage.open("d");
        })(),
      );
    },
  },
  {
    name: "object-in-anothers-place",
    about: "A storage has put an older commit under the key of the newest one.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.run(
        (async () => {
          await stage.append(await stage.open("a"), "a", 3);
          const storage = stage.storage();
          const older = await storage.read(storageKey("orders/log/00000000000000000003.wal"));
          if (older === undefined) throw new RangeError("the commit of record 2 is not where it must be");
          await storage.replace(storageKey("orders/log/00000000000000000004.wal"), older);
          await stage.read(storage, { damaged: true });
        })(),
      );
    },
  },
  {
    name: "many-pages",
    about: "A list has more than one page.",
    async play(cast) {
      const stage = new ObjectStage(cast, {}, 2);
      await stage.run(
        (async () => {
          await stage.append(await stage.open("a"), "a", 6);
          await stage.read();
        })(),
      );
    },
  },
];
