import { once } from "node:events";
import { isIPv4 } from "node:net";
import { openTunnel } from "../../aws/tunnel.js";
import { CliError, ExitCode } from "../errors.js";

interface SshProxyOptions {
  endpoint: string;
  dnsName: string;
  region: string;
}

/**
 * For OpenSSH's ProxyCommand: standard input and output become a connection to a machine behind an EC2 Instance Connect
 * Endpoint. Ends with either side.
 * @throws CliError (usage), or AwsError when there is no way to the machine
 */
export async function sshProxy(address: string, port: string, options: SshProxyOptions): Promise<void> {
  if (!isIPv4(address)) throw usage("address", address, "the private IPv4 address of a machine");
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65535)
    throw usage("port", port, "1 to 65535");
  const { endpoint: endpointId, dnsName, region } = options;
  const tunnel = await openTunnel({ endpointId, dnsName, region }, { address, port: Number(port) });
  process.stdin.pipe(tunnel).pipe(process.stdout);
  try {
    await once(tunnel, "close");
  } catch (error) {
    throw new CliError(
      error instanceof Error ? error.message : String(error),
      "Run the same command again. A tunnel lasts an hour at most; where it never comes to a login, see that the instance runs and lets the endpoint in.",
    );
  } finally {
    // ssh keeps its side open until it has noticed.
    process.stdin.destroy();
  }
}

function usage(what: string, value: string, wanted: string): CliError {
  return new CliError(`${what} is "${value}"`, `Give ${wanted}.`, ExitCode.usage);
}
