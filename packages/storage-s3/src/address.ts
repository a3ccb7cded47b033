import { invalidArgument } from "./errors.js";

/** Query parameters in any order; `""` for one that has no value. */
export type Query = Readonly<Record<string, string>>;

/** Where a bucket is. */
export interface Address {
  /** Scheme, host and bucket, for messages and as an identity. */
  readonly name: string;
  /** The URL of an object, or of the bucket without `key`; encoded as it is signed and sent. */
  url(key: string | undefined, query?: Query): string;
}

/** What an {@link Address} is made of. */
export interface AddressOptions {
  readonly endpoint: string;
  readonly bucket: string;
  /** Default: false at Amazon unless the bucket has a dot, which its certificates do not cover; else true. */
  readonly pathStyle?: boolean | undefined;
  /** Plain HTTP also to hosts that are not this machine. */
  readonly allowHttp?: boolean | undefined;
}

/** @throws STORAGE_INVALID_ARGUMENT for an endpoint or bucket that cannot be one. */
export function addressOf(options: AddressOptions): Address {
  const { bucket } = options;
  const base = parseEndpoint(options.endpoint, options.allowHttp ?? false);
  if (!BUCKET.test(bucket) || bucket.includes("..")) throw invalid("bucket must be 3 to 63 characters of a-z 0-9 . -");
  const isAmazon = /(?:^|\.)amazonaws\.com(?:\.cn)?$/.test(base.hostname);
  const pathStyle = options.pathStyle ?? (!isAmazon || bucket.includes("."));
  const path = base.pathname.replace(/\/+$/, "");
  const origin = pathStyle ? base.origin : `${base.protocol}//${bucket}.${base.host}`;
  const root = pathStyle ? `${origin}${path}/${bucket}` : `${origin}${path}`;
  return {
    name: root,
    url(key, query = {}) {
      const text = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
      const object = key === undefined ? root : `${root}/${key.split("/").map(encode).join("/")}`;
      return `${object}${key === undefined && !pathStyle ? "/" : ""}${text === "" ? "" : "?"}${text}`;
    },
  };
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

function parseEndpoint(endpoint: string, allowHttp: boolean): URL {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    throw invalid("endpoint must be a URL such as https://s3.example.com");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") throw invalid("endpoint must begin with https:// or http://");
  if (url.username !== "" || url.password !== "") throw invalid("endpoint must not contain credentials");
  if (url.search !== "" || url.hash !== "") throw invalid("endpoint must not have a query or fragment");
  if (url.protocol === "http:" && !allowHttp && !LOOPBACK.test(url.hostname)) {
    throw invalid("endpoint is plain HTTP to another machine; use https://, or set allowHttp");
  }
  return url;
}

/** Everything but the unreserved characters of RFC 3986, as signatures of version 4 have it. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`);
}

function invalid(what: string): Error {
  return invalidArgument(what, { operation: "s3Backend", outcome: "not_applied" });
}
