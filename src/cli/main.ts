import { Argument, Command, CommanderError, Option } from "commander";
import { stages } from "../topology/stages.js";
import { addDrillCommands } from "./drill-commands.js";
import { CliError, ExitCode } from "./errors.js";
import { handleInterrupts } from "./interrupt.js";
import { addLocalCommands } from "./local-commands.js";
import { addSshCommands } from "./ssh-commands.js";

// Commands are imported when they run: `--help` must not load Pulumi, the local cloud or a test runner.
const program = new Command("dukaan")
  .description("An online store platform at any stage of its life: on your machine, on Hetzner, on AWS.")
  .helpCommand(false)
  .showHelpAfterError("(run with --help for what is possible)")
  .exitOverride();

const stackOption = () => new Option("-s, --stack <name>", "the stack: Pulumi.<name>.yaml").default("lab");
const localOption = () =>
  new Option("--local", "run the stack on the local cloud, whatever its settings name");
const jsonOption = () => new Option("--json", "print JSON on standard output, progress on standard error");

program
  .command("up")
  .description("bring the stack up, with its local cloud if it runs on one, and print the shop's URL")
  .addOption(stackOption())
  .option("--stage <stage>", "bring up another stage than the settings name")
  .addOption(localOption())
  .addOption(
    new Option("--release <which>", "after a rollback: deploy what is built here again").choices(["latest"]),
  )
  .option("-y, --yes", "real clouds: do not ask before changing anything")
  .option("--over-budget", "real clouds: go above dukaan:monthlyBudget")
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/up.js")).up(options));

program
  .command("down")
  .description("destroy the stack, and its local cloud with it")
  .addOption(stackOption())
  .addOption(localOption())
  .option("--destroy-data <stack>", "real clouds: the stack's name again, to say that its data may go")
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/down.js")).down(options));

program
  .command("rollback")
  .description("go back to the last good release of the app, and stay there")
  .addOption(stackOption())
  .addOption(localOption())
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/rollback.js")).rollback(options));

program
  .command("rotate")
  .description("change a credential of the stack without a failed request; the old one works no more")
  .argument(
    "<credential>",
    "database-password, session-secret or deploy-key; others: docs/runbooks/secrets.md",
  )
  .addOption(stackOption())
  .addOption(localOption())
  .addOption(jsonOption())
  .action(async (credential, options) => (await import("./commands/rotate.js")).rotate(credential, options));

program
  .command("evolve")
  .description("move a stack that is up to another stage, data and all, while the shop stays open")
  .argument("<stage>", "the stage to go to, e.g. split")
  .addOption(stackOption())
  .addOption(localOption())
  .option("--plan", "only say what would be made and moved, what the shop would notice, and how to go back")
  .addOption(
    new Option("--format <format>", "of the plan; a picture shows before and after").choices([
      "text",
      "svg",
      "mermaid",
      "json",
    ]),
  )
  .addOption(
    new Option(
      "--playbook <way>",
      "how the database moves: by a standby that takes over, or by the book: closed shop, dump, restore",
    ).choices(["standby", "book"]),
  )
  .addOption(new Option("--abort", "undo a move that has not switched yet").conflicts("finish"))
  .addOption(new Option("--finish", "remove what was kept of the stage before").conflicts("acceptDataLoss"))
  .addOption(
    new Option(
      "--accept-data-loss",
      "old server lost: delete it, use the copy; with --abort: new server lost",
    ),
  )
  .option("--over-budget", "real clouds: go above dukaan:monthlyBudget")
  .option("-y, --yes", "real clouds: do not ask before moving anything")
  .addOption(jsonOption())
  .action(async (stage, options) => (await import("./commands/evolve.js")).evolve(stage, options));

program
  .command("rebuild")
  .description("make a machine anew; what is only on its disk is lost")
  .argument("<machine>", "name of the machine, e.g. app-1")
  .addOption(stackOption())
  .addOption(localOption())
  .option("-y, --yes", "local cloud: yes, its data may go")
  .option("--destroy-data <machine>", "real clouds: the machine's name again, to say that its data may go")
  .addOption(jsonOption())
  .action(async (machine, options) => (await import("./commands/rebuild.js")).rebuild(machine, options));

program
  .command("outputs")
  .description("print what the stack gives: url, addresses, ssh, stage, release")
  .addOption(stackOption())
  .addOption(localOption())
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/outputs.js")).outputs(options));

program
  .command("seed")
  .description("fill the shop with made-up stores, the same ones each time")
  .addOption(stackOption())
  .addOption(localOption())
  .option("--stores <n>", "number of stores", "100")
  .option("--products <n>", "products in each store", "50")
  .option("--giant", "one store of 20,000 products among them")
  .action(async (options) => (await import("./commands/seed.js")).seed(options));

program
  .command("login-code")
  .description("the newest sign-in codes, where the shop logs them instead of sending them by SMS")
  .addOption(stackOption())
  .addOption(localOption())
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/login-code.js")).loginCode(options));

program
  .command("flag")
  .description("list the shop's feature flags, or switch one without a release: read_only and others")
  .addArgument(new Argument("<action>").choices(["list", "on", "off"]))
  .argument("[flag]", "its name, for on and off")
  .addOption(stackOption())
  .addOption(localOption())
  .addOption(jsonOption())
  .action(async (action, name, options, command) => {
    if ((action === "list") !== (name === undefined))
      command.error(action === "list" ? "list takes no flag" : `name the flag to switch ${action}`);
    await (await import("./commands/flag.js")).flag(action, name, options);
  });

program
  .command("diagnose")
  .description("look at every machine now: what is saturated or broken, in order, and what to do about it")
  .addOption(stackOption())
  .addOption(localOption())
  .option("--minutes <n>", "how far back journals are read", "10")
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/diagnose.js")).diagnose(options));

program
  .command("prove")
  .description(
    "show that every declared flow passes and nothing else does, from outside and between all machines",
  )
  .addArgument(new Argument("<what>", "what to prove").choices(["network"]))
  .addOption(stackOption())
  .addOption(localOption())
  .option("--sample <n>", "ask this many random ports more, by TCP and by UDP", "200")
  .option("--seed <n>", "ask the same random ports as a run that printed this number")
  .addOption(jsonOption())
  .action(async (_, options) => (await import("./commands/prove.js")).prove(options));

program
  .command("backup")
  .description("make a backup of the database now, and list what there is")
  .addOption(stackOption())
  .addOption(localOption())
  .option("--list", "only list: what there is, and since when every moment can be restored")
  .option("--full", "a full one; else one of what has changed since the last full one")
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/backup.js")).backup(options));

program
  .command("restore")
  .description("bring the database back to a moment; when its machine is gone, onto a new one")
  .addOption(stackOption())
  .addOption(localOption())
  .option("--at <time>", "the moment, ISO 8601 with its zone, e.g. 2026-01-31T12:00:00Z")
  .option("--latest", "everything that was backed up")
  .option("--timeline <n>", "follow an earlier timeline: what was before another restore")
  .option("--accept-gap", "open the shop although WAL is missing behind what could be restored")
  .option("-y, --yes", "do not ask before replacing the database")
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/restore.js")).restore(options));

program
  .command("env")
  .description('print the environment for plain pulumi and other tools: eval "$(./dukaan env)"')
  .addOption(stackOption())
  .addOption(localOption())
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/env.js")).env(options));

program
  .command("doctor")
  .description("say which tools are here, which are missing, and what to do about it")
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/doctor.js")).doctor(options));

program
  .command("test")
  .description("run every test, fast to slow; boots real machines, so it needs root")
  .option("--only <projects>", "comma-separated: unit, property, toolchain, app, aws, local, alone, e2e")
  .option("--aws", "only stacks on AWS, against an emulator; builds Pulumi's plugin once (10 minutes, 5 GB)")
  .option("--drills", "drills in their long form: every loss, at 200 visits a second")
  .option("--long", "the long form of tests that have one: hours instead of minutes")
  .action(async (options) => (await import("./commands/test.js")).test(options));

program
  .command("plan")
  .description("what a stack consists of: machines, sizes, addresses, flows; asks no cloud")
  .addOption(stackOption())
  .addOption(new Option("--stage <stage>", "another stage than the settings name").choices(stages))
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/plan.js")).plan(options));

program
  .command("diagram")
  .description("the same as a picture, on standard output")
  .addOption(stackOption())
  .addOption(new Option("--stage <stage>", "another stage than the settings name").choices(stages))
  .addOption(
    new Option("--format <format>", "of the picture").choices(["svg", "mermaid", "json"]).default("svg"),
  )
  .action(async (options) => (await import("./commands/diagram.js")).diagram(options));

program
  .command("cost")
  .description("what a stage costs a month: AWS managed, AWS self-run, Hetzner")
  .addOption(new Option("--stage <stage>", "one stage in detail; without: all of them").choices(stages))
  .addOption(
    new Option("--target <target>", "one target, line by line").choices([
      "aws-managed",
      "aws-self-run",
      "hetzner",
    ]),
  )
  .addOption(
    new Option("--usage <usage>", "how busy the shop is")
      .choices(["low", "expected", "high"])
      .default("expected"),
  )
  .option("--compare", "all usages beside each other")
  .option("--html <file>", "write a report with charts")
  .option("--markdown <file>", "write the project's page of figures (docs/cost.md)")
  .option("-s, --stack <name>", "size machines by dukaan:capacity of Pulumi.<name>.yaml")
  .option("--prices <file>", "another catalogue of prices")
  .option("--assumptions <file>", "other assumptions, YAML or JSON; docs/cost.md")
  .option("--bom <file>", "price a list of one's own, YAML or JSON; docs/cost.md")
  .option("--diff <stack>", "price what pulumi preview would change")
  .addOption(localOption())
  .option("--eurusd <rate>", "US dollars for one euro")
  .addOption(new Option("--currency <code>", "of the result").choices(["USD", "EUR"]).default("USD"))
  .option("--hours <n>", "how long things run in a month", "730")
  .option("--free-tiers", "take AWS's free tiers off")
  .option("--commitment <name>", 'prices of committed machines, e.g. "1y", where the catalogue has them')
  .addOption(jsonOption())
  .action(async (options) => (await import("./commands/cost.js")).cost(options));

addDrillCommands(program);
addLocalCommands(program);
addSshCommands(program);

// `./dukaan … | head` has read enough when it goes.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(ExitCode.ok);
  throw error;
});

handleInterrupts();
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): ExitCode {
  // commander has printed its own message already; help and version end with code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (error instanceof CliError) {
    process.stderr.write(`\nerror: ${error.message}\n${error.remedy}\n`);
    return error.exitCode;
  }
  // Errors of the parts below carry a remedy of their own when a person can do something about them.
  if (error instanceof Error && "remedy" in error) {
    const remedy = String(error.remedy);
    process.stderr.write(`\nerror: ${error.message}\n${error.message.includes(remedy) ? "" : `${remedy}\n`}`);
    return error.name === "HostError" || error.name === "ToolchainError"
      ? ExitCode.precondition
      : ExitCode.failed;
  }
  if (error instanceof Error && "syscall" in error && "path" in error) {
    process.stderr.write(
      `\nerror: ${error.message}\nCheck who owns it and that the disk is not full. Folders: docs/cli.md\n`,
    );
    return ExitCode.precondition;
  }
  if (error instanceof Error && "code" in error && error.code === "ENOSPC") {
    const where = "path" in error ? ` (${String(error.path)})` : "";
    process.stderr.write(
      `\nerror: no space left on device${where}\nFree some space on this computer (df -h), then run the same command again: it goes on from there.\n`,
    );
    return ExitCode.failed;
  }
  process.stderr.write(`\nunexpected error: ${error instanceof Error ? error.stack : String(error)}\n`);
  return ExitCode.failed;
}
