/** A real S3 server, and how to reach it. */
export interface S3Session {
  /** With its version, for people. */
  readonly name: string;
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Ends the server, if it was started for this. */
  stop(): Promise<void>;
}

/**
 * The server that HOLDFAST_S3_ENDPOINT names, or one that is started on loopback, as for `npm run test:s3`.
 *
 * @param server - Which one is started. Default: the first of those known that can be had.
 * @returns It, or why there is none.
 */
export async function openS3Session(server: string | undefined): Promise<S3Session | { readonly missing: string }> {
  const script: unknown = await import(new URL("../../../../scripts/s3-session.js", import.meta.url).href);
  if (!isScript(script)) throw new Error("scripts/s3-session.js has no openS3Session");
  const session: unknown = await script.openS3Session(server === undefined ? undefined : [server]);
  if (isSession(session) || isMissing(session)) return session;
  throw new Error("scripts/s3-session.js has answered something that is not understood");
}

interface Script {
  openS3Session(names: readonly string[] | undefined): Promise<unknown>;
}

function isScript(value: unknown): value is Script {
  return isObject(value) && typeof value["openS3Session"] === "function";
}

function isSession(value: unknown): value is S3Session {
  const texts = ["name", "endpoint", "bucket", "region", "accessKeyId", "secretAccessKey"];
  return isObject(value) && typeof value["stop"] === "function" && texts.every((name) => typeof value[name] === "string");
}

function isMissing(value: unknown): value is { readonly missing: string } {
  return isObject(value) && typeof value["missing"] === "string";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
