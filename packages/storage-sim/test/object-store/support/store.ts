import type { HttpResponse } from "@holdfast/storage/ports";

/** The whole body of a response. */
export async function bodyOf(response: HttpResponse): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body) pieces.push(piece);
  return Buffer.concat(pieces);
}
