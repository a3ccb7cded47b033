export { s3Backend } from "./backend.js";
export type { S3Credentials, S3CredentialsProvider } from "./credentials.js";
export { abortLeftovers } from "./leftovers.js";
export type { AbortLeftoversOptions } from "./leftovers.js";
export type { S3BackendOptions } from "./options.js";
export { nodeHttpPort } from "./port.js";
export type { NodeHttpPortOptions } from "./port.js";
