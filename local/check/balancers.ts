import { readFile } from "node:fs/promises";
import { balancerSpec } from "../api/load-balancer-jobs.js";
import { loadBalancers } from "../api/load-balancer-rows.js";
import { haproxyConfiguration } from "../machines/haproxy.js";
import { balancerStation } from "../machines/instance.js";
import { answeringProcess, balancerFiles } from "../machines/load-balancers.js";
import { readBalancers } from "../machines/records.js";
import { asked, compare, type Look, subjectOf } from "./look.js";

/** Each load balancer against its HAProxy. */
export async function checkLoadBalancers(look: Look): Promise<void> {
  const rows = loadBalancers(look.cloud.state);
  const records = new Map((await readBalancers(look.instance)).map((record) => [record.id, record]));
  for (const id of records.keys()) {
    const own = id.slice(balancerStation("").length);
    if (rows.some((row) => String(row.id) === own) || look.busy.has(`load_balancer:${own}`)) continue;
    look.differ(`load balancer ${own}`, "is on this computer, and the state has none of that id");
  }
  for (const row of rows) {
    if (look.busy.has(`load_balancer:${row.id}`)) continue;
    const subject = subjectOf("load balancer", row);
    const spec = balancerSpec(look.cloud, row);
    const record = records.get(balancerStation(spec.id));
    if (record === undefined) {
      look.differ(subject, "is not on this computer");
      continue;
    }
    compare(look, subject, "public addresses", record.addresses, spec.addresses);
    compare(
      look,
      subject,
      "private network",
      record.attachments.map(asked),
      spec.network === undefined ? [] : [spec.network],
    );
    const files = balancerFiles(look.instance, spec.id);
    const present = await readFile(files.configuration, "utf8").catch(() => "");
    if (present !== haproxyConfiguration(spec, files))
      look.differ(subject, "its HAProxy is configured otherwise than the state says");
    if ((await answeringProcess(look.instance, spec.id)) === undefined)
      look.differ(subject, "its HAProxy does not answer");
  }
}
