import * as pulumi from "@pulumi/pulumi";
import type { FailoverSettings } from "../../settings/failover.js";
import { renderTemplate } from "../../template.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/keepalived";

export const packages = ["keepalived"];

export interface KeepalivedArgs {
  /** Its name for the other balancers. */
  name: string;
  privateAddress: string;
  /** Private addresses of the other balancers; none: the address is always here. */
  peers: readonly string[];
  /** The address that goes from one balancer to another. */
  address: pulumi.Input<string>;
  /** Its id at the cloud. */
  addressId: pulumi.Input<string>;
  /** This machine's id at the cloud. */
  serverId: pulumi.Input<string>;
  failover: FailoverSettings;
}

/**
 * A balancer's part in an address that several have: keepalived says by VRRP who is to have it, and a program of ours tells
 * the cloud, and says whether HAProxy is fit to have it at all.
 */
export function keepalived(args: KeepalivedArgs): RoleDefinition {
  const { name, privateAddress, peers, failover } = args;
  const root = { owner: "root", group: "root", mode: "0644" };
  const folder = "/etc/systemd/system/keepalived.service.d";
  return {
    name: "keepalived",
    packages,
    directories: peers.length > 0 ? [{ path: folder, owner: "root", group: "root", mode: "0755" }] : [],
    files: [
      {
        path: "/etc/dukaan/balancer.json",
        content: settingsOf(args, failover),
        ...root,
        mode: "0600",
        secret: true,
      },
      {
        path: "/usr/local/lib/dukaan/balancer-address",
        content: renderTemplate(`${here}/balancer-address.py`),
        ...root,
        mode: "0755",
      },
      {
        path: "/etc/systemd/system/dukaan-balancer-address.service",
        content: renderTemplate(`${here}/dukaan-balancer-address.service`),
        ...root,
      },
      ...(peers.length === 0
        ? []
        : [
            {
              path: "/usr/local/lib/dukaan/note-vrrp-state",
              content: renderTemplate(`${here}/note-vrrp-state.sh`),
              ...root,
              mode: "0755",
            },
            { path: `${folder}/10-dukaan.conf`, content: renderTemplate(`${here}/unit.conf`), ...root },
            {
              path: "/etc/keepalived/keepalived.conf",
              content: renderTemplate(`${here}/keepalived.conf`, {
                name,
                address: privateAddress,
                peers: peers.join("\n    "),
              }),
              ...root,
            },
          ]),
    ],
    validate: [
      [
        "python3",
        "-c",
        "import ast, sys; ast.parse(open(sys.argv[1]).read())",
        "{root}/usr/local/lib/dukaan/balancer-address",
      ],
    ],
    services: [
      { name: "dukaan-balancer-address.service", enabled: true, onChange: "restart" },
      { name: "keepalived.service", enabled: peers.length > 0, onChange: "reload" },
    ],
    checks: [
      {
        command: ["systemctl", "is-active", "--quiet", "dukaan-balancer-address.service"],
        timeoutSeconds: 10,
      },
      ...(peers.length === 0
        ? []
        : [{ command: ["test", "-s", "/run/dukaan-balancer/state"], timeoutSeconds: 20 }]),
      // HAProxy has seen an app server, so this balancer can have the address.
      { command: ["grep", "-qx", "0", "/run/dukaan-balancer/away"], timeoutSeconds: 30 },
    ],
  };
}

function settingsOf(
  { address, addressId, serverId, peers }: KeepalivedArgs,
  { endpoint, token, caCertificate }: FailoverSettings,
): pulumi.Output<string> {
  const content = pulumi.all([address, addressId, serverId]).apply(([text, floatingIp, server]) =>
    JSON.stringify({
      address: text,
      floatingIp: Number(floatingIp),
      server: Number(server),
      peers,
      endpoint,
      token,
      ...(caCertificate !== undefined && { caCertificate }),
    }),
  );
  return pulumi.secret(content);
}
