import type { CommitCursor, CommitRange } from "./device.js";
import type { LogParent } from "./types.js";

/** A log that somebody else writes, as a reader sees it: what was found the last time it looked. */
export interface RemoteLog {
  /** 32 hexadecimal digits; `undefined` as long as there is no log. */
  logId(): string | undefined;
  /** The log that this one was restored from. */
  parent(signal: AbortSignal | undefined): Promise<LogParent | undefined>;
  /** The first sequence number that is kept. */
  firstSeq(): number;
  /** The last sequence number that may be delivered: it is durable, and nothing takes it back. */
  lastSeq(): number;
  /** Looks where the log begins and ends now. */
  refresh(): Promise<void>;
  /** Looks whether there is more, for somebody who asks again and again. */
  poll(): Promise<void>;
  commits(range: CommitRange): CommitCursor;
}
