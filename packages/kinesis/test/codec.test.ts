import { describe, expect, it } from "vitest";
import { decodeKinesisEntry, decodeKinesisState, encodeKinesisEntry, encodeKinesisState, KinesisError, type KinesisState, type PersistentStream } from "../src/index.js";
import { emptyState, sampleStream } from "./support/states.js";

const text = (state: KinesisState): string => Buffer.from(encodeKinesisState(state)).toString();
const decode = (json: string): KinesisState => decodeKinesisState(Buffer.from(json));
const empty = text(emptyState);
/** The state with one field's text in the place of another. */
const withField = (name: string, value: string): string => empty.replace(new RegExp(`"${name}":[^,}]*`), `"${name}":${value}`);
const withStream = (from: string, to: string): string => {
  const json = text({ ...emptyState, streams: [sampleStream] });
  expect(json).toContain(from);
  return json.replace(from, to);
};

describe("writing", () => {
  it("is compact and in the order of the original", () => {
    expect(empty).toBe(
      '{"created_at_ms":0,"streams":[],"records":[],"consumers":[],"policies":[],"resource_tags":[],"account_settings_json":[],"pending_transitions":[],"retained_bytes":0,"retained_records":0}',
    );
    expect(Buffer.from(encodeKinesisEntry(emptyState)).toString()).toBe(`{"Snapshot":${empty}}`);
  });

  it("orders maps by the bytes of their keys, not as JavaScript does", () => {
    const tagsOf = (...keys: string[]): string => /\["a",(\{.*?\})\]/.exec(text({ ...emptyState, resourceTags: [["a", new Map(keys.map((key) => [key, "x"]))]] }))?.[1] ?? "";
    expect(tagsOf("9", "10")).toBe('{"10":"x","9":"x"}');
    expect(tagsOf("\u{1f600}", "\uff5e")).toBe('{"\uff5e":"x","\u{1f600}":"x"}');
    expect(tagsOf("\u{1f601}", "\u{1f600}", "\u{1f600}a")).toBe('{"\u{1f600}":"x","\u{1f600}a":"x","\u{1f601}":"x"}');
    expect(tagsOf("b", "", "ab", "a", "é", "Z", "__proto__")).toBe('{"":"x","Z":"x","__proto__":"x","a":"x","ab":"x","b":"x","é":"x"}');
  });

  it("escapes what serde escapes, and nothing else", () => {
    const policy = '"\\/\b\f\n\r\t\u0000\u001f\u007f\u2028\u2029é\u{1f600}';
    expect(text({ ...emptyState, policies: [["p", policy]] })).toContain('["p","\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007f\u2028\u2029é\u{1f600}"]');
  });

  it("leaves options of shards out, and writes key_id as null", () => {
    const shard = { shardId: "s", hashKeyRange: { startingHashKey: "0", endingHashKey: "1" }, sequenceNumberRange: { startingSequenceNumber: "2" } };
    const json = text({ ...emptyState, streams: [{ ...sampleStream, shards: [{ ...shard, parentShardId: undefined }] }] });
    expect(json).toContain('"shards":[{"ShardId":"s","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"},"SequenceNumberRange":{"StartingSequenceNumber":"2"}}]');
    expect(json).toContain('"key_id":null');
    const full = { ...shard, sequenceNumberRange: { startingSequenceNumber: "2", endingSequenceNumber: "3" }, parentShardId: "p", adjacentParentShardId: "q" };
    expect(text({ ...emptyState, streams: [{ ...sampleStream, keyId: "k", shards: [full] }] })).toMatch(
      /"SequenceNumberRange":\{"StartingSequenceNumber":"2","EndingSequenceNumber":"3"\},"ParentShardId":"p","AdjacentParentShardId":"q"\}\].*"key_id":"k"/,
    );
  });

  const stream = (change: Partial<PersistentStream>): KinesisState => ({ ...emptyState, streams: [{ ...sampleStream, ...change }] });
  it.each<readonly [what: string, state: KinesisState, reason: string, path: string]>([
    ["a u64 beyond its end", { ...emptyState, createdAtMs: 2n ** 64n }, "out_of_range", "created_at_ms"],
    ["a negative u64", { ...emptyState, retainedBytes: -1n }, "out_of_range", "retained_bytes"],
    ["a u64 in a list", stream({ shardCounters: [1n, 2n ** 64n] }), "out_of_range", "streams[0].shard_counters[1]"],
    ["a fraction in a u32", stream({ warmThroughputMibps: 1.5 }), "out_of_range", "streams[0].warm_throughput_mibps"],
    ["a u32 beyond its end", stream({ retentionPeriodHours: 2 ** 32 }), "out_of_range", "streams[0].retention_period_hours"],
    ["NaN", stream({ streamCreationTimestamp: Number.NaN }), "out_of_range", "streams[0].stream_creation_timestamp"],
    ["infinity", stream({ streamCreationTimestamp: -Infinity }), "out_of_range", "streams[0].stream_creation_timestamp"],
    ["half a character", stream({ streamArn: "a\ud800" }), "utf8", "streams[0].stream_arn"],
    ["half a character in a key", stream({ tags: new Map([["a", ""], ["\udc00", ""]]) }), "utf8", "streams[0].tags[1]"],
    ["half a character in a pair", { ...emptyState, policies: [["a", "\ud800b"]] }, "utf8", "policies[0][1]"],
    ["a status that is none", stream({ streamStatus: "GONE" as "ACTIVE" }), "unknown_variant", "streams[0].stream_status"],
    ["a transition that is none", { ...emptyState, pendingTransitions: [{ kind: "Explode" as "DeleteStream", streamName: "s", readyAtMs: 1n }] }, "unknown_variant", "pending_transitions[0]"],
  ])("refuses %s", (_what, state, reason, path) => {
    expect(thrown(() => encodeKinesisState(state))).toMatchObject({ code: "KINESIS_INVALID_STATE", operation: "encodeKinesisState", outcome: "not_applied", reason, path, offset: undefined });
    expect(thrown(() => encodeKinesisEntry(state))).toMatchObject({ operation: "encodeKinesisEntry", reason, path });
  });
});

describe("reading accepts", () => {
  it.each<readonly [what: string, json: string]>([
    ["white space", empty.replaceAll(/([[\]{},:])/g, " \t\r\n$1 \n")],
    ["fields in another order", `{"retained_records":0,${empty.slice(1).replace(',"retained_records":0', "")}`],
    ["unknown fields, of any kind and more than once", `{"new":[1.5e-3,{"a":[true,false,null,-0,"\\u00e9\\ud83d\\ude00"]},{}],"new":{},${empty.slice(1)}`],
    ["no pending_transitions", empty.replace('"pending_transitions":[],', "")],
    ["an array of all fields", "[0,[],[],[],[],[],[],[],0,0]"],
    ["a field named by escapes", empty.replace("created_at_ms", "created\\u005fat_ms")],
  ])("%s", (_what, json) => {
    expect(decode(json)).toEqual(emptyState);
  });

  it("options of shards that are null, and no key_id", () => {
    const shard = '{"ShardId":"s","HashKeyRange":["0","1"],"SequenceNumberRange":["2",null],"ParentShardId":null,"AdjacentParentShardId":"q"}';
    const json = withStream('"shards":[]', `"shards":[${shard}]`).replace('"key_id":null,', "");
    expect(decode(json).streams[0]).toEqual({
      ...sampleStream,
      shards: [{ shardId: "s", hashKeyRange: { startingHashKey: "0", endingHashKey: "1" }, sequenceNumberRange: { startingSequenceNumber: "2" }, adjacentParentShardId: "q" }],
    });
  });

  it("a transition's fields as an array", () => {
    expect(decode(withField("pending_transitions", '[{"DeleteStream":["s",7]}]')).pendingTransitions).toEqual([{ kind: "DeleteStream", streamName: "s", readyAtMs: 7n }]);
  });

  it("a key of a map twice, of which the last counts", () => {
    const [[, tags] = []] = decode(withField("resource_tags", '[["a",{"k":"1","__proto__":"2","k":"3"}]]')).resourceTags;
    expect(tags).toEqual(new Map([["k", "3"], ["__proto__", "2"]]));
  });

  it("names of JavaScript's own as names", () => {
    const polluted = `{"__proto__":{"streams":[1]},"constructor":1,"toString":[],${empty.slice(1)}`;
    expect(decode(polluted)).toEqual(emptyState);
    expect(Object.getPrototypeOf(decode(polluted))).toBe(Object.prototype);
    expect(({} as { streams?: unknown }).streams).toBeUndefined();
    expect(thrown(() => decode(empty.replace('"streams"', '"__proto__"')))).toMatchObject({ reason: "missing_field" });
  });

  it("bytes in every form that a number from 0 to 255 has", () => {
    expect(decode(withField("account_settings_json", "[0, 1,10 ,\n255\t,9]")).accountSettingsJson).toEqual(Uint8Array.of(0, 1, 10, 255, 9));
  });

  it("integers to the last digit", () => {
    expect(decode(withField("created_at_ms", "18446744073709551615")).createdAtMs).toBe(2n ** 64n - 1n);
    expect(decode(withField("created_at_ms", "9007199254740993")).createdAtMs).toBe(2n ** 53n + 1n);
  });
});

describe("reading refuses", () => {
  const at = (json: string, part: string): number => Buffer.byteLength(json.slice(0, json.indexOf(part)));
  const bytes = (items: string): string => withField("account_settings_json", `[${items}]`);
  const time = (value: string): string => withField("created_at_ms", value);

  const refused: readonly (readonly [what: string, json: string, reason: string, path: string, found?: string])[] = [
    ["nothing", "", "incomplete", ""],
    ["white space alone", " \n", "incomplete", ""],
    ["half of it", empty.slice(0, 60), "incomplete", ""],
    ["half a word", '{"x":tru', "incomplete", ""],
    ["another word", '{"x":trux', "syntax", ""],
    ["something behind it", `${empty} x`, "trailing", "", "x"],
    ["another state behind it", empty + empty, "trailing", ""],
    ["a byte order mark", `\ufeff${empty}`, "syntax", ""],
    ["a comma at the end", empty.replace(/\}$/, ",}"), "syntax", ""],
    ["a comma at the start", "{,", "syntax", "", ","],
    ["no comma", '{"a":1 "b":2}', "syntax", "", '"b"'],
    ["no colon", '{"a" 1}', "syntax", "", "1}"],
    ["a name that is no string", "{1:2}", "wrong_type", "", "1:2"],
    ["a comment", `/* */${empty}`, "syntax", "", "/"],
    ["a text", '"state"', "wrong_type", ""],
    ["a number", "5", "wrong_type", ""],
    ["a text for a number", time('"1"'), "wrong_type", "created_at_ms", '"1"'],
    ["null for a number", time("null"), "wrong_type", "created_at_ms", "null"],
    ["a fraction", time("1.0"), "wrong_type", "created_at_ms", "1.0"],
    ["an exponent", time("1e3"), "wrong_type", "created_at_ms", "1e3"],
    ["a negative integer", time("-1"), "wrong_type", "created_at_ms", "-1"],
    ["a negative zero", time("-0"), "wrong_type", "created_at_ms", "-0"],
    ["2^64", time("18446744073709551616"), "out_of_range", "created_at_ms", "18446744073709551616"],
    ["a million digits", time("9".repeat(1_000_000)), "out_of_range", "created_at_ms", "999"],
    ["a leading zero", time("01"), "syntax", "created_at_ms", "01"],
    ["a number without digits", time("-"), "syntax", "created_at_ms"],
    ["a plus", time("+1"), "syntax", "created_at_ms", "+1"],
    ["a point without digits", '{"x":1.}', "syntax", "", "}"],
    ["an exponent without digits", '{"x":1e+}', "syntax", "", "}"],
    ["a u32 beyond its end", withStream('"warm_throughput_mibps":0', '"warm_throughput_mibps":4294967296'), "out_of_range", "streams[0].warm_throughput_mibps", "4294967296"],
    ["seconds beyond a double", withStream('timestamp":1700000000', 'timestamp":1e309'), "out_of_range", "streams[0].stream_creation_timestamp", "1e309"],
    ["seconds that are null", withStream('timestamp":1700000000', 'timestamp":null'), "wrong_type", "streams[0].stream_creation_timestamp"],
    ["a number for a flag", withStream('"has_more_shards":false', '"has_more_shards":0'), "wrong_type", "streams[0].has_more_shards", '0,"shards"'],
    ["a status that is none", withStream('"ACTIVE"', '"active"'), "unknown_variant", "streams[0].stream_status", '"active"'],
    ["256 for a byte", bytes("1,256"), "out_of_range", "account_settings_json", "256"],
    ["1000 for a byte", bytes("1000"), "out_of_range", "account_settings_json", "1000"],
    ["-1 for a byte", bytes("-1"), "wrong_type", "account_settings_json", "-1"],
    ["1.5 for a byte", bytes("1.5"), "wrong_type", "account_settings_json", "1.5"],
    ["a leading zero in a byte", bytes("07"), "syntax", "account_settings_json", "07"],
    ["a text for bytes", withField("account_settings_json", '"e30="'), "wrong_type", "account_settings_json", '"e30="'],
    ["a field twice", `{"created_at_ms":1,${empty.slice(1)}`, "duplicate_field", "created_at_ms"],
    ["a missing field", empty.replace('"streams":[],', ""), "missing_field", ""],
    ["a missing field inside", withStream('"name":"orders",', ""), "missing_field", "streams[0]"],
    ["an array that is too short", "[0,[],[],[],[],[],[],[],0]", "wrong_length", ""],
    ["an array that is too long", "[0,[],[],[],[],[],[],[],0,0,1]", "wrong_length", "", "1]"],
    ["a pair of one", withField("policies", '[["a"]]'), "wrong_length", "policies[0]"],
    ["a pair of three", withField("policies", '[["a","b","c"]]'), "wrong_length", "policies[0][2]", '"c"'],
    ["a map that is null", withField("resource_tags", '[["a",null]]'), "wrong_type", "resource_tags[0][1]", "null"],
    ["a transition of no kind", withField("pending_transitions", '[{"Explode":{}}]'), "unknown_variant", "pending_transitions[0]", '"Explode"'],
    ["no transition", withField("pending_transitions", "[{}]"), "wrong_length", "pending_transitions[0]"],
    ["two transitions in one", withField("pending_transitions", '[{"DeleteStream":["s",7],"DeleteStream":["s",7]}]'), "wrong_length", "pending_transitions[0]"],
    ["a transition without its time", withField("pending_transitions", '[{"DeleteStream":{"stream_name":"s"}}]'), "missing_field", "pending_transitions[0].DeleteStream"],
    ["an escape for half a character", withField("policies", '[["a","x\\ud83d"]]'), "utf8", "policies[0][1]", "\\ud83d"],
    ["an escape for the second half", withField("policies", '[["a","\\ude00\\ud83d"]]'), "utf8", "policies[0][1]", "\\ude00"],
    ["two first halves", withField("policies", '[["a","\\ud83d\\ud83d"]]'), "utf8", "policies[0][1]", "\\ud83d"],
    ["an escape that is none", withField("policies", '[["a","\\x41"]]'), "syntax", "policies[0][1]", "\\x41"],
    ["an escape that is cut", withField("policies", '[["a","\\u12"]]'), "syntax", "policies[0][1]", "\\u12"],
    ["a line feed in a text", withField("policies", '[["a","é\n"]]'), "syntax", "policies[0][1]", "\n"],
    ["a text without an end", '{"created_at_ms', "incomplete", ""],
    ["a text that ends in a backslash", '{"created_at_ms\\', "incomplete", ""],
    ["a list without an end", '{"streams":[', "incomplete", "streams"],
  ];
  it.each(refused.map(([what, json, reason, path, found]) => ({ what, json, reason, path, found })))("$what", ({ json, reason, path, found }) => {
    const error = thrown(() => decode(json));
    expect(error).toBeInstanceOf(KinesisError);
    expect(error).toMatchObject({ code: "KINESIS_INVALID_STATE", operation: "decodeKinesisState", reason, path, outcome: undefined });
    expect((error as KinesisError).offset).toBeGreaterThanOrEqual(0);
    expect((error as KinesisError).offset).toBeLessThanOrEqual(Buffer.byteLength(json));
    if (found !== undefined) expect((error as KinesisError).offset).toBe(at(json, found));
  });

  it("bytes that are not UTF-8, at the first of them", () => {
    const json = Buffer.from(withField("policies", '[["a","é\ufffdx?"]]'));
    const place = json.indexOf("?");
    json[place] = 0xff;
    expect(thrown(() => decodeKinesisState(json))).toMatchObject({ reason: "utf8", path: "policies[0][1]", offset: place });
    const cut = Buffer.from(json.toString("latin1").replace("x\u00ff", "\u00e2\u0082"), "latin1");
    expect(thrown(() => decodeKinesisState(cut))).toMatchObject({ reason: "utf8", offset: place - 1 });
  });

  it("nesting without end, in known and in unknown fields, and not by the end of the stack", () => {
    const nested = (levels: number, wrap: (inner: string) => string): string => wrap("[".repeat(levels) + "]".repeat(levels));
    const unknown = (inner: string): string => `{"x":${inner},${empty.slice(1)}`;
    expect(decode(nested(127, unknown))).toEqual(emptyState);
    expect(thrown(() => decode(nested(128, unknown)))).toMatchObject({ reason: "too_deep" });
    expect(thrown(() => decode(nested(1_000_000, unknown)))).toMatchObject({ reason: "too_deep", offset: 5 + 127 });
    expect(thrown(() => decode("[".repeat(1_000_000)))).toMatchObject({ code: "KINESIS_INVALID_STATE" });
    expect(thrown(() => decode(`{"x":${'{"a":'.repeat(1_000_000)}`))).toMatchObject({ reason: "too_deep" });
  });

  it("counts the depth only of what is open", () => {
    expect(decode(`{"x":[${"[],{},".repeat(500)}[]],${empty.slice(1)}`)).toEqual(emptyState);
  });
});

describe("an entry", () => {
  const entry = (json: string): KinesisState => decodeKinesisEntry(Buffer.from(json));

  it("is a state under a tag", () => {
    expect(entry(` { "Snapshot" : ${empty} } `)).toEqual(emptyState);
  });

  it.each<readonly [what: string, json: string, reason: string]>([
    ["of another tag", '{"Delta":{}}', "unknown_variant"],
    ["without a tag", "{}", "wrong_length"],
    ["that is a state", empty, "unknown_variant"],
    ["twice in one", `{"Snapshot":${empty},"Snapshot":${empty}}`, "wrong_length"],
    ["with another tag behind", `{"Snapshot":${empty},"x":1}`, "unknown_variant"],
    ["with something behind", `{"Snapshot":${empty}}x`, "trailing"],
    ["of no bytes", "", "incomplete"],
  ])("%s is refused", (_what, json, reason) => {
    expect(thrown(() => entry(json))).toMatchObject({ code: "KINESIS_INVALID_STATE", operation: "decodeKinesisEntry", reason });
  });
});

it("no message and no path has data in it", () => {
  const secret = "s3cret";
  const broken = [withField("resource_tags", `[["${secret}",{"${secret}":1}]]`), withField("pending_transitions", `[{"${secret}":1}]`), withStream('"ACTIVE"', `"${secret}"`)];
  for (const json of broken) {
    const error = thrown(() => decode(json)) as KinesisError;
    expect(`${error.message} ${String(error.path)} ${JSON.stringify(error)}`).not.toContain(secret);
  }
});

function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
