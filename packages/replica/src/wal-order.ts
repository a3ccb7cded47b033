import { compareBigints } from "./pos.js";
import type { WalSegmentInfo } from "./infos.js";

/**
 * The same segments, those of one index sorted by offset. They come sorted by name, which in the layout of litestream 0.3 is not the
 * same: offsets from 4 GiB on have more digits. Holds the segments of one index.
 */
export async function* sortedByOffset(segments: AsyncIterable<WalSegmentInfo>): AsyncGenerator<WalSegmentInfo, void, undefined> {
  let ofOneIndex: WalSegmentInfo[] = [];
  for await (const segment of segments) {
    if (ofOneIndex[0] !== undefined && ofOneIndex[0].index !== segment.index) {
      yield* sorted(ofOneIndex);
      ofOneIndex = [];
    }
    ofOneIndex.push(segment);
  }
  yield* sorted(ofOneIndex);
}

function sorted(segments: readonly WalSegmentInfo[]): readonly WalSegmentInfo[] {
  return segments.toSorted((a, b) => compareBigints(a.offset, b.offset));
}
