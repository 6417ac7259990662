import { renderTemplate } from "../../template.js";

/** What a machine of a group has to know to find what it is to be. None of it is a secret. */
export interface BootScriptArgs {
  /** e.g. "us-east-1" */
  region: string;
  /** Origin of the S3 API, e.g. "https://s3.us-east-1.amazonaws.com". */
  storage: string;
  /** Origin of the Auto Scaling API, e.g. "https://autoscaling.us-east-1.amazonaws.com". */
  scaling: string;
  bucket: string;
  /** Of the package in the bucket. */
  key: string;
  /** SHA-256 of the package. */
  digest: string;
  /** Name of the Auto Scaling group. */
  group: string;
  /** Name of the lifecycle hook that waits for the machine. */
  hook: string;
  /**
   * PEM of the authority that signed for both origins.
   * @default one that the machine's system knows
   */
  caCertificate?: string;
}

/**
 * User-data of a machine that configures itself: boot.sh with these values, of which EC2 takes 16 KB at most.
 * @throws Error when a value is not what can stand in a script or an address
 */
export function bootScript({ caCertificate = "", ...args }: BootScriptArgs): string {
  for (const [name, value] of Object.entries(args))
    if (!/^[\w.:/[\]-]+$/.test(value)) throw new Error(`${name} cannot stand in user-data: ${value}`);
  if (!/^[\w+/=\s-]*$/.test(caCertificate)) throw new Error("caCertificate is no PEM");
  return renderTemplate("src/platform/aws/boot.sh", { ...args, caCertificate: caCertificate.trim() });
}
