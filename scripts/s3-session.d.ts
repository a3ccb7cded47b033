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
 * @param names - Servers to take, the first that can be had. Default: all that are known.
 * @returns It, or why there is none.
 */
export function openS3Session(names?: readonly string[]): Promise<S3Session | { readonly missing: string }>;
