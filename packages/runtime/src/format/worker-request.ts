import { omittable, oneOf, required, struct, text, type JsonType } from "@holdfast/bytes/json";
import { listOrNothing, peekKind } from "./fields.js";
import type { NamedReference, RequestedCapability, WorkerIntent, WorkerProfile, WorkerRequest } from "./model.js";

type Assistant = Extract<WorkerIntent, { readonly kind: "assistant" }>;
type Task = Extract<WorkerIntent, { readonly kind: "task" }>;
type Role = Extract<WorkerIntent, { readonly kind: "role" }>;

const assistant: JsonType<Assistant> = struct<Assistant>({ kind: required("kind", oneOf(["assistant"])), purpose: omittable("purpose", text) });
const task: JsonType<Task> = struct<Task>({ kind: required("kind", oneOf(["task"])), objective: required("objective", text) });
const role: JsonType<Role> = struct<Role>({
  kind: required("kind", oneOf(["role"])),
  role: required("role", text),
  purpose: omittable("purpose", text),
});

const intent: JsonType<WorkerIntent> = {
  read(reader) {
    const { kind, offset } = peekKind(reader);
    if (kind === "assistant") return assistant.read(reader);
    if (kind === "task") return task.read(reader);
    if (kind === "role") return role.read(reader);
    throw reader.fault("unknown_variant", "no kind of intent", offset);
  },
  write(writer, value) {
    if (value.kind === "assistant") assistant.write(writer, value);
    else if (value.kind === "task") task.write(writer, value);
    else role.write(writer, value);
  },
};

type DefaultProfile = Extract<WorkerProfile, { readonly kind: "runtime_default" }>;
type ValueProfile = Exclude<WorkerProfile, DefaultProfile>;

const defaultProfile: JsonType<DefaultProfile> = struct<DefaultProfile>({ kind: required("kind", oneOf(["runtime_default"])) });
const valueProfile: JsonType<ValueProfile> = struct<ValueProfile>({ kind: required("kind", oneOf(["builtin", "named"])), value: required("value", text) });

const profile: JsonType<WorkerProfile> = {
  read(reader) {
    const { kind, offset } = peekKind(reader);
    if (kind === "runtime_default") return defaultProfile.read(reader);
    if (kind === "builtin" || kind === "named") return valueProfile.read(reader);
    throw reader.fault("unknown_variant", "no kind of profile", offset);
  },
  write(writer, value) {
    if (value.kind === "runtime_default") defaultProfile.write(writer, value);
    else valueProfile.write(writer, value);
  },
};

const namedReference: JsonType<NamedReference> = struct<NamedReference>({ name: required("name", text), reference: required("reference", text) });

/** What a worker was created from. */
export const workerRequest: JsonType<WorkerRequest> = struct<WorkerRequest>({
  intent: required("intent", intent),
  profile: required("profile", profile),
  configBundle: omittable("config_bundle", struct<{ readonly id: string }>({ id: required("id", text) })),
  requestedCapabilities: listOrNothing(
    "requested_capabilities",
    struct<RequestedCapability>({ name: required("name", text), reason: omittable("reason", text) }),
  ),
  workspaceRefs: listOrNothing("workspace_refs", namedReference),
  mountRefs: listOrNothing("mount_refs", namedReference),
});
