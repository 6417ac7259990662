/**
 * The "operation specific errors" of Hetzner's own OpenAPI document (https://docs.hetzner.cloud/cloud.spec.json of May
 * 2026), by operation.
 */
export const documentedErrors: Record<string, string[]> = {
  "POST /certificates/{id}/actions/retry": [
    "caa_record_does_not_allow_ca",
    "ca_dns_validation_failed",
    "ca_too_many_authorizations_failed_recently",
    "ca_too_many_certificates_issued_for_registered_domain",
    "ca_too_many_duplicate_certificates",
    "could_not_verify_domain_delegated_to_zone",
    "dns_zone_not_found",
    "dns_zone_is_secondary_zone",
  ],
  "POST /firewalls": [
    "422 server_already_added",
    "422 incompatible_network_type",
    "422 firewall_resource_not_found",
  ],
  "DELETE /firewalls/{id}": ["422 resource_in_use"],
  "POST /firewalls/{id}/actions/apply_to_resources": [
    "404 firewall_resource_not_found",
    "422 firewall_already_applied",
    "422 incompatible_network_type",
    "422 private_net_only_server",
  ],
  "POST /firewalls/{id}/actions/remove_from_resources": [
    "404 firewall_resource_not_found",
    "422 firewall_managed_by_label_selector",
  ],
  "DELETE /floating_ips/{id}": ["422 must_be_unassigned"],
  "POST /floating_ips/{id}/actions/assign": ["422 floating_ip_assigned"],
  "POST /load_balancers": [
    "412 source_port_already_used",
    "422 ip_not_owned",
    "422 load_balancer_not_attached_to_network",
    "422 resolve_cloud_private_targets_error",
    "422 resolve_cloud_public_targets_error",
    "422 target_already_defined",
  ],
  "POST /load_balancers/{id}/actions/add_service": ["412 source_port_already_used"],
  "POST /load_balancers/{id}/actions/add_target": [
    "422 ip_not_in_vswitch_subnet",
    "422 ip_not_owned",
    "422 load_balancer_public_interface_disabled",
    "422 load_balancer_not_attached_to_network",
    "422 network_has_no_vswitch_subnet",
    "422 resolve_cloud_private_targets_error",
    "422 resolve_cloud_public_targets_error",
    "422 target_already_defined",
    // Not in the document any more; hcloud-go has it.
    "422 cloud_resource_ip_not_allowed",
  ],
  "POST /load_balancers/{id}/actions/attach_to_network": [
    "422 load_balancer_already_attached",
    "422 ip_not_available",
    "422 no_subnet_available",
  ],
  "POST /load_balancers/{id}/actions/change_type": ["422 invalid_load_balancer_type"],
  "POST /load_balancers/{id}/actions/disable_public_interface": [
    "422 load_balancer_not_attached_to_network",
    "422 targets_without_use_private_ip",
  ],
  "POST /load_balancers/{id}/actions/update_service": ["422 source_port_already_used"],
  "POST /primary_ips": ["422 server_not_stopped", "422 server_has_ipv4", "422 server_has_ipv6"],
  "DELETE /primary_ips/{id}": ["422 must_be_unassigned"],
  "POST /primary_ips/{id}/actions/assign": [
    "422 server_not_stopped",
    "422 primary_ip_already_assigned",
    "422 server_has_ipv4",
    "422 server_has_ipv6",
  ],
  "POST /primary_ips/{id}/actions/unassign": ["422 server_not_stopped", "422 server_is_load_balancer_target"],
  "POST /servers": [
    "412 primary_ip_version_mismatch",
    "422 placement_error",
    "422 primary_ip_assigned",
    "422 primary_ip_datacenter_mismatch",
  ],
  "POST /servers/{id}/actions/add_to_placement_group": [
    "422 server_not_stopped",
    "422 already_in_placement_group",
  ],
  "POST /servers/{id}/actions/attach_to_network": [
    "422 server_already_attached",
    "422 ip_not_available",
    "422 no_subnet_available",
    "422 networks_overlap",
  ],
  "POST /servers/{id}/actions/change_type": ["422 invalid_server_type", "422 server_not_stopped"],
  "POST /volumes": ["422 no_space_left_in_location"],
  // Not in the document; hcloud-go has it.
  "POST /volumes/{id}/actions/attach": ["422 volume_already_attached"],
  "POST /zones/{id_or_name}/actions/change_primary_nameservers": ["422 incorrect_zone_mode"],
  ...Object.fromEntries(
    [
      "GET /zones/{id_or_name}/zonefile",
      "POST /zones/{id_or_name}/actions/change_ttl",
      "POST /zones/{id_or_name}/actions/import_zonefile",
      "GET /zones/{id_or_name}/rrsets",
      "POST /zones/{id_or_name}/rrsets",
      ...["GET", "PUT", "DELETE"].map((method) => `${method} /zones/{id_or_name}/rrsets/{rr_name}/{rr_type}`),
      ...[
        "change_protection",
        "change_ttl",
        "set_records",
        "add_records",
        "remove_records",
        "update_records",
      ].map((action) => `POST /zones/{id_or_name}/rrsets/{rr_name}/{rr_type}/actions/${action}`),
    ].map((operation) => [operation, ["422 incorrect_zone_mode"]]),
  ),
};

/** Documented errors that cannot come about in a local cloud, and why. */
export const impossible: { error: RegExp; why: string }[] = [
  { error: /^POST \/certificates\/\{id\}\/actions\/retry /, why: "there are no managed certificates" },
  { error: / incompatible_network_type$/, why: "every public interface can have a firewall" },
  { error: / ip_not_in_vswitch_subnet$/, why: "there are no vSwitches" },
  { error: / no_space_left_in_location$/, why: "volumes take space when it is written to" },
  {
    error: / \/zones\/(?!.*change_primary_nameservers).* incorrect_zone_mode$/,
    why: "every zone is a primary one",
  },
];
