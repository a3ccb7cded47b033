// Loaded by plain Node in child processes and worker threads of the conformance suite.
import { fsBackend } from "@holdfast/storage-fs";

/** @param {string} root */
export function open(root) {
  return fsBackend({ root });
}
