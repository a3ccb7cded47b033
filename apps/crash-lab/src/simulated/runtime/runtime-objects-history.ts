import type { StoreHistory } from "../store-history.js";
import { scheduleHistory } from "../wal-objects/schedule-history.js";
import { playRuntime } from "./play-runtime.js";

/** The runtime store on object storage: `@holdfast/runtime` on `@holdfast/storage-s3` on a simulated store. */
export const runtimeObjectsHistory: StoreHistory = scheduleHistory({
  name: "runtime-objects",
  play: playRuntime,
  traceHash: ({ store }) => store.hash.slice(0, 16),
});
