import { FAULT_OPERATIONS, type Fault, type FaultKind, type FaultPlan, type SimOperation } from "@holdfast/storage-sim";
import { pick, type Draw } from "./draws.js";
import { classOf } from "./fault-classes.js";
import type { Counts } from "./store-history.js";

/**
 * A plan of faults that hit calls which a script really makes.
 *
 * @param kinds - Those that may be drawn.
 * @param calls - Of the script without faults, by operation.
 */
export function drawFaults(draw: Draw, kinds: readonly FaultKind[], calls: Counts): FaultPlan {
  const [first] = kinds;
  if (first === undefined || draw(3) === 0) return [];
  const fault = drawFault(draw, [first, ...kinds.slice(1)], calls);
  if (fault === undefined) return [];
  // Two faults, where the second one leaves something to be promised.
  const [honest, ...others] = HONEST.filter((it) => kinds.includes(it));
  const second = draw(6) === 0 && honest !== undefined ? drawFault(draw, [honest, ...others], calls) : undefined;
  return second === undefined ? [fault] : [fault, second];
}

function drawFault(draw: Draw, kinds: readonly [FaultKind, ...FaultKind[]], calls: Counts): Fault | undefined {
  const kind = pick(draw, kinds);
  const [operation, ...others] = FAULT_OPERATIONS[kind].filter((it) => calls.has(it));
  if (operation === undefined) return undefined;
  const chosen = pick(draw, [operation, ...others]);
  // Some more than there were, for the lives behind a crash.
  const nth = 1 + draw(Math.ceil((calls.get(chosen) ?? 1) * 1.3));
  const code = codeOf(draw, kind, chosen);
  const fault: Fault = { operation: chosen, nth, kind, ...(code === undefined ? {} : { code }) };
  // Some disks stay broken until somebody heals them. What harms does it once: twice, and nothing could be promised.
  if (classOf([fault]) !== "honest" || draw(5) > 0) return fault;
  return { ...fault, times: pick(draw, [2, 5, Infinity]) };
}

/** An error that the operation gives on real systems. `undefined`: the kind has none. */
function codeOf(draw: Draw, kind: FaultKind, operation: SimOperation): string | undefined {
  switch (kind) {
    case "fail":
      return pick(draw, CODES[operation] ?? ["EIO"]);
    case "failPartly":
      return pick(draw, ["ENOSPC", "EIO", "EDQUOT", "EFBIG"]);
    case "failAfter":
    case "drop":
      return "EIO";
    case "lie":
    case "lost":
    case "misdirect":
    case "short":
    case "flip":
    case "rot":
    case "zero":
    case "unreadable":
    case "shuffle":
    case "evict":
    case "readOnly":
      return undefined;
  }
}

const HONEST: readonly FaultKind[] = ["fail", "failAfter", "failPartly", "drop", "short", "shuffle", "evict"];

const NO_ROOM_FOR_NAMES: readonly [string, ...string[]] = ["EIO", "ENOSPC", "EACCES", "EROFS", "EDQUOT"];

const CODES: Partial<Readonly<Record<SimOperation, readonly [string, ...string[]]>>> = {
  open: ["EIO", "ENOSPC", "EACCES", "EROFS", "EMFILE", "ENFILE"],
  mkdir: NO_ROOM_FOR_NAMES,
  link: NO_ROOM_FOR_NAMES,
  rename: NO_ROOM_FOR_NAMES,
  unlink: ["EIO", "EACCES", "EROFS", "EBUSY"],
  write: ["EIO", "ENOSPC", "EDQUOT", "EFBIG"],
  dsyncWrite: ["EIO", "ENOSPC", "EDQUOT", "EFBIG"],
  sync: ["EIO", "ENOSPC", "EDQUOT"],
  datasync: ["EIO", "ENOSPC", "EDQUOT"],
  syncDirectory: ["EIO", "EINVAL", "EACCES"],
  truncate: ["EIO", "ENOSPC", "EFBIG"],
  tryLock: ["EIO", "ENOLCK"],
};
