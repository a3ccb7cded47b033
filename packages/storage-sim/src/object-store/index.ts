export type { SimObject } from "./bucket.js";
export type { ObjectFaultChance } from "./chance.js";
export type { ObjectStoreQuirks } from "./dialect.js";
export { driveClock } from "./drive.js";
export { formatObjectPlan, OBJECT_FAULT_OPERATIONS, parseObjectPlan, RETRYABLE_OBJECT_FAULTS } from "./faults.js";
export type { ObjectFault, ObjectFaultKind, ObjectFaultPlan, ObjectOperation } from "./faults.js";
export { SimObjectStore } from "./store.js";
export type { ObjectStep, SimClient, SimObjectStoreOptions, TracedExchange } from "./store.js";
