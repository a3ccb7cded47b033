// A real S3 server for a program that needs one: the one that HOLDFAST_S3_ENDPOINT names, or one of those that this machine has or can
// install, with an empty bucket. The variables are those of test-s3.js.
import { createHash, createHmac } from "node:crypto";
import { obtain, serverNames, startServer, versionOf } from "./s3-servers.js";

const REGION = "us-east-1";
const BUCKET = "holdfast-test";

/** What goes in and comes out stands in s3-session.d.ts. */
export async function openS3Session(names = serverNames) {
  const env = process.env;
  if (env.HOLDFAST_S3_ENDPOINT) {
    return {
      name: env.HOLDFAST_S3_SERVER ?? "the server of HOLDFAST_S3_ENDPOINT",
      endpoint: env.HOLDFAST_S3_ENDPOINT.replace(/\/+$/, ""),
      bucket: env.HOLDFAST_S3_BUCKET ?? BUCKET,
      region: env.HOLDFAST_S3_REGION ?? REGION,
      accessKeyId: env.HOLDFAST_S3_ACCESS_KEY_ID ?? "",
      secretAccessKey: env.HOLDFAST_S3_SECRET_ACCESS_KEY ?? "",
      stop: () => Promise.resolve(),
    };
  }
  const reasons = [];
  const endMs = performance.now() + 1000 * Number(env.HOLDFAST_S3_INSTALL_SECONDS ?? 600);
  for (const name of names) {
    if (!serverNames.includes(name)) return { missing: `there is no server ${name}; known are ${serverNames.join(", ")}` };
    const { program, missing } = await obtain(name, Math.max(1, endMs - performance.now()));
    if (missing === undefined) return startSession(name, program);
    reasons.push(`${name}: ${missing}`);
  }
  return { missing: reasons.join("; ") };
}

async function startSession(name, program) {
  const { endpoint, accessKeyId, secretAccessKey, stop } = await startServer(name, program);
  try {
    await makeBucket(endpoint, accessKeyId, secretAccessKey);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name: `${name} ${versionOf(name)}`, endpoint, bucket: BUCKET, region: REGION, accessKeyId, secretAccessKey, stop };
}

/** PUT of the bucket, signed by AWS Signature Version 4: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
async function makeBucket(endpoint, accessKeyId, secretAccessKey) {
  const url = new URL(`/${BUCKET}`, endpoint);
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const day = time.slice(0, 8);
  const hash = sha256("");
  const names = "host;x-amz-content-sha256;x-amz-date";
  const request = ["PUT", url.pathname, "", `host:${url.host}`, `x-amz-content-sha256:${hash}`, `x-amz-date:${time}`, "", names, hash].join("\n");
  const scope = `${day}/${REGION}/s3/aws4_request`;
  const key = [day, REGION, "s3", "aws4_request"].reduce((from, text) => hmac(from, text), `AWS4${secretAccessKey}`);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", time, scope, sha256(request)].join("\n")).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const response = await fetch(url, {
    method: "PUT",
    headers: { authorization, "x-amz-content-sha256": hash, "x-amz-date": time },
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`the bucket was not made: ${response.status} ${(await response.text()).slice(0, 500)}`);
}

function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key, text) {
  return createHmac("sha256", key).update(text).digest();
}
