export { fsBackend } from "./backend.js";
export type { FsBackend, FsBackendOptions } from "./backend.js";
export { nodeFsPort } from "./port.js";
