// Package random describes how the official Terraform provider "random" becomes a Pulumi provider.
//
// The description yields the same resources, properties and identifiers as the plugin that Pulumi publishes, so that
// programs written with the npm package @pulumi/random, and their states, work with either of them.
package random

import (
	"context"
	"errors"

	framework "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/terraform-providers/terraform-provider-random/shim"
)

// Version is the version of the npm package that asks for this plugin.
const Version = "4.21.2"

// Info returns the description. metadata is the bridge-metadata.json that the generator writes.
func Info(metadata []byte) tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            framework.ShimProvider(shim.Provider()),
		Name:         "random",
		DisplayName:  "Random",
		Version:      Version,
		License:      "MPL-2.0",
		MetadataInfo: tfbridge.NewProviderMetadata(metadata),
		Resources: map[string]*tfbridge.ResourceInfo{
			"random_bytes": {ComputeID: bytesID},
		},
		EnableAccurateBridgePreview: true,
		EnableRawStateDelta:         true,
	}
	standard := tokens.MakeStandard("random")
	info.MustComputeTokens(tokens.SingleModule("random_", "index", func(module, name string) (string, error) {
		return standard(module, "Random"+name)
	}))
	info.MustApplyAutoAliases()
	return info
}

// bytesID is the id of RandomBytes, the one resource whose Terraform schema has no id: its value in base64.
func bytesID(_ context.Context, state resource.PropertyMap) (resource.ID, error) {
	value := state["base64"]
	if value.IsSecret() {
		value = value.SecretValue().Element
	}
	if !value.IsString() {
		return "", errors.New("random_bytes: the property base64 is missing or not a string")
	}
	return resource.ID(value.StringValue()), nil
}
