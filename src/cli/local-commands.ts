import { type Command, Option } from "commander";

const jsonOption = () => new Option("--json", "print JSON on standard output, progress on standard error");

/** `./dukaan local …`: the local cloud itself, beside what stacks do with it. */
export function addLocalCommands(program: Command): void {
  const local = program
    .command("local")
    .description("the Hetzner Cloud on this computer")
    .addOption(
      new Option("-i, --instance <name>", "which local cloud").default("lab").env("DUKAAN_INSTANCE"),
    );
  local
    .command("up")
    .description("start it; machines that still run are adopted")
    .action(async (_, command) => (await import("./commands/local.js")).localUp(command.optsWithGlobals()));
  local
    .command("restart")
    .description("start its server anew, which brings state and computer together; machines go on running")
    .action(async (_, command) =>
      (await import("./commands/local.js")).localRestart(command.optsWithGlobals()),
    );
  local
    .command("down")
    .description("remove it with all its machines and their disks; nothing is left behind")
    .action(async (_, command) => (await import("./commands/local.js")).localDown(command.optsWithGlobals()));
  local
    .command("status")
    .description("what runs, and where")
    .addOption(jsonOption())
    .action(async (_, command) =>
      (await import("./commands/local.js")).localStatus(command.optsWithGlobals()),
    );
  local
    .command("check")
    .description("whether its state and this computer tell the same story: processes, networks, disks, files")
    .addOption(jsonOption())
    .action(async (_, command) =>
      (await import("./commands/local.js")).localCheck(command.optsWithGlobals()),
    );
  local
    .command("power-cut")
    .description("cut a server's power: what it had not synced to its disks is lost; then it is off")
    .argument("<server>", "name or id")
    .action(async (server, _, command) =>
      (await import("./commands/local.js")).localPowerCut(server, command.optsWithGlobals()),
    );
  local
    .command("ssh")
    .description("a root shell on a server, or one command there; works without network and keys")
    .argument("<server>", "name or id")
    .argument("[command...]", "the command, after --")
    .action(async (server, words, _, command) =>
      (await import("./commands/local.js")).localSsh(server, words, command.optsWithGlobals()),
    );
  local
    .command("logs")
    .description("the journal of a server; without one, the local cloud's own log")
    .argument("[server]", "name or id")
    .action(async (server, _, command) =>
      (await import("./commands/local.js")).localLogs(server, command.optsWithGlobals()),
    );
}
