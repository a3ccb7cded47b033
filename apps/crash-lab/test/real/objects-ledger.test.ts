import { describe, expect, it } from "vitest";

import type { Attempt, Claim } from "../../src/real/work/claims.js";
import { ObjectsLedger } from "../../src/real/work/objects-ledger.js";
import { recordBytes } from "../../src/real/work/record-bytes.js";

function begin(token: number, attempt: Attempt): Claim {
  return { is: "begin", token, attempt };
}

function acknowledged(token: number): Claim {
  return { is: "acknowledged", token };
}

/** What is found after these claims, when these objects are there. */
async function findings(claims: readonly Claim[], objects: Readonly<Record<string, Uint8Array>>): Promise<readonly string[]> {
  const ledger = new ObjectsLedger();
  for (const claim of claims) ledger.take(claim);
  const listed = new Map(Object.entries(objects).map(([key, bytes]) => [key, bytes.byteLength]));
  await ledger.check({ listed, read: (key) => Promise.resolve(objects[key]) });
  return ledger.findings.map(({ kind }) => kind);
}

const created = [begin(1, { what: "create", key: "a", size: 60 }), acknowledged(1)];
const replacing = begin(2, { what: "replace", key: "a", size: 80 });
const old = recordBytes(1, 0, 60);
const fresh = recordBytes(2, 0, 80);

describe("the ledger of objects", () => {
  it("is content with the last acknowledged version, or one in flight", async () => {
    expect(await findings(created, { a: old })).toEqual([]);
    expect(await findings([...created, replacing], { a: old })).toEqual([]);
    expect(await findings([...created, replacing], { a: fresh })).toEqual([]);
  });

  it("finds an object that is gone, half of one, or an older one than was acknowledged", async () => {
    expect(await findings(created, {})).toEqual(["lost"]);
    expect(await findings([...created, replacing], { a: fresh.subarray(0, 40) })).toEqual(["altered"]);
    expect(await findings([...created, replacing, acknowledged(2)], { a: old })).toEqual(["altered"]);
  });

  it("finds what nobody made, what was removed, and what was created twice", async () => {
    expect(await findings(created, { a: old, b: old })).toEqual(["invented"]);
    const removed = [...created, begin(2, { what: "remove", key: "a" }), acknowledged(2)];
    expect(await findings(removed, { a: old })).toEqual(["altered"]);
    expect(await findings([...created, begin(2, { what: "create", key: "a", size: 80 }), acknowledged(2)], { a: fresh })).toEqual(["created twice"]);
  });

  const grown = [begin(5, { what: "extend", key: "f", at: 0, size: 100 }), acknowledged(5)];

  it("lets a growing file have anything behind what was acknowledged, and nothing else before that", async () => {
    const bytes = recordBytes(5, 0, 100);
    expect(await findings(grown, { f: bytes })).toEqual([]);
    expect(await findings([...grown, begin(6, { what: "extend", key: "f", at: 100, size: 50 })], { f: Buffer.concat([bytes, Buffer.alloc(50)]) })).toEqual([]);
    expect(await findings(grown, { f: bytes.subarray(0, 99) })).toEqual(["altered"]);
    expect(await findings(grown, {})).toEqual(["lost"]);
    expect(await findings(grown, { f: Buffer.concat([bytes, Buffer.from("more")]) })).toEqual(["invented"]);
  });
});
