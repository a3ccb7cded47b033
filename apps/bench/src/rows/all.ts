import type { MissingPeer, Peer } from "../peers/store.js";
import type { RowFamily } from "../row.js";
import { appendFamily, appendWorkloads } from "./append.js";
import { checkpointOpenFamily } from "./checkpoint-open.js";
import { checkpointSaveFamily } from "./checkpoint-save.js";
import { checkpointStreamsFamily } from "./checkpoint-streams.js";
import { checksumFamily } from "./checksum.js";
import { kinesisPutsFamily } from "./kinesis-puts.js";
import { memoryFamily } from "./memory.js";
import { openFamily } from "./open.js";
import { replayFamily } from "./replay.js";
import { replicaLz4Family } from "./replica-lz4.js";
import { replicaMemoryFamily } from "./replica-memory.js";
import { replicaOverheadFamily } from "./replica-overhead.js";
import { replicaRequestsFamily } from "./replica-requests.js";
import { replicaRestoreFamily } from "./replica-restore.js";
import { statFamily } from "./stat.js";
import { runtimeInputsFamily } from "./runtime-inputs.js";
import { runtimeQueriesFamily } from "./runtime-queries.js";
import { stateCommitsFamily } from "./state-commits.js";
import { statePauseFamily } from "./state-pause.js";
import { stateReopenFamily } from "./state-reopen.js";
import { tailFamily } from "./tail.js";
import { verifyFamily } from "./verify.js";

/** Every group of rows, in the order of the report. */
export function rowFamilies(peers: readonly (Peer | MissingPeer)[]): readonly RowFamily[] {
  return [
    ...appendWorkloads.map((workload) => appendFamily(workload, peers)),
    replayFamily(peers),
    memoryFamily,
    openFamily,
    checksumFamily,
    verifyFamily,
    tailFamily,
    statFamily,
    stateCommitsFamily,
    statePauseFamily,
    stateReopenFamily,
    kinesisPutsFamily,
    runtimeInputsFamily,
    runtimeQueriesFamily,
    checkpointSaveFamily,
    checkpointOpenFamily,
    checkpointStreamsFamily,
    replicaOverheadFamily,
    replicaLz4Family,
    replicaRestoreFamily,
    replicaMemoryFamily,
    replicaRequestsFamily,
  ];
}
