/**
 * A child that is a disk: one file of fixed size, kept in memory, served through `/dev/fuse`, so that a loop device can stand on it. It
 * records each write and flush as they come, and lets writes fail with EIO when it is told to. Its parent tells it lines, and it answers each.
 */
import { closeSync, openSync, read, writeFileSync, writeSync } from "node:fs";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { constants } from "node:os";

import { findTool } from "../machine.js";
import { machineTimeMs } from "../work/claims.js";
import { attributesBody, formatAnswer, initBody, Opcode, openBody, parseRead, parseRequest, parseWrite, REQUEST_BYTES, writtenBody, type FuseRequest } from "./messages.js";
import { formatEvent, type BlockEvent } from "./recording.js";

const [, , mountPoint = "", size = ""] = process.argv;
const disk = Buffer.alloc(Number(size));
let recorded: BlockEvent[] | undefined;
let failing: { readonly text: string; readonly times: number } | undefined;
let failures = 0;

const fuse = openSync("/dev/fuse", "r+");
serve();
const options = `fd=3,rootmode=100600,user_id=${process.getuid?.() ?? 0},group_id=${process.getgid?.() ?? 0}`;
const mounting = spawn(findTool("mount") ?? "", ["-i", "-t", "fuse", "-o", options, "crash-lab-disk", mountPoint], { stdio: ["ignore", "ignore", "inherit", fuse] });
mounting.once("exit", (code) => {
  say(code === 0 ? "mounted" : "not mounted");
});
const commands = createInterface(process.stdin);
commands.on("line", (line) => {
  const space = line.indexOf(" ");
  obey(line.slice(0, space), line.slice(space + 1));
});
commands.once("close", () => process.exit()); // the parent is gone

/** @param argument - A path, or how often and which text. */
function obey(command: string, argument: string): void {
  if (command === "record") {
    writeFileSync(argument, disk);
    recorded = [];
    say("recording");
  } else if (command === "stop") {
    const events = recorded ?? [];
    writeFileSync(argument, Buffer.concat(events.map(formatEvent)));
    recorded = undefined;
    say(String(events.length));
  } else if (command === "fail") {
    const space = argument.indexOf(" ");
    failing = { times: Number(argument.slice(0, space)), text: argument.slice(space + 1) };
    failures = 0;
    say("failing");
  } else if (command === "heal") {
    failing = undefined;
    say(String(failures));
  } else {
    say(`unknown: ${command}`);
  }
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** One request after the other: their order is the order in which the disk has done them. */
function serve(): void {
  const buffer = Buffer.alloc(REQUEST_BYTES);
  read(fuse, buffer, 0, buffer.byteLength, null, (error, length) => {
    if (error?.code === "ENODEV") {
      closeSync(fuse); // unmounted
    } else if (error?.code === "EPERM") {
      setTimeout(serve, 1); // not mounted yet
    } else if (error === null || PASSING.has(error.code)) {
      if (error === null) answer(parseRequest(buffer.subarray(0, length)));
      serve();
    } else {
      throw error;
    }
  });
}

const PAGE_BYTES = 4096;
/** Errors of a request that was taken back. */
const PASSING: ReadonlySet<string | undefined> = new Set(["EINTR", "EAGAIN", "ENOENT"]);

function answer(request: FuseRequest): void {
  const { opcode, unique, body } = request;
  if (opcode === Opcode.forget || opcode === Opcode.batchForget || opcode === Opcode.interrupt) return; // want none
  const [errno, content] = done(opcode, body);
  writeSync(fuse, formatAnswer(unique, errno, content));
}

function done(opcode: number, body: Buffer): readonly [errno: number, content?: Uint8Array] {
  switch (opcode) {
    case Opcode.init:
      return [0, initBody()];
    case Opcode.getattr:
    case Opcode.setattr:
      return [0, attributesBody(disk.byteLength)];
    case Opcode.open:
      return [0, openBody()];
    case Opcode.read: {
      const { offset, length } = parseRead(body);
      return [0, disk.subarray(offset, offset + length)];
    }
    case Opcode.write:
      return write(parseWrite(body));
    case Opcode.fsync:
      recorded?.push({ kind: "flush", atMs: machineTimeMs() });
      return [0];
    case Opcode.flush:
    case Opcode.release:
    case Opcode.destroy:
      return [0];
    default:
      return [constants.errno.ENOSYS];
  }
}

function write({ offset, bytes }: ReturnType<typeof parseWrite>): readonly [errno: number, content?: Uint8Array] {
  if (failing !== undefined && failures < failing.times && bytes.includes(failing.text, 0, "latin1")) {
    failures += 1;
    return [constants.errno.EIO];
  }
  disk.set(bytes, offset);
  const atMs = machineTimeMs();
  // Page by page: power loss may leave any of them.
  for (let at = 0; at < bytes.byteLength; at += PAGE_BYTES) recorded?.push({ kind: "write", atMs, offset: offset + at, bytes: Buffer.from(bytes.subarray(at, at + PAGE_BYTES)) });
  return [0, writtenBody(bytes.byteLength)];
}
