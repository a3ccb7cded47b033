import type { ParentLog } from "./format/segment.js";
import type { LogParent } from "./types.js";

/** A parent as callers name it, from how it is stored. */
export function namedParent(parent: ParentLog | undefined): LogParent | undefined {
  return parent === undefined ? undefined : { logId: Buffer.from(parent.logId).toString("hex"), seq: parent.seq };
}
