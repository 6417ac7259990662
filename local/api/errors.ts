/**
 * Errors as Hetzner Cloud answers them. Codes, status codes and details: https://docs.hetzner.cloud/reference/cloud,
 * "Errors" and the "operation specific errors" of each operation.
 */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: object | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }

  toBody(): { error: { code: string; message: string; details: object | null } } {
    return { error: { code: this.code, message: this.message, details: this.details } };
  }
}

/** Messages by field; the field is written as in the request body ("public_net.ipv4", "rules.0.port"). */
export type FieldMessages = Record<string, string[]>;

/** Something in the request is wrong: 422, with every field that is. */
export function invalidInput(fields: FieldMessages): ApiError {
  const entries = Object.entries(fields);
  const where = `field${entries.length > 1 ? "s" : ""} ${entries.map(([name]) => `'${name}'`).join(", ")}`;
  const what = entries.map(([, messages]) => messages.join(", ")).join("; ");
  return new ApiError(422, "invalid_input", `invalid input in ${where}: ${what}`, {
    fields: entries.map(([name, messages]) => ({ name, messages })),
  });
}

/**
 * The thing named by the path, or by a field of the body, does not exist: 404.
 * @param kind in words: "placement group"
 */
export function notFound(kind: string, idOrName: number | string, field?: string): ApiError {
  const by = typeof idOrName === "number" ? "ID" : "name";
  const details = field === undefined ? null : { fields: [{ name: field }] };
  return new ApiError(404, "not_found", `${kind} with ${by} '${idOrName}' not found`, details);
}

/** Another resource has that name (or key, or address) already: 409. */
export function notUnique(kind: string, field: string): ApiError {
  return new ApiError(409, "uniqueness_error", `${kind} with the same ${field} already exists`, {
    fields: [{ name: field }],
  });
}

export const locked = (kind: string): ApiError =>
  new ApiError(423, "locked", `${kind} is locked: another action is running on it`);

export const isProtected = (kind: string, against: "changed" | "deleted" | "rebuilt"): ApiError =>
  new ApiError(423, "protected", `${kind} is protected against being ${against}`);

/** Hetzner has this action, but the resource cannot do it here: 422. */
export const unsupported = (message: string): ApiError => new ApiError(422, "unsupported_error", message);

/** Nothing more of it can be had: 403. @param limit as clients read it in the details: "volumes_per_server" */
export const limitExceeded = (limit: string, message: string): ApiError =>
  new ApiError(403, "resource_limit_exceeded", message, { limits: [{ name: limit }] });

/** An error that one operation documents; they are all 422 unless stated. */
export const refused = (code: string, message: string, status = 422): ApiError =>
  new ApiError(status, code, message);

/** Hetzner removed the endpoint: 410. */
export const removed = (announcement: string): ApiError =>
  new ApiError(410, "deprecated_api_endpoint", "API functionality was removed", { announcement });

interface SchemaError {
  keyword: string;
  instancePath: string;
  message?: string | undefined;
  params: Record<string, unknown>;
}

const names = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

/** What the schema compiler found, as one error that names every field. */
export function fromSchemaErrors(errors: readonly SchemaError[]): ApiError {
  const fields: FieldMessages = {};
  const add = (path: string, message: string): void => {
    const name = path.split("/").slice(1).join(".") || "body";
    const messages = (fields[name] ??= []);
    if (!messages.includes(message)) messages.push(message);
  };
  for (const { keyword, instancePath, message, params } of errors) {
    if (keyword === "required") {
      for (const name of names(params["requiredProperties"])) add(`${instancePath}/${name}`, "is missing");
    } else if (keyword === "additionalProperties") {
      for (const name of names(params["additionalProperties"]))
        add(`${instancePath}/${name}`, "is not known");
    } else if (keyword === "enum") {
      add(instancePath, `must be one of ${names(params["allowedValues"]).join(", ")}`);
    } else if (keyword !== "boolean" && keyword !== "anyOf") {
      // Of a union every branch reports itself ("must be integer", "must be string"): together they say what may be.
      add(instancePath, message ?? "is invalid");
    }
  }
  return invalidInput(fields);
}
