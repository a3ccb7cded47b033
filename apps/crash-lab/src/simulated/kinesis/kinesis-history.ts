import { simulatedState } from "../snapshot/state-history.js";
import type { StoreHistory } from "../store-history.js";
import { trialHistory } from "../trial-history.js";
import { kinesisSubject } from "./kinesis-subject.js";

/** The native Kinesis store on a directory: `@holdfast/kinesis` on `@holdfast/snapshot`. The steps are those of the state store. */
export const kinesisHistory: StoreHistory = trialHistory(simulatedState("kinesis", kinesisSubject));
