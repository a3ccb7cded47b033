import type { Clock, HttpPort, RandomSource } from "@holdfast/storage/ports";
import type { S3Credentials, S3CredentialsProvider } from "./credentials.js";

/** Options of `s3Backend`. */
export interface S3BackendOptions {
  /** The bucket; it must be there. */
  readonly bucket: string;
  /**
   * Where the store is, such as `"https://s3.eu-central-1.amazonaws.com"` or `"http://127.0.0.1:9000"`. Default: Amazon's in
   * `region`.
   */
  readonly endpoint?: string | undefined;
  /** Default: AWS_REGION or AWS_DEFAULT_REGION of the environment, else `"us-east-1"`, which is what most other stores expect. */
  readonly region?: string | undefined;
  /** A directory of the bucket, such as `"team/orders"`, that holds everything. At most 100 characters. Default: all of the bucket. */
  readonly prefix?: string | undefined;
  /**
   * An access key, or a function that gives one and is asked again before it expires. Default: AWS_ACCESS_KEY_ID,
   * AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment, read once.
   */
  readonly credentials?: S3Credentials | S3CredentialsProvider | undefined;
  /**
   * `https://HOST/BUCKET/KEY` instead of `https://BUCKET.HOST/KEY`. Default: false at Amazon, unless the bucket has a dot; true
   * elsewhere.
   */
  readonly pathStyle?: boolean | undefined;
  /** Plain HTTP also to other machines. What is stored can then be read and changed on its way. Default false. */
  readonly allowHttp?: boolean | undefined;
  /**
   * Whether the first `create` finds out by trial that the store decides who creates an object (16 small requests, once
   * for a bucket in the life of a port), or relies on it. Default `"probe"`.
   */
  readonly conditionalWrites?: "probe" | "trusted" | undefined;
  /** A body of at most so many bytes is one PUT, a longer one goes in parts of this size: 5 MiB to 1 GiB. Default 8 MiB. Up to four are in memory. */
  readonly partBytes?: number | undefined;
  /** The longest object or range that `read` takes into memory, in bytes: 1 to 4 GiB. Default 1 GiB. `stream` has no limit. */
  readonly maxReadBytes?: number | undefined;
  /** Requests under way at a time: 1 to 1,000. Streams that are being read do not count. Default 32. */
  readonly maxConcurrency?: number | undefined;
  /** An attempt fails when nothing moved for so many milliseconds: 1 to 600,000. Default 15,000. */
  readonly timeoutMs?: number | undefined;
  /** How long one request may take with all its attempts and pauses, in milliseconds: 1 to 3,600,000. Default 120,000. */
  readonly callTimeoutMs?: number | undefined;
  /** How often a request is made at most: 1 to 100. Default 8. */
  readonly attempts?: number | undefined;
  /**
   * HTTP. Default: `nodeHttpPort()`, one for the process, whose idle connections are closed with the last backend that uses it. One
   * that is passed in is not closed by the backend.
   */
  readonly port?: HttpPort | undefined;
  /** Default: the system's. Dates signatures, and measures pauses and timeouts. */
  readonly clock?: Clock | undefined;
  /** Default: the system's. Names writes, and draws pauses. */
  readonly random?: RandomSource | undefined;
}
