import { JsonReader, JsonWriter, oneOf, required, struct, text, type JsonType } from "@holdfast/bytes/json";
import { epochSeconds } from "./types.js";

/** What a consumer is doing. */
export type ConsumerStatus = "CREATING" | "DELETING" | "ACTIVE";

/** A consumer that is registered with a stream. */
export interface KinesisConsumer {
  readonly consumerName: string;
  readonly consumerArn: string;
  readonly consumerStatus: ConsumerStatus;
  /** Unix seconds, finite, with fractions. */
  readonly consumerCreationTimestamp: number;
}

/** Throws JsonError. */
export function readConsumer(bytes: Uint8Array): KinesisConsumer {
  const reader = new JsonReader(bytes);
  const value = consumer.read(reader);
  reader.end();
  return value;
}

/** Throws JsonError. */
export function writeConsumer(value: KinesisConsumer): Uint8Array {
  const writer = new JsonWriter();
  consumer.write(writer, value);
  return writer.finish();
}

/** In the order of the original. */
const consumer: JsonType<KinesisConsumer> = struct<KinesisConsumer>({
  consumerName: required("ConsumerName", text),
  consumerArn: required("ConsumerARN", text),
  consumerStatus: required("ConsumerStatus", oneOf(["CREATING", "DELETING", "ACTIVE"])),
  consumerCreationTimestamp: required("ConsumerCreationTimestamp", epochSeconds),
});
