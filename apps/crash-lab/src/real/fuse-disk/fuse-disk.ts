import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { endianness } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { inTime } from "../in-time.js";
import { firstMissing, fuse, linux, root, tool } from "../machine.js";
import { runToolNow, ToolError } from "../run-tool.js";
import type { Workspace } from "../workspace.js";
import { parseEvents, type BlockEvent } from "./recording.js";

/** A disk whose writes are seen, and can be made to fail. */
export interface FuseDisk {
  /** A loop device can be attached to this file. */
  readonly file: string;
  /** Records from now on. Answers what the disk holds at this moment. */
  record(): Promise<Buffer>;
  /** Answers everything that was written and flushed since {@link FuseDisk.record}, in its order. */
  recorded(): Promise<readonly BlockEvent[]>;
  /** The next so many writes fail with EIO that bring this text. What they bring does not reach the disk. */
  fail(text: string, times: number): Promise<void>;
  /** Nothing fails any more. Answers how many writes have. */
  heal(): Promise<number>;
  /** Nobody may use the file any more. */
  close(): void;
}

/** Why there can be no such disk here, or `undefined`. */
export function whyNoFuseDisk(): string | undefined {
  const littleEndian = { reason: "the messages of FUSE are read as little-endian numbers", isThere: () => endianness() === "LE" };
  return firstMissing([linux, root, fuse, littleEndian, tool("mount"), tool("umount")]);
}

/**
 * Starts it in a process of its own: this one may wait for the disk, and nobody can wait for itself.
 *
 * @throws ToolError where FUSE may not be mounted, as in most containers.
 */
export async function startFuseDisk(bytes: number, workspace: Workspace): Promise<FuseDisk> {
  const directory = workspace.directory("fuse-disk");
  const file = join(directory, "disk");
  writeFileSync(file, ""); // to be mounted over
  const server = spawn(process.execPath, [fileURLToPath(new URL("../../../dist/real/fuse-disk/server.js", import.meta.url)), file, String(bytes)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const isClosed = workspace.onEnd(() => {
    server.kill("SIGKILL");
    runToolNow("umount", ["-l", file]);
  });
  const lines = createInterface(server.stdout);
  const gone = once(server, "exit").then(() => {
    throw new ToolError("the disk's process has ended");
  });
  gone.catch(() => undefined); // whoever waits for an answer gets the error
  const next = (): Promise<string> =>
    inTime("the disk", Promise.race([once(lines, "line").then(([line]: unknown[]) => String(line)), gone]));
  const ask = (command: string, argument = ""): Promise<string> => {
    const answer = next();
    server.stdin.write(`${command} ${argument}\n`);
    return answer;
  };
  const mounted = await next();
  if (mounted !== "mounted") throw new ToolError("a FUSE file system cannot be mounted here");
  return {
    file,
    record: async () => {
      await ask("record", join(directory, "before.img"));
      return readFileSync(join(directory, "before.img"));
    },
    recorded: async () => {
      await ask("stop", join(directory, "events"));
      return parseEvents(readFileSync(join(directory, "events")));
    },
    fail: async (text, times) => {
      await ask("fail", `${times} ${text}`);
    },
    heal: async () => Number(await ask("heal")),
    close: () => {
      isClosed();
      runToolNow("umount", [file]);
      server.kill("SIGKILL");
    },
  };
}
