import { storageKey } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { seededAdversary, seededRandom, SimDisk, virtualClock } from "@holdfast/storage-sim";
import { describe, expect, it } from "vitest";
import { openRuntimeDirectory, type RuntimeStore } from "../src/index.js";
import { observeFiles } from "./support/files.js";

/*
 * Files that somebody else wrote to while the journal had what they have not, and a crash in any call of the opening that brings the two
 * together. Whoever is right stays right, and nothing is mixed.
 */

const AGENT = { intent: { kind: "assistant" }, profile: { kind: "runtime_default" } } as const;
const RUNTIME = "/data/runtimes/id-6167656e7473/";
const EVENTS = storageKey("runtimes/id-6167656e7473/events.jsonl");
const FOREIGN = "by somebody else";
const MISSING = "not in the files";
/** Every how many calls an opening is cut; 1 is every one. */
const STRIDE = Number(process.env["HOLDFAST_RUNTIME_STRIDE"] ?? 17);
const clock = virtualClock();
/** One for all openings: what a crash leaves of a temporary file must not have the name of the next one. */
const random = seededRandom(1);

function open(disk: SimDisk, resolve?: "journal" | "files"): Promise<RuntimeStore> {
  return openRuntimeDirectory("/data", { runtimeId: "agents", port: disk.port(), clock, random, projectEveryMs: 3_600_000, resolve });
}

/** The journal has an input that is not in the files, and the files have an event that is not in the journal. */
async function diverged(seed: number, profile: "posix" | "ordered"): Promise<SimDisk> {
  const disk = new SimDisk({ profile, adversary: seededAdversary(seed), clock: { now: () => 0 } });
  const store = await open(disk);
  await store.createWorker(AGENT);
  await store.checkpoint();
  await store.sendInput("worker-00000001", { role: "user", content: MISSING });
  const after = disk.crash({ kind: "power" });
  await using storage = await fsBackend({ root: "/data", port: after.port(), clock, random });
  const line = Buffer.from(`{"id":3,"kind":{"kind":"worker_created"},"message":"${FOREIGN}"}\n`);
  await storage.replace(EVENTS, Buffer.concat([(await storage.read(EVENTS)) ?? new Uint8Array(0), line]));
  return after;
}

/** Opens in a process that dies in a call, or gets through. */
async function life(disk: SimDisk, resolve: "journal" | "files" | undefined, cutIn: number): Promise<{ readonly disk: SimDisk; readonly died: boolean }> {
  const stopped = disk.stopAt(disk.calls + cutIn).then(() => true);
  const worked = open(disk, resolve).then(
    () => false,
    (error: unknown) => {
      expect(error).toMatchObject({ code: "RUNTIME_DIVERGED" });
      return false;
    },
  );
  const died = await Promise.race([stopped, worked]);
  return { disk: disk.crash({ kind: "power" }), died };
}

async function told(store: RuntimeStore): Promise<{ readonly messages: readonly string[]; readonly contents: readonly string[] }> {
  const { events } = await store.readEvents(store.cursorFromStart(), 256);
  const { items } = await store.readTranscript("worker-00000001", { start: 0, limit: 256 });
  return { messages: events.map(({ message }) => message), contents: items.map(({ content }) => content) };
}

const filesOf = (disk: SimDisk): readonly (readonly [string, unknown])[] => [...disk.files()].filter(([path]) => path.startsWith(RUNTIME));
const JOURNAL = { messages: ["runtime started", "worker worker-00000001 created", "worker input accepted"], contents: [MISSING] };
const FILES = { messages: ["runtime started", "worker worker-00000001 created", FOREIGN], contents: [] };

describe.each(["posix", "ordered"] as const)("on a disk that is %s", (profile) => {
  it("nobody is right without being named, and nothing is changed, wherever the opening is cut", { timeout: 120_000 }, async () => {
    let cutIn = 1;
    for (let died = true; died; cutIn += STRIDE) {
      const disk = await diverged(cutIn, profile);
      const before = filesOf(disk);
      const after = await life(disk, undefined, cutIn);
      died = after.died;
      expect(filesOf(after.disk)).toEqual(before);
      await expect(open(after.disk)).rejects.toMatchObject({ code: "RUNTIME_DIVERGED" });
    }
    expect(cutIn).toBeGreaterThan(20);
  });

  it.each([["journal", JOURNAL], ["files", FILES]] as const)("where the %s are named, they are right, wherever the opening is cut", { timeout: 240_000 }, async (resolve, expected) => {
    let cutIn = 1;
    for (let died = true; died; cutIn += STRIDE) {
      const after = await life(await diverged(cutIn, profile), resolve, cutIn);
      died = after.died;
      const store = await open(after.disk, resolve).catch((cause: unknown) => {
        throw new Error(`cut in call ${cutIn}`, { cause });
      });
      expect({ cutIn, ...(await told(store)) }).toEqual({ cutIn, ...expected });
      await store.close();
      await using storage = await fsBackend({ root: "/data", port: after.disk.port(), clock, random });
      const files = await observeFiles(storage, "agents");
      expect(files.events.map(({ message }) => message)).toEqual(expected.messages);
      // And nobody has to be named again.
      await (await open(after.disk)).close();
    }
    expect(cutIn).toBeGreaterThan(40);
  });
});
