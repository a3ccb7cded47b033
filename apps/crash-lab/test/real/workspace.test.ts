import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { mountsBelow, openWorkspace } from "../../src/real/workspace.js";

let below: string;

beforeEach(() => {
  below = mkdtempSync(join(tmpdir(), "workspace-"));
});

afterEach(() => {
  rmSync(below, { recursive: true, force: true });
});

describe("a workspace", () => {
  it("removes what a dead run has left, and nothing of one that lives or of others", async () => {
    const dead = join(below, `crash-lab-${await deadPid()}-aB3xYz`);
    const alive = join(below, `crash-lab-${process.ppid}-aB3xYz`);
    const others = ["something-else", `run-${await deadPid()}-aB3xYz`, `crash-lab-${await deadPid()}-figures`].map((name) => join(below, name));
    for (const directory of [dead, alive, ...others]) {
      mkdirSync(join(directory, "deep"), { recursive: true });
      writeFileSync(join(directory, "deep", "file"), "");
    }
    const workspace = openWorkspace(below);
    expect([dead, alive, ...others].map((it) => existsSync(it))).toEqual([false, true, true, true, true]);
    workspace.remove();
    expect(existsSync(workspace.path)).toBe(false);
  });

  it("undoes in reverse, once, and not what was taken back", () => {
    const workspace = openWorkspace(below);
    const undone: string[] = [];
    workspace.onEnd(() => undone.push("first"));
    const takeBack = workspace.onEnd(() => undone.push("second"));
    workspace.onEnd(() => undone.push("third"));
    takeBack();
    workspace.remove();
    workspace.remove();
    expect(undone).toEqual(["third", "first"]);
  });

  it("is gone when the process ends, and waits for that only while it is open", () => {
    const before = process.listenerCount("exit");
    const workspace = openWorkspace(below);
    expect(process.listenerCount("exit")).toBe(before + 1);
    process.listeners("exit").at(-1)?.call(process, 0);
    expect(existsSync(workspace.path)).toBe(false);
    expect(process.listenerCount("exit")).toBe(before);
  });
});

it("finds mounts below a directory, the innermost first, whatever their names", () => {
  const mountinfo = [
    "22 1 8:1 / / rw - ext4 /dev/vda rw",
    "40 22 0:40 / /scratch/run-1-a/mnt rw - tmpfs x rw",
    "41 40 0:41 / /scratch/run-1-a/mnt/with\\040space rw - tmpfs x rw",
    "42 22 0:42 / /scratch/run-1-ab rw - tmpfs x rw",
    "",
  ].join("\n");
  expect(mountsBelow("/scratch/run-1-a", mountinfo)).toEqual(["/scratch/run-1-a/mnt/with space", "/scratch/run-1-a/mnt"]);
});

/** The number of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  return child.pid ?? 0;
}
