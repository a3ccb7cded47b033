import { fileURLToPath } from "node:url";
import { joinKey, memoryBackend, storagePrefix } from "@holdfast/storage";
import { describe, expect, it } from "vitest";
import { replicaClient } from "../src/replica-client.js";
import { damaged, objectsAt, ourOutcome, rightOutcomes, sha256, type Damage, type Objects, type Outcome } from "./support/damage.js";
import { rebuildDatabase } from "./support/rebuild.js";
import { vectors, vectorUrl } from "./support/vectors.js";

interface Recorded {
  readonly generation: string;
  /** What `litestream restore` made of the replica, at the end of each index. */
  readonly restores: readonly { readonly targetIndex: number; readonly sha256: string }[];
}

describe.each([
  ["v03-real-db", "0.3.9"],
  ["v03-damage", "0.3.13"],
])("the replica %s that litestream %s wrote", (name) => {
  const { generation, restores } = vectors(name) as Recorded;

  it("gives the database that litestream restored, at every index", async () => {
    const storage = memoryBackend();
    for (const [path, bytes] of await objectsOf(name)) await storage.create(joinKey(storagePrefix("backup"), path), bytes);
    const client = replicaClient({ storage, prefix: "backup", layout: "litestream-v0.3" });
    expect(restores.length).toBeGreaterThan(2);
    for (const { targetIndex, sha256: expected } of restores) {
      expect(sha256(await rebuildDatabase(client, generation, BigInt(targetIndex)))).toBe(expected);
    }
  });
});

describe("the replica that litestream 0.3.13 wrote, damaged", () => {
  const { generation, restores, damages } = vectors("v03-damage") as Recorded & { readonly damages: readonly (Damage & { readonly litestream: Outcome; readonly strict: Outcome; readonly lenient: Outcome })[] };
  const intact = { sha256: restores.at(-1)!.sha256 };

  it.each(damages)("$change at $at of $path", async ({ litestream, strict, lenient, ...damage }) => {
    const objects = await objectsOf("v03-damage");
    const changed = damaged(objects, damage);
    const ours = { strict: await ourOutcome(changed, generation, "strict"), lenient: await ourOutcome(changed, generation, "lenient") };
    expect(ours).toEqual({ strict, lenient });
    const right = rightOutcomes(objects, damage, litestream, intact);
    expect([right.strict(ours.strict), right.lenient(ours.lenient)]).toEqual([true, true]);
  });

  it("lost what stood in a segment when litestream restored it", () => {
    const removed = damages.filter(({ change, litestream }) => change === "remove" && "sha256" in litestream && litestream.sha256 !== intact.sha256);
    expect(removed.map(({ strict }) => ("error" in strict ? strict.error : "restored"))).toEqual(["REPLICA_GAP", "restored"]);
  });
});

function objectsOf(name: string): Promise<Objects> {
  return objectsAt(fileURLToPath(vectorUrl(`${name}/replica`)));
}
