/** A request as S3's reference calls it, with shorter words for uploads in parts. */
export type ObjectOperation =
  | "HeadBucket"
  | "HeadObject"
  | "GetObject"
  | "PutObject"
  | "DeleteObject"
  | "DeleteObjects"
  | "ListObjects"
  | "CreateUpload"
  | "UploadPart"
  | "CompleteUpload"
  | "AbortUpload"
  | "ListUploads";

/**
 * What a request meets.
 *
 * - `refuse`: no connection; surely not done.
 * - `drop`: not done, and no answer. `lose`: done, and no answer. `late`: no answer, and done at some later time.
 *   No answer is a connection that breaks, or silence until the attempt's timeout, as the adversary likes.
 * - `twice`: delivered twice, and the answer is that of the second delivery: a retry that meets its own success.
 * - `fail`: 500, not done. `failAfter`: 500, done.
 * - `slow`: 503 SlowDown. `conflict`: 409 ConditionalRequestConflict, which decides nothing.
 * - `garble`: what arrives is not what was sent, and the store notices. `full`: no room.
 * - `skew`: refused for the time in the signature. `expire`: refused for credentials that have expired.
 * - `redirect`: 307 to another host.
 * - `cut`: the body of the answer breaks off. `short`: it ends early as if it were whole. `flip`: one bit of it is wrong.
 * - `drip`: the body comes in pieces, with time between them. `stall`: it stops for good somewhere.
 * - `errorInside`: an answer of 200 whose body is an error; done or not, as the adversary likes.
 * - `partial`: some of a batch are removed, the others named in the answer as failed.
 * - `page`: a page of a list has fewer names than it could have, or none. `staleToken`: the store does not know its token any more.
 */
export type ObjectFaultKind =
  | "refuse"
  | "drop"
  | "lose"
  | "late"
  | "twice"
  | "fail"
  | "failAfter"
  | "slow"
  | "conflict"
  | "garble"
  | "full"
  | "skew"
  | "expire"
  | "redirect"
  | "cut"
  | "short"
  | "flip"
  | "drip"
  | "stall"
  | "errorInside"
  | "partial"
  | "page"
  | "staleToken";

/** One fault of a plan: it hits requests of one operation. */
export interface ObjectFault {
  /** `"*"`: of all that the kind can hit. */
  readonly operation: ObjectOperation | "*";
  /** Only requests on names that match; `*` stands for any characters, also for `/`. Default: all. A list is on its prefix. */
  readonly name?: string | undefined;
  /** The first request that is hit, counted from 1 among those that match. */
  readonly nth: number;
  /** How many are hit; `Infinity`: all from there on. Default 1. */
  readonly times?: number | undefined;
  readonly kind: ObjectFaultKind;
}

/** Faults; of several that hit one request the first counts. */
export type ObjectFaultPlan = readonly ObjectFault[];

const ALL: readonly ObjectOperation[] = [
  "HeadBucket", "HeadObject", "GetObject", "PutObject", "DeleteObject", "DeleteObjects",
  "ListObjects", "CreateUpload", "UploadPart", "CompleteUpload", "AbortUpload", "ListUploads",
];
const WRITES: readonly ObjectOperation[] = [
  "PutObject", "DeleteObject", "DeleteObjects", "CreateUpload", "UploadPart", "CompleteUpload", "AbortUpload",
];
const BODIES: readonly ObjectOperation[] = ["GetObject", "ListObjects", "CompleteUpload", "DeleteObjects", "CreateUpload", "ListUploads"];

/** Which operations a kind of fault can hit. */
export const OBJECT_FAULT_OPERATIONS: Readonly<Record<ObjectFaultKind, readonly ObjectOperation[]>> = {
  refuse: ALL,
  drop: ALL,
  lose: WRITES,
  late: WRITES,
  twice: WRITES,
  fail: ALL,
  failAfter: WRITES,
  slow: ALL,
  conflict: ["PutObject", "CompleteUpload"],
  garble: ["PutObject", "UploadPart", "DeleteObjects"],
  full: ["PutObject", "UploadPart", "CompleteUpload"],
  skew: ALL,
  expire: ALL,
  redirect: ALL,
  cut: BODIES,
  short: BODIES,
  flip: ["GetObject"],
  drip: BODIES,
  stall: BODIES,
  errorInside: ["CompleteUpload"],
  partial: ["DeleteObjects"],
  page: ["ListObjects"],
  staleToken: ["ListObjects"],
};

/** Faults after which a caller that tries again, and looks who wrote what, comes to a right answer. */
export const RETRYABLE_OBJECT_FAULTS: readonly ObjectFaultKind[] = [
  "refuse", "drop", "lose", "late", "twice", "fail", "failAfter", "slow", "conflict", "garble",
  "cut", "drip", "stall", "errorInside", "partial", "page",
];

/**
 * A plan as one line without spaces: `PutObject[log/*]#3=lose;GetObject#1+=cut;*#2x4=slow`, or `-` without faults.
 *
 * @throws RangeError for a fault that {@link parseObjectPlan} would refuse.
 */
export function formatObjectPlan(plan: ObjectFaultPlan): string {
  return plan.length === 0 ? "-" : plan.map((fault) => formatFault(checkedFault(fault))).join(";");
}

/**
 * The inverse of {@link formatObjectPlan}.
 *
 * @throws RangeError that names the part which is no fault.
 */
export function parseObjectPlan(line: string): ObjectFaultPlan {
  return line === "-" ? [] : line.split(";").map(parseFault);
}

/**
 * Checks that a fault can happen.
 *
 * @throws RangeError for numbers out of bounds, or a kind that cannot hit the operation.
 */
export function checkedFault(fault: ObjectFault): ObjectFault {
  const { operation, nth, times = 1, kind, name } = fault;
  if (!isKind(kind)) throw new RangeError(`no kind of fault: ${JSON.stringify(kind)}`);
  if (operation !== "*" && !OBJECT_FAULT_OPERATIONS[kind].includes(operation)) throw new RangeError(`${kind} cannot hit ${JSON.stringify(operation)}`);
  if (!Number.isSafeInteger(nth) || nth < 1) throw new RangeError("nth is an integer from 1 on");
  if (times !== Infinity && (!Number.isSafeInteger(times) || times < 1)) throw new RangeError("times is an integer from 1 on, or Infinity");
  if (name === "") throw new RangeError("an empty name matches nothing");
  return fault;
}

function formatFault({ operation, name, nth, times = 1, kind }: ObjectFault): string {
  const where = name === undefined ? "" : `[${name.replace(/[%[\];\s]/g, encodeURIComponent)}]`;
  const many = times === 1 ? "" : times === Infinity ? "+" : `x${times}`;
  return `${operation}${where}#${nth}${many}=${kind}`;
}

function parseFault(text: string): ObjectFault {
  const [, operation, name, nth, many, kind] = /^(\*|[a-zA-Z]+)(?:\[([^\]]+)\])?#(\d{1,15})(\+|x\d{1,15})?=([a-zA-Z]+)$/.exec(text) ?? [];
  if (!isOperation(operation) || !isKind(kind)) throw new RangeError(`no fault: ${JSON.stringify(text)}`);
  return checkedFault({
    operation,
    ...(name === undefined ? {} : { name: decodeURIComponent(name) }),
    nth: Number(nth),
    ...(many === undefined ? {} : { times: many === "+" ? Infinity : Number(many.slice(1)) }),
    kind,
  });
}

function isOperation(text: string | undefined): text is ObjectOperation | "*" {
  return text === "*" || ALL.some((it) => it === text);
}

function isKind(text: string | undefined): text is ObjectFaultKind {
  return text !== undefined && Object.hasOwn(OBJECT_FAULT_OPERATIONS, text);
}
