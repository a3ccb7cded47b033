import * as checkpoint from "@holdfast/checkpoint";
import * as kinesis from "@holdfast/kinesis";
import * as replica from "@holdfast/replica";
import * as runtime from "@holdfast/runtime";
import * as snapshot from "@holdfast/snapshot";
import * as storage from "@holdfast/storage";
import * as storageFs from "@holdfast/storage-fs";
import * as storageS3 from "@holdfast/storage-s3";
import * as wal from "@holdfast/wal";
import type { ModulesUnderTest } from "./store-history.js";

/** The packages as they are. */
export const REAL_MODULES: ModulesUnderTest = { storage, storageFs, storageS3, wal, snapshot, kinesis, runtime, checkpoint, replica };
