package aws

import (
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
)

type (
	fields = map[string]*tfbridge.SchemaInfo
)

var (
	// Pulumi's plugin says so of what has to have a description.
	description = &tfbridge.SchemaInfo{Default: &tfbridge.DefaultInfo{Value: "Managed by Pulumi"}}
	severalOf   = tfbridge.False()
)

// overrides are what cannot be derived from the Terraform schema: where the names of @pulumi/aws are no plain plurals, what
// it takes as a list though Terraform allows one alone, defaults, identifiers. Each is a value of its own: the bridge
// writes the resource's type into it.
var overrides = map[string]*tfbridge.ResourceInfo{
	"aws_security_group": {
		Fields: fields{"description": description, "ingress": {Name: "ingress"}, "egress": {Name: "egress"}},
	},
	"aws_default_security_group": {Fields: fields{"ingress": {Name: "ingress"}, "egress": {Name: "egress"}}},
	// Terraform's "tags" are gone since its version 5, but not their place.
	"aws_autoscaling_group":  {Fields: fields{"tag": {Name: "tags"}}},
	"aws_db_subnet_group":    {Fields: fields{"description": description}},
	"aws_db_parameter_group": {Fields: fields{"description": description}},
	"aws_db_instance":        {Fields: fields{"identifier": tfbridge.AutoName("identifier", 63, "-")}},
	// A number that Terraform keeps as text.
	"aws_lb_target_group": {Fields: fields{"deregistration_delay": {Type: "integer"}}},
	"aws_route53_zone":    {Fields: fields{"comment": description}},
	"aws_route53_record": {
		Fields: fields{
			// A record's name is that of a host: never one made up.
			"name":                       {Name: "name"},
			"alias":                      {Name: "aliases", MaxItemsOne: severalOf},
			"geolocation_routing_policy": {Name: "geolocationRoutingPolicies", MaxItemsOne: severalOf},
			"latency_routing_policy":     {Name: "latencyRoutingPolicies", MaxItemsOne: severalOf},
			"failover_routing_policy":    {Name: "failoverRoutingPolicies", MaxItemsOne: severalOf},
			"weighted_routing_policy":    {Name: "weightedRoutingPolicies", MaxItemsOne: severalOf},
		},
	},
	"aws_s3_bucket":        {Fields: fields{"bucket": tfbridge.AutoNameTransform("bucket", 63, strings.ToLower)}},
	"aws_s3_bucket_policy": {Fields: fields{"policy": document()}},
	"aws_s3_object": {
		IDFields: []string{"bucket", "key"},
		Fields: fields{
			"key":    {Default: &tfbridge.DefaultInfo{From: tfbridge.FromName(tfbridge.AutoNameOptions{})}},
			"source": {Asset: &tfbridge.AssetTranslation{Kind: tfbridge.FileAsset}},
		},
	},
	"aws_iam_role": {
		Fields: fields{"name": tfbridge.AutoName("name", 64, "-"), "assume_role_policy": document()},
	},
	"aws_iam_role_policy": {Fields: fields{"policy": document()}},
	"aws_iam_user_policy": {Fields: fields{"policy": document()}},
	"aws_iam_policy":      {Fields: fields{"policy": document()}},
	// Made before the old one goes, the new one would go with it: they are the same.
	"aws_iam_role_policy_attachment": {DeleteBeforeReplace: true},
	"aws_iam_user_policy_attachment": {DeleteBeforeReplace: true},
	"aws_cloudwatch_log_group":       {IDFields: []string{"name"}},
	"aws_cloudwatch_metric_alarm":    {Fields: fields{"alarm_name": tfbridge.AutoName("name", 255, "-")}},
}

// document is a policy as text, or as an object that becomes one.
func document() *tfbridge.SchemaInfo {
	return &tfbridge.SchemaInfo{Type: "string", Transform: tfbridge.TransformJSONDocument}
}
