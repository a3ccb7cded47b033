/**
 * What the writing child tells the parent: one line of text each, written in one piece to its pipe before anything else happens.
 *
 * - `opening`: the log is about to be opened.
 * - `opened`: it is open; `nextSeq` comes next, and recovery found this.
 * - `offered`: records through this sequence number may be handed to `append` from now on.
 * - `acknowledged`: `append` has resolved for these.
 * - `done`: everything asked for is written and the log is closed.
 */
export type Report =
  | { readonly kind: "opening" }
  | { readonly kind: "opened"; readonly nextSeq: number; readonly tornBytes: number; readonly copiedRecords: number; readonly closedCleanly: boolean }
  | { readonly kind: "offered"; readonly through: number }
  | { readonly kind: "acknowledged"; readonly first: number; readonly last: number }
  | { readonly kind: "done" };

/** The line of a report, its line end included. */
export function formatReport(report: Report): string {
  return `${fieldsOf(report).join(" ")}\n`;
}

/** Reads a line made by {@link formatReport}. Throws on anything else: a report that is not understood must not be skipped. */
export function parseReport(line: string): Report {
  const [kind, ...rest] = line.split(" ");
  const numbers = rest.map(Number);
  const [a, b, c, d] = numbers;
  if (numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    if (kind === "opening" && numbers.length === 0) return { kind };
    if (kind === "done" && numbers.length === 0) return { kind };
    if (kind === "offered" && numbers.length === 1 && a !== undefined) return { kind, through: a };
    if (kind === "acknowledged" && numbers.length === 2 && a !== undefined && b !== undefined) return { kind, first: a, last: b };
    if (kind === "opened" && numbers.length === 4 && a !== undefined && b !== undefined && c !== undefined) {
      return { kind, nextSeq: a, tornBytes: b, copiedRecords: c, closedCleanly: d === 1 };
    }
  }
  throw new Error(`The child process reported something that is not understood: ${JSON.stringify(line.slice(0, 200))}`);
}

function fieldsOf(report: Report): readonly (string | number)[] {
  switch (report.kind) {
    case "opening":
    case "done":
      return [report.kind];
    case "opened":
      return [report.kind, report.nextSeq, report.tornBytes, report.copiedRecords, report.closedCleanly ? 1 : 0];
    case "offered":
      return [report.kind, report.through];
    case "acknowledged":
      return [report.kind, report.first, report.last];
  }
}
