/** A call of the file system's port. A write on a descriptor with O_DSYNC is a `dsyncWrite`. */
export type SimOperation =
  | "open"
  | "mkdir"
  | "readdir"
  | "lstat"
  | "link"
  | "rename"
  | "unlink"
  | "realpath"
  | "syncDirectory"
  | "fileSystem"
  | "read"
  | "write"
  | "dsyncWrite"
  | "sync"
  | "datasync"
  | "truncate"
  | "stat"
  | "tryLock"
  | "unlock"
  | "close";

/**
 * What a call meets.
 *
 * - `fail`: it does nothing and fails with `code`.
 * - `failAfter`: it is done and then fails with `code`: the caller cannot know.
 * - `failPartly`: a prefix is written, then it fails with `code`.
 * - `drop`: a flush fails with `code`. What it should have made durable survives a crash or not, piece by piece; the cache shows
 *   it and calls it clean, so that the next flush answers ok.
 * - `lie`: a flush answers ok and has done nothing.
 * - `lost`: a write answers ok, and the disk keeps what it had. The cache shows it.
 * - `misdirect`: a write answers ok, and the disk put it somewhere else in the file; a read gets the bytes of another place.
 * - `short`: fewer bytes than asked for are read or written.
 * - `flip`: one bit of what is read is wrong, this time. `rot`: from now on.
 * - `zero`: one of the sectors that are read holds zeros from now on.
 * - `unreadable`: one of the sectors that are read fails with EIO from now on, until a write of all of it has reached the disk. The
 *   cache shows such a write before; a write of a part of the sector fails with EIO, since the rest would have to be read.
 * - `shuffle`: entries are answered in another order.
 * - `evict`: clean pages leave the cache first: what a failed flush or a bad disk lost is gone from sight too.
 * - `readOnly`: the file system is read-only from this call on.
 */
export type FaultKind =
  | "fail"
  | "failAfter"
  | "failPartly"
  | "drop"
  | "lie"
  | "lost"
  | "misdirect"
  | "short"
  | "flip"
  | "rot"
  | "zero"
  | "unreadable"
  | "shuffle"
  | "evict"
  | "readOnly";

/** One fault of a plan: it hits calls of one operation. */
export interface Fault {
  /** `"*"`: of all that the kind can hit. */
  readonly operation: SimOperation | "*";
  /** Only calls on paths that match; `*` stands for any characters, also for `/`. Default: all. A rename or link is on its source. */
  readonly path?: string | undefined;
  /** The first call that is hit, counted from 1 among those that match. */
  readonly nth: number;
  /** How many calls are hit; `Infinity`: all from there on. Default 1. */
  readonly times?: number | undefined;
  readonly kind: FaultKind;
  /** For the kinds that fail: a code such as `"EIO"`. Default EIO. */
  readonly code?: string | undefined;
}

/** Faults; of several that hit one call the first counts. */
export type FaultPlan = readonly Fault[];

/** Which operations a kind of fault can hit. */
export const FAULT_OPERATIONS: Readonly<Record<FaultKind, readonly SimOperation[]>> = {
  fail: [
    "open", "mkdir", "readdir", "lstat", "link", "rename", "unlink", "realpath", "syncDirectory", "fileSystem",
    "read", "write", "dsyncWrite", "sync", "datasync", "truncate", "stat", "tryLock", "unlock", "close",
  ],
  failAfter: ["open", "mkdir", "link", "rename", "unlink", "write", "dsyncWrite", "sync", "datasync", "syncDirectory", "truncate", "close"],
  failPartly: ["write", "dsyncWrite"],
  drop: ["dsyncWrite", "sync", "datasync", "syncDirectory"],
  lie: ["dsyncWrite", "sync", "datasync", "syncDirectory"],
  lost: ["write", "dsyncWrite"],
  misdirect: ["read", "write", "dsyncWrite"],
  short: ["read", "write", "dsyncWrite"],
  flip: ["read"],
  rot: ["read"],
  zero: ["read"],
  unreadable: ["read"],
  shuffle: ["readdir"],
  evict: ["open", "lstat", "readdir", "read", "write", "dsyncWrite", "sync", "datasync", "stat", "truncate"],
  readOnly: ["open", "mkdir", "link", "rename", "unlink", "write", "dsyncWrite", "truncate"],
};

/**
 * A plan as one line without spaces: `dsyncWrite[*.wal]#3=drop:EIO;mkdir#1+=fail:ENOSPC;read#2x4=flip`, or `-` without faults.
 *
 * @throws RangeError for a fault that {@link parsePlan} would refuse.
 */
export function formatPlan(plan: FaultPlan): string {
  return plan.length === 0 ? "-" : plan.map((fault) => formatFault(checked(fault))).join(";");
}

/**
 * The inverse of {@link formatPlan}.
 *
 * @throws RangeError that names the part which is no fault.
 */
export function parsePlan(line: string): FaultPlan {
  return line === "-" ? [] : line.split(";").map(parseFault);
}

/**
 * Checks that a fault can happen.
 *
 * @throws RangeError for numbers out of bounds, a code that is none, or a kind that cannot hit the operation.
 */
export function checked(fault: Fault): Fault {
  const { operation, nth, times = 1, kind, code = DEFAULT_CODE } = fault;
  if (!isKind(kind)) throw new RangeError(`no kind of fault: ${JSON.stringify(kind)}`);
  if (operation !== "*" && !FAULT_OPERATIONS[kind].includes(operation)) throw new RangeError(`${kind} cannot hit ${JSON.stringify(operation)}`);
  if (!Number.isSafeInteger(nth) || nth < 1) throw new RangeError("nth is an integer from 1 on");
  if (times !== Infinity && (!Number.isSafeInteger(times) || times < 1)) throw new RangeError("times is an integer from 1 on, or Infinity");
  if (!/^E[A-Z0-9]{1,20}$/.test(code)) throw new RangeError(`no code of a system error: ${JSON.stringify(code)}`);
  if (fault.path === "") throw new RangeError("an empty path matches nothing");
  return fault;
}

/** Whether the kind makes the call fail, so that its code matters. */
export function failsWithCode(kind: FaultKind): boolean {
  return kind === "fail" || kind === "failAfter" || kind === "failPartly" || kind === "drop";
}

/** The code of a fault that names none. */
export const DEFAULT_CODE = "EIO";

function formatFault({ operation, path, nth, times = 1, kind, code = DEFAULT_CODE }: Fault): string {
  const where = path === undefined ? "" : `[${path.replace(/[%[\];\s]/g, encodeURIComponent)}]`;
  const many = times === 1 ? "" : times === Infinity ? "+" : `x${times}`;
  return `${operation}${where}#${nth}${many}=${kind}${failsWithCode(kind) ? `:${code}` : ""}`;
}

function parseFault(text: string): Fault {
  const [, operation, path, nth, many, kind, code] = FAULT.exec(text) ?? [];
  if (!isOperation(operation) || !isKind(kind)) throw new RangeError(`no fault: ${JSON.stringify(text)}`);
  if (code !== undefined && !failsWithCode(kind)) throw new RangeError(`${kind} has no code: ${JSON.stringify(text)}`);
  return checked({
    operation,
    ...(path === undefined ? {} : { path: decodeURIComponent(path) }),
    nth: Number(nth),
    ...(many === undefined ? {} : { times: many === "+" ? Infinity : Number(many.slice(1)) }),
    kind,
    ...(code === undefined ? {} : { code }),
  });
}

const FAULT = /^(\*|[a-zA-Z]+)(?:\[([^\]]+)\])?#(\d{1,15})(\+|x\d{1,15})?=([a-zA-Z]+)(?::(\w+))?$/;

function isOperation(text: string | undefined): text is SimOperation | "*" {
  return text === "*" || FAULT_OPERATIONS.fail.some((it) => it === text);
}

function isKind(text: string | undefined): text is FaultKind {
  return text !== undefined && Object.hasOwn(FAULT_OPERATIONS, text);
}
