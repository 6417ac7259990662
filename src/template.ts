import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./project.js";

/**
 * Renders a template file: each `{{name}}` becomes the value of that name. A value of several lines starts where its
 * placeholder stands.
 * @param path from the project's root, e.g. "src/roles/nginx/nginx.conf"
 * @throws Error when the template and the values do not name the same things, so that neither is forgotten
 */
export function renderTemplate(path: string, values: Readonly<Record<string, string | number>> = {}): string {
  const used = new Set<string>();
  const text = readFileSync(join(projectRoot, path), "utf8").replaceAll(
    /\{\{(\w+)\}\}/g,
    (_placeholder, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`${path} names {{${name}}}, which has no value`);
      used.add(name);
      return String(value);
    },
  );
  const unused = Object.keys(values).filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`${path} does not name ${unused.join(", ")}`);
  return text;
}
