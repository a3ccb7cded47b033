import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mildAdversary, SimDisk } from "../src/index.js";

const directory = join(import.meta.dirname, "trace-hash");

/** `npm run trace-hash` does the same on other versions of Node. */
test("fixed runs do the same, and their crashes leave the same, as ever", () => {
  const printed = execFileSync(process.execPath, [join(directory, "scenario.js")], { encoding: "utf8" });
  expect(printed).toBe(readFileSync(join(directory, "expected.txt"), "utf8"));
});

test("the hash tells apart what differs in a call, a number, an answer, a fault or a crash, and nothing else", async () => {
  interface Variant {
    readonly path?: string;
    readonly length?: number;
    readonly offset?: number;
    readonly fill?: number;
    readonly fault?: boolean;
    readonly sync?: "sync" | "datasync";
    readonly kind?: "power" | "process";
    readonly again?: string;
  }
  const hash = async ({ path = "/a", length = 5, offset = 0, fill = 1, fault = false, sync = "sync", kind = "power", again = "/b" }: Variant): Promise<string> => {
    const disk = new SimDisk({ profile: "posix", adversary: mildAdversary, faults: fault ? [{ operation: "sync", nth: 1, kind: "lie" }] : [] });
    const file = await disk.port().open(path, { mode: "create" });
    await file.write(new Uint8Array(length).fill(fill), offset);
    await file[sync]();
    await disk.port().open(again, { mode: "create" }).catch(() => undefined);
    return disk.crash({ kind }).trace().hash;
  };
  const plain = await hash({});
  expect(plain).toMatch(/^[0-9a-f]{16}$/);
  const different: readonly Variant[] = [{ length: 6 }, { offset: 1 }, { offset: 2 ** 33 }, { fault: true }, { sync: "datasync" }, { kind: "process" }, { again: "/a" }];
  const hashes = await Promise.all(different.map(hash));
  expect(new Set([plain, ...hashes]).size).toBe(different.length + 1);
  // What a file is called and what is in it make no difference.
  expect([await hash({ path: "/z" }), await hash({ fill: 2 })]).toEqual([plain, plain]);
});

test("a trace that is kept lists the calls of its disk", async () => {
  const disk = new SimDisk({ profile: "posix", adversary: mildAdversary, keepTrace: true, faults: [{ operation: "link", nth: 1, kind: "fail", code: "EMLINK" }] });
  const file = await disk.port().open("/a", { mode: "create" });
  await file.write(new Uint8Array(5), 4096);
  await disk.port().rename("/a", "/b");
  await disk.port().link("/b", "/c").catch(() => undefined);
  const { calls } = disk.trace();
  expect(calls.map(({ operation, path, detail, answer, fault }) => [operation, path, detail, answer, fault ?? ""].join(" ").trim())).toEqual([
    "open /a  ok",
    "write /a 5@4096 5",
    "rename /a /b ok",
    "link /b /c EMLINK fail",
  ]);
  expect(disk.crash({ kind: "power" }).trace().calls).toEqual([]);
  expect(new SimDisk({ profile: "posix", adversary: mildAdversary }).trace().calls).toEqual([]);
});
