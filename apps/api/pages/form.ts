import { html } from "ghtml";

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
  const hintId = field.hint ? `${field.name}-hint` : undefined;
  const errorId = error ? `${field.name}-error` : undefined;
  const describedBy = [errorId, hintId].filter(Boolean).join(" ");
  const attributes = Object.entries({
    type: field.type ?? "text",
    inputmode: field.inputmode,
    autocomplete: field.autocomplete ?? "off",
    maxlength: field.maxlength,
    min: field.min,
    max: field.max,
    value: field.value,
    "aria-describedby": describedBy || undefined,
    "aria-invalid": error ? "true" : undefined,
  })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => html` !${name}="${value}"`)
    .join("");
  return html`<div class="field">
    <label for="${field.name}">${field.label}</label>
    <input
      id="${field.name}"
      name="${field.name}"
      !${attributes}!${field.required === false ? "" : " required"}
    />
    !${errorId ? html`<p class="error" id="${errorId}">${error}</p>` : ""}
    !${hintId ? html`<p class="hint" id="${hintId}">${field.hint}</p>` : ""}
  </div>`;
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
