import { relative, sep } from "node:path";
import type { FsFile, FsPort } from "@holdfast/storage/ports";
import { nodeFsPort } from "../src/index.js";

/** What happens to a call instead of, or before, the real one. */
export type Fault =
  /** The call fails with this code and does nothing. */
  | { readonly code: string }
  /** The call is done and then fails: a write of which the bytes are in the cache and perhaps not on disk. */
  | { readonly code: string; readonly done: true }
  /** Only so many bytes are written. */
  | { readonly written: number }
  /** The call waits for the promise. */
  | { readonly until: Promise<void> }
  /** Something else happens first. */
  | { readonly first: () => Promise<unknown> };

/** The real file system with a log of the calls, and faults on demand. */
export interface FaultPort extends FsPort {
  /**
   * The calls in the order in which they began: `"link a/TMP a/x.bin"`. Paths are relative to the root, temporaries are `TMP`,
   * the root is `.`, what is above it `..`.
   */
  readonly calls: readonly string[];
  /** Applies a fault to the calls that match, from the `nth` on (1), `times` times (once). */
  inject(call: RegExp, fault: Fault, options?: { readonly nth?: number; readonly times?: number }): void;
  /** Resolves when a call that matches has begun, now or before. */
  begun(call: RegExp): Promise<void>;
  /** Resolves when no call is in flight and none has followed: calls follow each other without turns between them. */
  quiet(): Promise<void>;
  /** Calls `begin` with each call that begins; what it answers is called when that call ends. */
  observe(begin: (call: string) => (() => void) | undefined): { stop(): void };
  forget(): void;
  readonly openFiles: number;
}

/** The real port below a root, with a log and faults. Options replace what the port says of itself. */
export function faultPort(root: string, overrides: Partial<Pick<FsPort, "appendMode" | "fileSystem">> = {}): FaultPort {
  const calls: string[] = [];
  const rules: { call: RegExp; fault: Fault; skip: number; times: number }[] = [];
  const waiting: { call: RegExp; resolve: () => void }[] = [];
  const observers = new Set<(call: string) => (() => void) | undefined>();
  let openFiles = 0;
  let inFlight = 0;

  const name = (path: string): string => (relative(root, path) || ".").split(sep).join("/").replace(/\.tmp-[^/]+/g, "TMP");

  async function run<T>(call: string, real: () => Promise<T>, short?: (bytes: number) => Promise<T>): Promise<T> {
    inFlight += 1;
    const ends = [...observers].map((begin) => begin(call));
    try {
      return await faulty(call, real, short);
    } finally {
      inFlight -= 1;
      for (const end of ends) end?.();
    }
  }

  async function faulty<T>(call: string, real: () => Promise<T>, short?: (bytes: number) => Promise<T>): Promise<T> {
    calls.push(call);
    for (const it of waiting) if (it.call.test(call)) it.resolve();
    const rule = rules.find((it) => it.call.test(call) && it.times > 0 && (it.skip -= 1) < 0);
    if (rule === undefined) return real();
    rule.times -= 1;
    const { fault } = rule;
    if ("until" in fault) await fault.until;
    else if ("first" in fault) await fault.first();
    else if ("written" in fault) return short === undefined ? real() : short(fault.written);
    else {
      if ("done" in fault) await real();
      throw Object.assign(new Error(`${fault.code}: injected into ${call}`), { code: fault.code });
    }
    return real();
  }

  function wrap(file: FsFile, path: string, flags: string): FsFile {
    const it = `${name(path)}${flags}`;
    return {
      read: (buffer, offset, length, position) => run(`read ${it}`, () => file.read(buffer, offset, length, position)),
      write: (bytes, position) =>
        run(
          `write ${it} ${bytes.byteLength}@${position}`,
          () => file.write(bytes, position),
          (written) => file.write(bytes.subarray(0, written), position),
        ),
      sync: () => run(`sync ${it}`, () => file.sync()),
      datasync: () => run(`datasync ${it}`, () => file.datasync()),
      truncate: (size) => run(`truncate ${it} ${size}`, () => file.truncate(size)),
      stat: () => run(`fstat ${it}`, () => file.stat()),
      tryLock: () => run(`tryLock ${it}`, () => file.tryLock()),
      unlock: () => run(`unlock ${it}`, () => file.unlock()),
      close: async () => {
        await run(`close ${it}`, () => file.close());
        openFiles -= 1;
      },
    };
  }

  return {
    name: "fault",
    appendMode: () => overrides.appendMode?.() ?? nodeFsPort.appendMode(),
    async open(path, options) {
      const flags = `${options.dsync === true ? " dsync" : ""}${options.direct === true ? " direct" : ""}`;
      const file = await run(`open ${options.mode} ${name(path)}${flags}`, () => nodeFsPort.open(path, options));
      openFiles += 1;
      return wrap(file, path, flags);
    },
    mkdir: (path, permissions) => run(`mkdir ${name(path)}`, () => nodeFsPort.mkdir(path, permissions)),
    readdir: (path) => run(`readdir ${name(path)}`, () => nodeFsPort.readdir(path)),
    lstat: (path) => run(`lstat ${name(path)}`, () => nodeFsPort.lstat(path)),
    link: (from, to) => run(`link ${name(from)} ${name(to)}`, () => nodeFsPort.link(from, to)),
    rename: (from, to) => run(`rename ${name(from)} ${name(to)}`, () => nodeFsPort.rename(from, to)),
    unlink: (path) => run(`unlink ${name(path)}`, () => nodeFsPort.unlink(path)),
    realpath: (path) => run(`realpath ${name(path)}`, () => nodeFsPort.realpath(path)),
    syncDirectory: (path) => run(`syncDirectory ${name(path)}`, () => nodeFsPort.syncDirectory(path)),
    fileSystem: (path) => run(`fileSystem ${name(path)}`, () => (overrides.fileSystem ?? nodeFsPort.fileSystem)(path)),
    calls,
    inject(call, fault, { nth = 1, times = 1 } = {}) {
      rules.push({ call, fault, skip: nth - 1, times });
    },
    begun(call) {
      if (calls.some((it) => call.test(it))) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ call, resolve }));
    },
    observe(begin) {
      observers.add(begin);
      return { stop: () => observers.delete(begin) };
    },
    async quiet() {
      do await new Promise((resolve) => setImmediate(resolve));
      while (inFlight > 0);
      // What a call led to begins in the same turn, so one more without a call is enough.
      await new Promise((resolve) => setImmediate(resolve));
      if (inFlight > 0) await this.quiet();
    },
    forget() {
      calls.length = 0;
    },
    get openFiles() {
      return openFiles;
    },
  };
}

/** A promise and the function that resolves it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
