import { describe, expect, it } from "vitest";
import { addressOf, type AddressOptions } from "../src/address.js";

const url = (options: Partial<AddressOptions>, key?: string, query?: Record<string, string>): string =>
  addressOf({ endpoint: "https://s3.example.com", bucket: "data", ...options }).url(key, query);

describe("addresses", () => {
  it("are path-style at other stores, and virtual-host style at Amazon", () => {
    expect(url({}, "a/b.c")).toBe("https://s3.example.com/data/a/b.c");
    expect(url({ endpoint: "https://s3.eu-west-1.amazonaws.com" }, "a/b.c")).toBe("https://data.s3.eu-west-1.amazonaws.com/a/b.c");
    expect(url({ endpoint: "https://s3.cn-north-1.amazonaws.com.cn" }, "a.c")).toBe("https://data.s3.cn-north-1.amazonaws.com.cn/a.c");
    // Its certificates do not cover another dot.
    expect(url({ endpoint: "https://s3.eu-west-1.amazonaws.com", bucket: "my.data" }, "a.c")).toBe("https://s3.eu-west-1.amazonaws.com/my.data/a.c");
    expect(url({ endpoint: "https://notamazonaws.com" }, "a.c")).toBe("https://notamazonaws.com/data/a.c");
  });

  it("are as the option says", () => {
    expect(url({ pathStyle: false }, "a.c")).toBe("https://data.s3.example.com/a.c");
    expect(url({ pathStyle: false })).toBe("https://data.s3.example.com/");
    expect(url({ endpoint: "https://s3.eu-west-1.amazonaws.com", pathStyle: true }, "a.c")).toBe("https://s3.eu-west-1.amazonaws.com/data/a.c");
    expect(url({ endpoint: "http://127.0.0.1:9000/", pathStyle: true }, undefined, { uploads: "" })).toBe("http://127.0.0.1:9000/data?uploads=");
  });

  it("encode everything that is not unreserved", () => {
    expect(url({}, "a b/ü!*'().c", { "x y": "a/b+=&" })).toBe("https://s3.example.com/data/a%20b/%C3%BC%21%2A%27%28%29.c?x%20y=a%2Fb%2B%3D%26");
  });

  it.each<[string, Partial<AddressOptions>]>([
    ["no URL", { endpoint: "s3.example.com" }],
    ["another scheme", { endpoint: "ftp://s3.example.com" }],
    ["credentials", { endpoint: "https://a:b@s3.example.com" }],
    ["a query", { endpoint: "https://s3.example.com/?x=1" }],
    ["plain HTTP to another machine", { endpoint: "http://s3.example.com" }],
    ["a bucket with a slash", { bucket: "a/b" }],
    ["a bucket with two dots", { bucket: "a..b" }],
    ["a bucket in upper case", { bucket: "Data" }],
  ])("are refused for %s", (_, options) => {
    expect(() => url(options)).toThrow(/^s3Backend: /);
  });

  it("are plain HTTP to this machine, and elsewhere when it is allowed", () => {
    for (const endpoint of ["http://localhost:1", "http://127.0.0.1:1", "http://127.1.2.3:1", "http://[::1]:1"]) expect(url({ endpoint }, "a.c")).toBe(`${endpoint}/data/a.c`);
    expect(url({ endpoint: "http://s3.example.com", allowHttp: true }, "a.c")).toBe("http://s3.example.com/data/a.c");
  });
});
