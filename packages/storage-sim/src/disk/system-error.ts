/** An error as Node's file system throws it: `code` says what happened. */
export function systemError(code: string, operation: string, path: string): Error {
  // Node's have no stack either, and taking one costs more than all the rest of a call.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = new Error(`${code}: ${operation} '${path}'`);
  Error.stackTraceLimit = stackTraceLimit;
  return Object.assign(error, { code, syscall: operation, path });
}

/** The code of a system error; `"?"` for anything else. */
export function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : "?";
}
