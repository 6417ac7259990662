import type { Item } from "../item.js";
import { inRegion } from "../targets/scenario.js";
import { type Place, numberOf, partOf, textOf } from "./resource.js";

/** What AWS charges nothing for, or by use alone (which no preview knows). */
const freeOrByUse = [
  /^iam\//,
  /^ec2\/(vpc|subnet|route|routeTable|routeTableAssociation|securityGroup|securityGroupRule|internetGateway|keyPair|launchTemplate|volumeAttachment|eipAssociation):/,
  /^vpc\/securityGroup(Ingress|Egress)Rule:/,
  /^(lb|alb)\/(listener|listenerRule|listenerCertificate|targetGroup|targetGroupAttachment):/,
  /^(rds|elasticache)\/(subnetGroup|parameterGroup):/,
  /^(s3|cloudfront)\//,
  /^kms\/alias:/,
  /^cloudwatch\/logGroup:/,
  /^route53\/record:/,
  /^acm\//,
];

/** @returns undefined when no price is known */
export function awsResource(kind: string, inputs: Record<string, unknown>, place: Place): Item[] | undefined {
  if (freeOrByUse.some((pattern) => pattern.test(kind))) return [];
  const item = inRegion("aws", textOf(inputs, "region") ?? place.aws);
  const { hours } = place;
  const name = (key: string) => textOf(inputs, key) ?? "unknown";
  const number = (key: string, usual: number) => numberOf(inputs, key, usual);
  const disk = (type: string, gigabytes: number) =>
    item("storage", "ebs", type, gigabytes, "GB-month", "disks of instances");
  switch (kind) {
    case "ec2/instance:Instance": {
      const root = partOf(inputs, "rootBlockDevice");
      return [
        item("compute", "ec2", name("instanceType"), hours, "hour", "instances"),
        disk(textOf(root, "volumeType") ?? "gp3", numberOf(root, "volumeSize", 8)),
      ];
    }
    case "ebs/volume:Volume":
      return [disk(textOf(inputs, "type") ?? "gp2", number("size", 8))];
    case "ec2/eip:Eip":
      return [item("network", "vpc", "public-ipv4", hours, "address-hour", "public IPv4 addresses")];
    case "ec2/vpcEndpoint:VpcEndpoint":
      // One for S3 is free; the others have interfaces that cost by the hour.
      return textOf(inputs, "vpcEndpointType") === "Gateway" ? [] : undefined;
    case "ec2/natGateway:NatGateway":
      return [item("network", "vpc", "nat-gateway", hours, "hour", "NAT gateways")];
    case "lb/loadBalancer:LoadBalancer":
    case "alb/loadBalancer:LoadBalancer": {
      const sku = textOf(inputs, "loadBalancerType") === "network" ? "nlb" : "alb";
      return [item("network", "elb", sku, hours, "hour", "load balancers")];
    }
    case "rds/instance:Instance": {
      const zones = inputs["multiAz"] === true ? "multi-az" : "single";
      const sku = `${name("instanceClass")}:${name("engine")}:${zones}`;
      const storage = `${textOf(inputs, "storageType") ?? "gp2"}:${zones}`;
      return [
        item("compute", "rds", sku, hours, "hour", "databases"),
        item("storage", "rds", storage, number("allocatedStorage", 20), "GB-month", "disks of databases"),
      ];
    }
    case "elasticache/replicationGroup:ReplicationGroup":
    case "elasticache/cluster:Cluster": {
      const nodes = kind.includes("replicationGroup")
        ? number("numCacheClusters", 1)
        : number("numCacheNodes", 1);
      const sku = `${name("nodeType")}:${textOf(inputs, "engine") ?? "redis"}`;
      return [item("compute", "elasticache", sku, nodes * hours, "node-hour", "cache nodes")];
    }
    case "msk/cluster:Cluster": {
      const brokers = number("numberOfBrokerNodes", 3);
      const group = partOf(inputs, "brokerNodeGroupInfo");
      const volume = partOf(partOf(group, "storageInfo"), "ebsStorageInfo");
      const sku = textOf(group, "instanceType") ?? "unknown";
      const gigabytes = brokers * numberOf(volume, "volumeSize", 0);
      return [
        item("compute", "msk", sku, brokers * hours, "broker-hour", "Kafka brokers"),
        item("storage", "msk", "storage", gigabytes, "GB-month", "disks of brokers"),
      ];
    }
    case "opensearch/domain:Domain": {
      const cluster = partOf(inputs, "clusterConfig");
      const sku = textOf(cluster, "instanceType") ?? "unknown";
      const nodes = numberOf(cluster, "instanceCount", 1);
      return [item("compute", "opensearch", sku, nodes * hours, "instance-hour", "search nodes")];
    }
    case "eks/cluster:Cluster": {
      const what = "control plane of the cluster";
      return [item("managed mark-up", "eks", "control-plane-standard", hours, "cluster-hour", what)];
    }
    case "globalaccelerator/accelerator:Accelerator":
      return [item("network", "global-accelerator", "fixed", hours, "hour", "one address for all regions")];
    case "kms/key:Key":
      return [item("storage", "kms", "customer-key", 1, "month", "keys")];
    case "route53/zone:Zone":
      return [item("network", "route53", "hosted-zone", 1, "month", "DNS zone")];
    default:
      return undefined;
  }
}
