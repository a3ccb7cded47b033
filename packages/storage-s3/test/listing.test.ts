import { storagePrefix, type StorageBackend } from "@holdfast/storage";
import { seededAdversary } from "@holdfast/storage-sim";
import { parseObjectPlan } from "@holdfast/storage-sim/object-store";
import { describe, expect, it } from "vitest";
import { bytes, key, scriptedPort, storageErrorOf } from "./support/fixtures.js";
import { sim, type Sim } from "./support/sim.js";

const names = Array.from({ length: 25 }, (_, index) => `dir/${String(index).padStart(2, "0")}.bin`);

const all = async (backend: StorageBackend): Promise<string[]> => {
  const keys = [];
  for await (const entry of backend.list(storagePrefix(""))) keys.push(entry.key);
  return keys;
};

async function filled(options: Parameters<typeof sim>[0]): Promise<{ it: Sim; backend: StorageBackend }> {
  const it = sim(options);
  const backend = it.backend({ conditionalWrites: "trusted" });
  await it.run(Promise.all(names.map((name) => backend.create(key(name), bytes("x")))));
  return { it, backend };
}

describe("list", () => {
  it.each([1, 2, 7, 1_000])("gives every key once in pages of %i", async (pageNames) => {
    const { it, backend } = await filled({ pageNames });
    expect(await it.run(all(backend))).toEqual(names);
  });

  it.each(["page", "slow", "fail", "drop", "cut", "stall", "staleToken"])("gives every key once although pages meet %s", async (kind) => {
    const { it, backend } = await filled({ pageNames: 4, faults: parseObjectPlan(`ListObjects#2x3=${kind}`), adversary: seededAdversary(3, { temper: "even" }) });
    expect(await it.run(all(backend))).toEqual(names);
  });

  it("gives what was there all the time, in order, although keys come and go between pages", async () => {
    const { it, backend } = await filled({ pageNames: 2 });
    let page = 0;
    it.store.observe(({ operation, phase }) => {
      if (operation !== "ListObjects" || phase !== "applied") return;
      page += 1;
      void backend.create(key(`dir/${String(page * 2).padStart(2, "0")}-new.bin`), bytes("new"));
      void backend.remove([key(names[24 - page] ?? names[0] ?? "")]);
    });
    const got = await it.run(all(backend));
    expect(got).toEqual([...new Set(got)].sort());
    expect(got.slice(0, 5)).toEqual(expect.arrayContaining(["dir/00.bin", "dir/01.bin", "dir/02.bin"]));
  });

  it("passes over what is no key, and over other prefixes", async () => {
    const { it } = await filled({});
    const put = (name: string): Promise<unknown> => it.store.port().request({ method: "PUT", url: `http://localhost/bucket/${name}`, headers: {}, body: bytes("x") });
    for (const name of ["Upper.Case", "noleaf", "mine/a.bin", "mine/not%20a%20key", "mine/%C3%BC.bin", "mine/b.bin", "mine0/c.bin"]) await put(name);
    expect(await it.run(all(it.backend({ prefix: "mine" })))).toEqual(["a.bin", "b.bin"]);
  });

  it("does not go on for ever with a store that answers pages without names", async () => {
    const it = sim();
    const port = scriptedPort((_, index) => ({ status: 200, body: `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t${index}</NextContinuationToken></ListBucketResult>` }));
    const error = storageErrorOf(await it.failure(all(it.backend({ port, attempts: 1 }))));
    expect(error.message).toContain("pages of a list in a row without a name");
    expect(port.sent.length).toBeLessThan(1_100);
  });
});

describe("remove", () => {
  it("asks again for those of a batch that were not removed", async () => {
    const { it, backend } = await filled({ faults: parseObjectPlan("DeleteObjects#1x2=partial"), adversary: seededAdversary(5, { temper: "even" }) });
    await it.run(backend.remove(names.map((name) => key(name))));
    expect(it.store.objects.size).toBe(0);
    expect(it.store.exchanges.filter(({ operation }) => operation === "DeleteObjects").length).toBeGreaterThan(1);
  });

  it("names those that are not known to be removed", async () => {
    const { it, backend } = await filled({ faults: parseObjectPlan("DeleteObjects#1+=partial;DeleteObject#1+=drop"), adversary: seededAdversary(6) });
    const error = storageErrorOf(await it.failure(backend.remove(names.map((name) => key(name)))));
    expect(error).toMatchObject({ code: "STORAGE_REMOVE_FAILED", outcome: "unknown", retryable: true });
    expect(error.failedKeys).toEqual([...it.store.objects.keys()].sort());
    expect(error.failedKeys.length).toBeGreaterThan(0);
  });

  it.each(["lose", "drop", "failAfter", "slow", "twice"])("of one and of many is done after %s", async (kind) => {
    const { it, backend } = await filled({ faults: parseObjectPlan(`DeleteObjects#1=${kind};DeleteObject#1=${kind}`) });
    await it.run(backend.remove([key(names[0] ?? "")]));
    await it.run(backend.remove(names.map((name) => key(name))));
    expect(it.store.objects.size).toBe(0);
  });

  it("goes in batches of a thousand", async () => {
    const it = sim();
    const many = Array.from({ length: 2_001 }, (_, index) => key(`dir/${index}.bin`));
    await it.run(it.backend().remove(many));
    expect(it.store.exchanges.map(({ operation }) => operation)).toEqual(["DeleteObjects", "DeleteObjects", "DeleteObject"]);
  });
});
