/** Highest growth above the start while the log was read. */
export interface MemoryReport {
  readonly records: number;
  readonly residentMiB: number;
  readonly externalMiB: number;
}

/** The line a memory worker reports. */
export function formatMemoryReport({ records, residentMiB, externalMiB }: MemoryReport): string {
  return `${records} ${residentMiB} ${externalMiB}\n`;
}

/** Reads a line made by {@link formatMemoryReport}; throws on anything else. */
export function parseMemoryReport(line: string): MemoryReport {
  const [records, residentMiB, externalMiB, ...rest] = line.split(" ").map(Number);
  if (records === undefined || residentMiB === undefined || externalMiB === undefined || rest.length > 0 || !Number.isFinite(records + residentMiB + externalMiB)) {
    throw new Error("The child process reported something that is not understood.");
  }
  return { records, residentMiB, externalMiB };
}
