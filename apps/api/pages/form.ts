import { html } from "./html.js";

/** Messages for the fields of a form that was not accepted, by field name. */
export type FieldErrors = Readonly<Record<string, string>>;

export interface Field {
  name: string;
  label: string;
  value?: string;
  hint?: string;
  type?: "text" | "password" | "tel" | "number" | "date";
  inputmode?: "decimal" | "numeric";
  autocomplete?: string;
  maxlength?: number;
  min?: number;
  max?: number;
  required?: boolean;
}

/** A labelled input; its hint and its error are tied to it for screen readers. */
export function textField(field: Field, errors: FieldErrors = {}): string {
  const error = errors[field.name];
  const attributes = Object.entries({
    type: field.type ?? "text",
    inputmode: field.inputmode,
    autocomplete: field.autocomplete ?? "off",
    maxlength: field.maxlength,
    min: field.min,
    max: field.max,
    value: field.value,
  })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => html` !${name}="${value}"`)
    .join("");
  return html`<div class="field">
    <label for="${field.name}">${field.label}</label>
    <input
      id="${field.name}"
      name="${field.name}"
      !${attributes}!${describedBy(field, error)}!${field.required === false ? "" : " required"}
    />
    !${notes(field, error)}
  </div>`;
}

/** A labelled field of several lines. */
export function textArea(
  field: Pick<Field, "name" | "label" | "value" | "hint" | "maxlength"> & { rows: number },
  errors: FieldErrors = {},
): string {
  const error = errors[field.name];
  return html`<div class="field">
    <label for="${field.name}">${field.label}</label>
    <textarea
      id="${field.name}"
      name="${field.name}"
      rows="${field.rows}"
      !${field.maxlength === undefined ? "" : html`maxlength="${field.maxlength}"`}
      !${describedBy(field, error)}
    >
!${html`${field.value ?? ""}`}</textarea>
    !${notes(field, error)}
  </div>`;
}

/** A labelled choice of one; `value` "" stands for none of them. */
export function selectField(
  field: Pick<Field, "name" | "label" | "value" | "hint">,
  options: readonly { value: string; label: string }[],
  errors: FieldErrors = {},
): string {
  const error = errors[field.name];
  return html`<div class="field">
    <label for="${field.name}">${field.label}</label>
    <select id="${field.name}" name="${field.name}" !${describedBy(field, error)}>
      !${options.map(
        ({ value, label }) =>
          html`<option value="${value}" !${value === field.value ? " selected" : ""}>${label}</option>`,
      )}
    </select>
    !${notes(field, error)}
  </div>`;
}

/** A box to tick: "on" is sent, or nothing. */
export function checkbox(field: { name: string; label: string; hint?: string; checked: boolean }): string {
  return html`<div class="field check">
    <input
      type="checkbox"
      id="${field.name}"
      name="${field.name}"
      !${field.checked ? "checked" : ""}
      !${describedBy(field, undefined)}
    />
    <label for="${field.name}">${field.label}</label>
    !${notes(field, undefined)}
  </div>`;
}

/** Ties a field to its hint and its error, for screen readers. */
function describedBy({ name, hint }: Pick<Field, "name" | "hint">, error: string | undefined): string {
  const ids = [...(error ? [`${name}-error`] : []), ...(hint ? [`${name}-hint`] : [])].join(" ");
  return (ids === "" ? "" : html` aria-describedby="${ids}"`) + (error ? ' aria-invalid="true"' : "");
}

function notes({ name, hint }: Pick<Field, "name" | "hint">, error: string | undefined): string {
  return (
    (error ? html`<p class="error" id="${name}-error">${error}</p>` : "") +
    (hint ? html`<p class="hint" id="${name}-hint">${hint}</p>` : "")
  );
}

/** Says above a form that it was not accepted; nothing when there is no error. */
export function errorSummary(errors: FieldErrors): string {
  const entries = Object.entries(errors);
  if (entries.length === 0) return "";
  return html`<div class="notice bad" role="alert">
    <p>Please check what you entered:</p>
    <ul>
      !${entries.map(([name, message]) => html`<li><a href="#${name}">${message}</a></li>`)}
    </ul>
  </div>`;
}
