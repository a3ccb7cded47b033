import type { StoreHistory } from "../store-history.js";
import { playSchedule } from "./play-schedule.js";
import { scheduleHistory } from "./schedule-history.js";

/** The log on object storage: `@holdfast/wal` on `@holdfast/storage-s3` on a simulated store. */
export const walObjectsHistory: StoreHistory = scheduleHistory({
  name: "wal-objects",
  play: playSchedule,
  traceHash: ({ store, ledger }) => `${store.hash.slice(0, 16)}-${ledger.hash().slice(0, 16)}`,
});
