import { memoryBackend, memoryDisk } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { openLog } from "../src/index.js";
import { bytesOf, texts, walError } from "./support/expecting.js";

describe("a log on object storage", () => {
  test("is written, read, opened again and taken over", async () => {
    const disk = memoryDisk();
    const open = () => openLog({ storage: memoryBackend({ disk, appendable: false }), prefix: "orders", packObjects: 4 });
    const first = await open();
    for (let seq = 1; seq <= 20; seq++) expect(await first.append(bytesOf(`r${seq}`))).toBe(seq);
    const expected = Array.from({ length: 20 }, (_, index) => `${index + 1}:r${index + 1}`);
    expect(await texts(first)).toEqual(expected);
    const second = await open();
    expect(second.nextSeq).toBe(21);
    expect(await texts(second)).toEqual(expected);
    expect(await texts(second, { reverse: true })).toEqual(expected.toReversed());
    expect(await walError(first.append(bytesOf("late")), "WAL_FENCED")).toMatchObject({ outcome: "not_applied", retryable: false });
    expect(await second.append(bytesOf("r21"))).toBe(21);
    await second.trim(10);
    expect(await texts(second)).toEqual([...expected.slice(9), "21:r21"]);
    await first.close();
    await second.close();
  });
});
