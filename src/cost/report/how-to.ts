/** The part of docs/cost.md that has no figures: conventions and formats of files. */
export const howTo = `## How it counts

The topology of a stage (\`stacks/\`) and a usage give the number and size of machines (\`src/cost/sizing.ts\`); a target turns them into line items
(\`src/cost/targets/\`); the catalogue prices these. Conventions: 730 hours a month; GB and TB are binary, as both providers meter them; brackets apply to each
unit in its own; AWS's free tiers only with \`--free-tiers\`; Hetzner's servers by the hour up to the month's cap (after about 624 h); traffic above what each
of its servers includes; setup fees spread over \`setupMonths\` and shown apart; no tax; on-demand prices. No commitment's price is known here: \`--commitment NAME\` takes prices called \`SKU:NAME\` from a catalogue of one's own and marks what has none. A managed
service is split into the plain machine of its size and the mark-up above it. An AWS price that is known for another region only is used and marked; a server
of Hetzner never is. AWS's machines are chosen by need; Hetzner's last two stages run on dedicated servers in Europe.

What is left out on AWS, so that its bill is not too low but too kind: support plans, KMS, metrics and alarms, VPC endpoints, snapshots of instances. On
Hetzner: automatic server backups (backups go to the object storage), IPv4 of dedicated servers, 10 Gbit uplinks.

## Files

\`--prices FILE\`: a catalogue like \`src/cost/catalogue/prices.json\`; brackets rise, an absent last \`upTo\` is open. \`--assumptions FILE\` (YAML or JSON): only what differs,
by the names of the tables above:

\`\`\`yaml
usage: { pageViews: 5000000, imageKB: 250 }
capacity: { appMs: 6 }
regions: [frankfurt, mumbai]
\`\`\`

What machines can do is also a setting of a stack, \`dukaan:capacity\` in its \`Pulumi.NAME.yaml\`; \`--stack NAME\` takes it from there:

\`\`\`yaml
dukaan:capacity: { appMs: 2, memoryGiB: { app: 4 } }
\`\`\`

\`--bom FILE\`: a bill that one already has. Every line names \`provider\`, \`service\`, \`sku\`, \`region\` and the price's \`unit\`, and either \`quantity\` (things that run all month) or \`usage\`
(an amount as metered; it runs through the brackets). With \`--stage\` (and \`--usage\`) what that stage costs at every target stands beside it. \`category\` and \`what\` are optional. An example: [cost-bom.example.yaml](cost-bom.example.yaml).

\`--diff STACK\` prices what \`pulumi preview\` would change, on Hetzner and on AWS: what is charged by the month or the hour, not by use. Resources without a known
price are named, and the difference is withheld. \`dukaan:monthlyBudget\` in the settings, in euros, is the most that a stack on a real cloud may cost a month;
\`./dukaan up\` refuses above it (exit code 4) unless it is told \`--over-budget\`, plain \`pulumi up\` unless \`DUKAAN_OVER_BUDGET=yes\` is set.`;
