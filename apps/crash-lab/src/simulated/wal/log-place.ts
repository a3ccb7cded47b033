/** The log's directory in the backend. */
export const PREFIX = "log";
/** The backend's directory on the disk. */
export const ROOT = "/data";
/** The log's `idleMarkerMs`: after so long without an append it writes a marker. */
export const IDLE_MARKER_MS = 50;
/** The window of a relaxed log. */
export const SYNC_EVERY_MS = 40;
/** First sequence number with the option `late`. */
export const LATE_START = 1000;
