import { AwsClient } from "aws4fetch";
import { s3Backend, type S3BackendOptions } from "../../src/index.js";

/** The server that the tests in this directory run against, as the environment names it; `undefined` where it names none. */
export const server: Pick<S3BackendOptions, "endpoint" | "bucket" | "region" | "credentials"> | undefined = fromEnvironment();

/** Options for a backend on a fresh prefix of the server's bucket. */
export function freshOptions(): S3BackendOptions {
  if (server === undefined) throw new Error("no server is named");
  count += 1;
  return { ...server, prefix: `test-${process.pid}-${Date.now().toString(36)}-${count}` };
}

/** Removes everything below the prefix. */
export async function removeAll(options: S3BackendOptions): Promise<void> {
  const backend = s3Backend(options);
  const keys = [];
  for await (const { key } of backend.list("" as never)) keys.push(key);
  await backend.remove(keys);
  await backend.close();
}

/** Sends one request as it is, for what no backend would send. */
export async function raw(method: string, path: string, init: { headers?: Record<string, string>; body?: string } = {}): Promise<Response> {
  const { endpoint, region, credentials } = server ?? {};
  if (typeof credentials !== "object" || endpoint === undefined) throw new Error("no server is named");
  const { accessKeyId, secretAccessKey } = credentials;
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: region ?? "us-east-1", retries: 0 });
  return client.fetch(`${endpoint}${path}`, { method, ...init });
}

let count = 0;

function fromEnvironment(): typeof server {
  const env = process.env;
  const endpoint = env["HOLDFAST_S3_ENDPOINT"];
  if (endpoint === undefined || endpoint === "") return undefined;
  return {
    endpoint,
    bucket: env["HOLDFAST_S3_BUCKET"] ?? "holdfast-test",
    region: env["HOLDFAST_S3_REGION"] ?? "us-east-1",
    credentials: { accessKeyId: env["HOLDFAST_S3_ACCESS_KEY_ID"] ?? "", secretAccessKey: env["HOLDFAST_S3_SECRET_ACCESS_KEY"] ?? "" },
  };
}
