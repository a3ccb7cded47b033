import { describe, expect, test } from "vitest";
import { mildAdversary, SimDisk } from "../src/index.js";
import { bytes, content, durableFile } from "./support/sim.js";

describe.each(["posix", "ordered", "kill"] as const)("%s", (profile) => {
  const start = async (): Promise<SimDisk> => {
    const disk = new SimDisk({ profile, adversary: mildAdversary });
    await durableFile(disk, "/a", bytes("A"));
    return disk;
  };

  test("a zombie goes on after the crash, and nothing of it reaches what is left", async () => {
    const disk = await start();
    const zombie = await disk.port().open("/a", { mode: "write", dsync: true });
    const crashed = [disk.crash({ kind: "power" }), disk.crash({ kind: "process" })];
    await zombie.write(bytes("Z"), 0);
    await disk.port().unlink("/a");
    await disk.port().syncDirectory("/");
    for (const next of crashed) {
      expect(content(next, "/a")).toBe("A");
      await (await next.port().open("/a", { mode: "write", dsync: true })).write(bytes("N"), 0);
      expect(content(next.crash({ kind: "power" }), "/a")).toBe("N");
    }
    expect(content(disk, "/a")).toBe("absent");
  });

  test("a crash in a recovery, and in the recovery from that, three deep, leaves what each of them made durable", async () => {
    /** A recovery: what was being copied is thrown away, the copy is made anew and takes the place. */
    const recover = async (disk: SimDisk): Promise<void> => {
      const port = disk.port();
      if (disk.files().has("/copy")) await port.unlink("/copy");
      const copy = await port.open("/copy", { mode: "create" });
      await copy.write(bytes("B"), 0);
      await copy.datasync();
      await port.rename("/copy", "/a");
      await port.syncDirectory("/");
    };
    const seen = new Map<number, Set<string>>();
    const recoverWithCrashes = async (disk: SimDisk, depth: number): Promise<void> => {
      seen.set(depth, (seen.get(depth) ?? new Set()).add(content(disk, "/a")));
      if (depth === 3) return;
      const crashed: SimDisk[] = [];
      const end = disk.observe(({ phase, changes }) => {
        if (phase === "called" || !changes) return;
        const survives = profile === "posix" ? [() => true, () => false] : [undefined];
        crashed.push(...survives.map((it) => disk.crash({ kind: "power", survives: it })));
      });
      await recover(disk);
      end();
      expect(content(disk.crash({ kind: "power" }), "/a")).toBe("B");
      for (const next of crashed) await recoverWithCrashes(next, depth + 1);
    };
    await recoverWithCrashes(await start(), 0);
    expect([...seen].map(([depth, found]) => [depth, [...found].sort().join("")])).toEqual([[0, "A"], [1, "AB"], [2, "AB"], [3, "AB"]]);
  });
});
