/** What many logs in one process take. */
export interface IdleReport {
  /** Openings of new logs in a second, one after the other. */
  readonly newPerSecond: number;
  /** Openings of logs that were closed before. */
  readonly againPerSecond: number;
  /** Of each open log on which nothing happens, without what its storage keeps. */
  readonly bytesPerLog: number;
}

/** The line that a worker reports. */
export function formatIdleReport({ newPerSecond, againPerSecond, bytesPerLog }: IdleReport): string {
  return `${newPerSecond} ${againPerSecond} ${bytesPerLog}\n`;
}

/** Reads a line made by {@link formatIdleReport}; throws on anything else. */
export function parseIdleReport(line: string): IdleReport {
  const [newPerSecond, againPerSecond, bytesPerLog, ...rest] = line.split(" ").map(Number);
  if (newPerSecond === undefined || againPerSecond === undefined || bytesPerLog === undefined || rest.length > 0 || !Number.isFinite(newPerSecond + againPerSecond + bytesPerLog)) {
    throw new Error("The child process reported something that is not understood.");
  }
  return { newPerSecond, againPerSecond, bytesPerLog };
}
