import { expect, it } from "vitest";
import { virtualClock } from "@holdfast/storage-sim";
import { Signer } from "../src/signer.js";

/** The example of Amazon's documentation: "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)". */
it("signs the documented example as documented", async () => {
  const signer = new Signer("us-east-1", virtualClock({ startMs: Date.UTC(2013, 4, 24) }));
  const credentials = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
  const request = { method: "GET", url: "https://examplebucket.s3.amazonaws.com/test.txt", headers: { range: "bytes=0-9" } } as const;
  const headers = await signer.sign(request, credentials);
  expect(headers).toEqual({
    range: "bytes=0-9",
    "x-amz-date": "20130524T000000Z",
    "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    authorization:
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  });
});

it("signs a session's token, and by the store's clock once it is known", async () => {
  const clock = virtualClock({ startMs: Date.UTC(2013, 4, 24) });
  const signer = new Signer("us-east-1", clock);
  const sign = () => signer.sign({ method: "HEAD", url: "https://host.example/bucket", headers: {} }, { accessKeyId: "a", secretAccessKey: "s", sessionToken: "t" });
  expect(await sign()).toMatchObject({ "x-amz-security-token": "t", authorization: expect.stringContaining("x-amz-security-token") as string });
  expect(signer.follow(clock.now() + 3_600_000)).toBe(true);
  expect((await sign())["x-amz-date"]).toBe("20130524T010000Z");
  // The same again helps nobody.
  expect(signer.follow(clock.now() + 3_600_000)).toBe(false);
});

it("needs no turn of the event loop", async () => {
  let signed = false;
  const signer = new Signer("us-east-1", virtualClock());
  void signer.sign({ method: "GET", url: "https://host.example/b/a.c", headers: {} }, { accessKeyId: "a", secretAccessKey: "s" }).then(() => { signed = true; });
  await new Promise((resolve) => { setImmediate(resolve); });
  expect(signed).toBe(true);
});
