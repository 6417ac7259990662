// Package hcloud describes how the official Terraform provider for Hetzner Cloud becomes a Pulumi provider.
//
// The description yields the same resources, properties and identifiers as the plugin that Pulumi publishes, so that
// programs written with the npm package @pulumi/hcloud, and their states, work with either of them.
package hcloud

import (
	"context"

	terraform "github.com/hetznercloud/terraform-provider-hcloud/hcloud"
	framework "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Version is the version of the npm package that asks for this plugin.
const Version = "1.41.0"

// Info returns the description. metadata is the bridge-metadata.json that the generator writes.
func Info(metadata []byte) tfbridge.ProviderInfo {
	provider := framework.MuxShimWithPF(
		context.Background(), sdkv2.NewProvider(terraform.Provider()), terraform.NewPluginProvider())
	info := tfbridge.ProviderInfo{
		P:            provider,
		Name:         "hcloud",
		DisplayName:  "Hetzner Cloud",
		Version:      Version,
		License:      "MPL-2.0",
		GitHubOrg:    "hetznercloud",
		MetadataInfo: tfbridge.NewProviderMetadata(metadata),
		Resources:    resources(provider),
	}
	info.MustComputeTokens(tokens.SingleModule("hcloud_", "index", tokens.MakeStandard("hcloud")))
	info.MustApplyAutoAliases()
	info.SetAutonaming(255, "-")
	return info
}

// resources overrides what cannot be derived from the Terraform schema. The entries must be distinct values: the bridge
// writes each resource's own type token into them.
func resources(provider shim.Provider) map[string]*tfbridge.ResourceInfo {
	overrides := map[string]*tfbridge.ResourceInfo{
		"hcloud_server": {PreCheckCallback: explicitAliasIPs},
	}
	provider.ResourcesMap().Range(func(name string, r shim.Resource) bool {
		id, found := r.Schema().GetOk("id")
		if !found || id.Type() == shim.TypeString {
			return true
		}
		// Terraform's schema says number; ids are strings in Pulumi.
		if overrides[name] == nil {
			overrides[name] = &tfbridge.ResourceInfo{}
		}
		overrides[name].Fields = map[string]*tfbridge.SchemaInfo{"id": {Type: "string"}}
		return true
	})
	return overrides
}

// explicitAliasIPs gives each network attachment of a server a list of alias addresses. Where the list is left out, the
// Terraform provider reports a difference on every run:
// https://github.com/hetznercloud/terraform-provider-hcloud/issues/650
func explicitAliasIPs(_ context.Context, inputs, _ resource.PropertyMap) (resource.PropertyMap, error) {
	networks := inputs["networks"]
	if !networks.IsArray() {
		return inputs, nil
	}
	for _, network := range networks.ArrayValue() {
		if network.IsObject() && !network.ObjectValue().HasValue("aliasIps") {
			network.ObjectValue()["aliasIps"] = resource.NewProperty([]resource.PropertyValue{})
		}
	}
	return inputs, nil
}
