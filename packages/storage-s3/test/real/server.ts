import { systemClock } from "@holdfast/storage";
import type { HttpRequest, HttpResponse } from "@holdfast/storage/ports";
import { nodeHttpPort, s3Backend, type S3BackendOptions } from "../../src/index.js";
import { Signer } from "../../src/signer.js";

/** The server that the tests in this directory run against, as the environment names it. */
export interface Server {
  /** For the names of tests and files. */
  readonly name: string;
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** `undefined` where the environment names none. */
export const server: Server | undefined = fromEnvironment();

/** Options for a backend on a fresh prefix of the server's bucket. */
export function freshOptions(): S3BackendOptions & { readonly prefix: string } {
  const { endpoint, bucket, region, credentials } = required();
  // Parts as small as they may be, so that the bodies of 8 MiB in the tests go in parts.
  return { endpoint, bucket, region, credentials, prefix: freshPrefix(), partBytes: 5 * 1_048_576 };
}

/** A name that no test used before. */
export function freshPrefix(): string {
  count += 1;
  return `test-${process.pid}-${Date.now().toString(36)}-${count}`;
}

/** Removes everything below the prefix. */
export async function removeAll(options: S3BackendOptions): Promise<void> {
  const backend = s3Backend(options);
  const keys = [];
  for await (const { key } of backend.list("" as never)) keys.push(key);
  await backend.remove(keys);
  await backend.close();
}

/** Makes the bucket of a server that was started for these tests. On others it has to be there. */
export async function makeBucket(): Promise<void> {
  if (process.env["HOLDFAST_S3_MAKE_BUCKET"] !== "1") return;
  const { status, body } = await send({ method: "PUT", path: `/${required().bucket}` });
  // It is there when another file of tests was first.
  if (status !== 200 && status !== 409) throw new Error(`the bucket was not made: ${status} ${body}`);
}

/** A request as it is, for what no backend would send. */
export interface RawRequest {
  readonly method: HttpRequest["method"];
  /** Behind the endpoint, with the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: HttpResponse["headers"];
  readonly body: string;
}

/** Sends one request once, signed. */
export async function send({ method, path, headers = {}, body }: RawRequest): Promise<RawResponse> {
  const { endpoint, region, credentials } = required();
  const request = { method, url: `${endpoint}${path}`, headers, body: body === undefined ? undefined : new TextEncoder().encode(body) };
  const signed = await new Signer(region, systemClock).sign(request, credentials);
  const response = await port.request({ ...request, headers: signed, timeoutMs: 30_000 });
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body) pieces.push(piece);
  return { status: response.status, headers: response.headers, body: Buffer.concat(pieces).toString() };
}

const port = nodeHttpPort();
let count = 0;

function required(): Server {
  if (server === undefined) throw new Error("no server is named");
  return server;
}

function fromEnvironment(): Server | undefined {
  const env = process.env;
  const endpoint = env["HOLDFAST_S3_ENDPOINT"];
  if (endpoint === undefined || endpoint === "") return undefined;
  return {
    name: env["HOLDFAST_S3_SERVER"] ?? endpoint,
    endpoint: endpoint.replace(/\/+$/, ""),
    bucket: env["HOLDFAST_S3_BUCKET"] ?? "holdfast-test",
    region: env["HOLDFAST_S3_REGION"] ?? "us-east-1",
    credentials: { accessKeyId: env["HOLDFAST_S3_ACCESS_KEY_ID"] ?? "", secretAccessKey: env["HOLDFAST_S3_SECRET_ACCESS_KEY"] ?? "" },
  };
}
