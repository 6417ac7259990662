import { type Command, Option } from "commander";

/** `./dukaan ssh`, and what it reaches machines through that take no SSH from outside. */
export function addSshCommands(program: Command): void {
  program
    .command("ssh")
    .description("a shell on a machine of the stack, or one command there")
    .argument("[machine]", "name of the machine; needed when there are several")
    .argument("[command...]", "the command, after --")
    .addOption(new Option("-s, --stack <name>", "the stack: Pulumi.<name>.yaml").default("lab"))
    .option("--local", "run the stack on the local cloud, whatever its settings name")
    .action(async (_machine, _command, options, command) => {
      const [machine, ...words] = beforeAndAfterDashes(command.args);
      await (await import("./commands/ssh.js")).ssh(machine, words, options);
    });
  program
    .command("ssh-proxy")
    .description(
      "for ssh's ProxyCommand: the way to a machine on AWS, through an EC2 Instance Connect Endpoint",
    )
    .argument("<address>", "the machine's private address: %h")
    .argument("<port>", "%p")
    .requiredOption("--endpoint <id>", "of the endpoint, eice-…; ./dukaan outputs has them all")
    .requiredOption("--dns-name <name>", "of the endpoint")
    .requiredOption("--region <region>", "of AWS, e.g. us-east-1")
    .action(async (address, port, options) =>
      (await import("./commands/ssh-proxy.js")).sshProxy(address, port, options),
    );
}

/** `ssh -- uptime` names no machine: what stands after the dashes is the command, whatever stands before them. */
function beforeAndAfterDashes(args: string[]): [string | undefined, ...string[]] {
  const dashes = process.argv.indexOf("--");
  const named = dashes === -1 ? args.length : args.length - (process.argv.length - dashes - 1);
  return named === 0 ? [undefined, ...args] : [args[0], ...args.slice(1)];
}
