import { type Command, Option } from "commander";

/** `./dukaan drill …`: what breaks a stack on purpose. */
export function addDrillCommands(program: Command): void {
  const drill = program
    .command("drill")
    .description("break something of a stack under load, bring it back, and report what that has cost");
  drill
    .command("app-loss")
    .description("lose an app server in every way there is, one after the other (stage fleet)")
    .addOption(new Option("-s, --stack <name>", "the stack: Pulumi.<name>.yaml").default("lab"))
    .option("--local", "run the stack on the local cloud, whatever its settings name")
    .option("--only <losses>", "comma-separated: killed, frozen, network, disk, errors, slow")
    .option("--machine <name>", "the app server to lose; else the last one")
    .option("--rate <n>", "visits a second", "200")
    .option("--seconds <n>", "how long each loss lasts, and how long visitors go on after it", "12")
    .option("--report <file>", "where the HTML report goes, the JSON beside it; else the stack's folder")
    .option("--yes <stack>", "real clouds: the stack's name again, to say that it may be broken")
    .option("--json", "print JSON on standard output, progress on standard error")
    .action(async (options) => (await import("./commands/drill.js")).drillAppLoss(options));
}
