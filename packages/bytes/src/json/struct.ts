import type { JsonReader } from "./json-reader.js";
import type { JsonWriter } from "./json-writer.js";
import type { JsonType } from "./json-type.js";

/** A field of a {@link struct}. */
export interface Field<T> {
  /** Its name in the JSON. */
  readonly name: string;
  readonly type: JsonType<T>;
  /** What is read where the field is missing. Without it, a missing field is a fault. */
  readonly whenMissing?: (() => T) | undefined;
  /** Whether the field is left out when this value is written. */
  readonly omits?: ((value: T) => boolean) | undefined;
}

/** A field for each property, in the order in which they are written. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** A field that has to be there. */
export function required<T>(name: string, type: JsonType<T>): Field<T> {
  return { name, type };
}

/** `whenMissing` is read where the field is missing; it is always written. */
export function defaulted<T>(name: string, type: JsonType<T>, whenMissing: () => T): Field<T> {
  return { name, type, whenMissing };
}

/** Missing or null is `undefined`, and `undefined` is written as null. */
export function nullable<T>(name: string, type: JsonType<T>): Field<T | undefined> {
  return { name, type: orNull(type), whenMissing: () => undefined };
}

/** Missing or null is `undefined`, and `undefined` is left out. */
export function omittable<T>(name: string, type: JsonType<T>): Field<T | undefined> {
  return { ...nullable(name, type), omits: (value) => value === undefined };
}

/**
 * An object of known fields. Written in the order of `fields`. Read in any order; a field that is not known is passed over, however
 * often it comes, one that is known may come once. Also read from an array of all the fields in order, as serde does.
 */
export function struct<T extends object>(fields: Fields<T>): JsonType<T> {
  const keys = keysOf(fields);
  const byName = new Map(keys.map((key) => [fields[key].name, key]));
  return {
    read(reader) {
      const value: Partial<T> = {};
      const offset = reader.offset;
      if (reader.kind() === "array") readPositions(reader, fields, keys, value);
      else readNames(reader, fields, byName, value);
      complete(reader, fields, keys, value, offset);
      return value;
    },
    write(writer, value) {
      let separator = "{";
      for (const key of keys) {
        if (writeField(writer, fields[key], value[key], separator)) separator = ",";
      }
      writer.raw(separator === "{" ? "{}" : "}");
    },
  };
}

function orNull<T>(type: JsonType<T>): JsonType<T | undefined> {
  return {
    read(reader) {
      if (reader.kind() !== "null") return type.read(reader);
      reader.null();
      return undefined;
    },
    write(writer, value) {
      if (value === undefined) writer.raw("null");
      else type.write(writer, value);
    },
  };
}

function readNames<T>(reader: JsonReader, fields: Fields<T>, byName: ReadonlyMap<string, keyof T>, value: Partial<T>): void {
  const seen: (keyof T)[] = [];
  reader.object((name, offset) => {
    const key = byName.get(name);
    if (key === undefined) {
      reader.skip();
      return;
    }
    reader.path.push(name);
    if (seen.includes(key)) throw reader.fault("duplicate_field", "the field comes twice", offset);
    seen.push(key);
    readField(reader, fields[key], key, value);
    reader.path.pop();
  });
}

function readPositions<T>(reader: JsonReader, fields: Fields<T>, keys: readonly (keyof T)[], value: Partial<T>): void {
  let length = 0;
  reader.array((index) => {
    const key = keys[index];
    if (key === undefined) throw reader.fault("wrong_length", `more than ${keys.length} fields`);
    reader.path.push(fields[key].name);
    readField(reader, fields[key], key, value);
    reader.path.pop();
    length += 1;
  });
  if (length < keys.length) throw reader.fault("wrong_length", `${length} of ${keys.length} fields`);
}

/** What is `undefined` is left out, so that equal values are equal objects. */
function readField<T, K extends keyof T>(reader: JsonReader, field: Field<T[K]>, key: K, value: Partial<T>): void {
  const found = field.type.read(reader);
  if (found !== undefined) value[key] = found;
}

/** Fills in what may be missing, and throws for what may not: afterwards no property is left out. */
function complete<T>(reader: JsonReader, fields: Fields<T>, keys: readonly (keyof T)[], value: Partial<T>, offset: number): asserts value is T {
  for (const key of keys) {
    if (value[key] !== undefined) continue;
    const { name, whenMissing } = fields[key];
    if (whenMissing === undefined) throw reader.fault("missing_field", `the field ${name} is missing`, offset);
    const standard = whenMissing();
    if (standard !== undefined) value[key] = standard;
  }
}

/** Answers whether the field is written, or left out. */
function writeField<T>(writer: JsonWriter, field: Field<T>, value: T, separator: string): boolean {
  if (field.omits?.(value) === true) return false;
  writer.raw(separator);
  writer.raw(`"${field.name}":`);
  writer.path.push(field.name);
  field.type.write(writer, value);
  writer.path.pop();
  return true;
}

function keysOf<T extends object>(fields: Fields<T>): readonly (keyof T & string)[] {
  const keys: (keyof T & string)[] = [];
  for (const key in fields) keys.push(key);
  return keys;
}
