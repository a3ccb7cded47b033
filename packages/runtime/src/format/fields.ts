import { list, required, struct, text, type Field, type JsonReader, type JsonType } from "@holdfast/bytes/json";
import type { WorkerRef } from "./model.js";

/** Who is meant. */
export const workerRef: JsonType<WorkerRef> = struct<WorkerRef>({
  runtimeId: required("runtime_id", text),
  workerId: required("worker_id", text),
});

/** A list that may be missing, and is left out where it is empty. */
export function listOrNothing<T>(name: string, item: JsonType<T>): Field<readonly T[]> {
  return { name, type: list(item), whenMissing: () => [], omits: (items) => items.length === 0 };
}

/** What a runtime adds of its own to a line: any JSON, kept as it stands. yoi passes over it. */
export const payload: Field<string | undefined> = {
  name: "payload",
  type: {
    read: (reader) => reader.raw(),
    write: (writer, value) => {
      if (value !== undefined) writer.json(value);
    },
  },
  whenMissing: () => undefined,
  omits: (value) => value === undefined,
};

/** The text of the field `kind`, wherever it stands in the object that is read next; the object is read again afterwards. */
export function peekKind(reader: JsonReader): { readonly kind: string; readonly offset: number } {
  reader.kind();
  const start = reader.offset;
  let found: { readonly kind: string; readonly offset: number } | undefined;
  reader.object((name, offset) => {
    if (name !== "kind") {
      reader.skip();
      return;
    }
    if (found !== undefined) throw reader.fault("duplicate_field", "the field comes twice", offset);
    reader.kind();
    found = { offset: reader.offset, kind: reader.string() };
  });
  if (found === undefined) throw reader.fault("missing_field", "the field kind is missing", start);
  reader.rewind(start);
  return found;
}
