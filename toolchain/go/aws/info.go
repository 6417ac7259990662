// Package aws describes how the official Terraform provider for AWS becomes a Pulumi provider.
//
// The description yields of the resources that tokens.json names the same types, properties and identifiers as the plugin
// that Pulumi publishes, so that programs written with the npm package @pulumi/aws, and their states, work with either
// of them. The published plugin has twenty times as many resources.
package aws

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-provider-aws/shim"
	framework "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	tfshim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// Version is the version of the npm package that asks for this plugin.
const Version = "7.48.0"

//go:embed tokens.json
var tokensFile []byte

// Info returns the description. metadata is the bridge-metadata.json that the generator writes.
func Info(metadata []byte) tfbridge.ProviderInfo {
	ctx := context.Background()
	old, new, err := shim.Provider(ctx)
	if err != nil {
		panic(err)
	}
	provider := framework.MuxShimWithPF(ctx, sdkv2.NewProvider(old), new)
	info := tfbridge.ProviderInfo{
		P:            provider,
		Name:         "aws",
		DisplayName:  "AWS",
		Version:      Version,
		License:      "MPL-2.0",
		GitHubOrg:    "hashicorp",
		MetadataInfo: tfbridge.NewProviderMetadata(metadata),
		Resources:    map[string]*tfbridge.ResourceInfo{},
		DataSources:  map[string]*tfbridge.DataSourceInfo{},
	}
	mapTokens(&info)
	info.IgnoreMappings = append(info.IgnoreMappings, "arn_build", "arn_parse", "trim_iam_role_path", "user_agent")
	info.MustApplyAutoAliases()
	info.SetAutonaming(255, "-")
	return info
}

// mapTokens gives types to the resources and functions of tokens.json and has the others left out.
func mapTokens(info *tfbridge.ProviderInfo) {
	var wanted struct{ Resources, Functions map[string]string }
	if err := json.Unmarshal(tokensFile, &wanted); err != nil {
		panic(fmt.Errorf("tokens.json: %w", err))
	}
	info.P.ResourcesMap().Range(func(name string, schema tfshim.Resource) bool {
		token, found := wanted.Resources[name]
		if !found {
			info.IgnoreMappings = append(info.IgnoreMappings, name)
			return true
		}
		delete(wanted.Resources, name)
		described := overrides[name]
		if described == nil {
			described = &tfbridge.ResourceInfo{}
		}
		described.Tok = tokens.Type(token)
		if _, found := schema.Schema().GetOk("tags_all"); found {
			// What tags there are; Terraform would have them set there, too.
			if described.Fields == nil {
				described.Fields = fields{}
			}
			described.Fields["tags_all"] = &tfbridge.SchemaInfo{MarkAsComputedOnly: tfbridge.True()}
		}
		if region, found := schema.Schema().GetOk("region"); found && region.Optional() {
			described.PreCheckCallback = explicitRegion
		}
		info.Resources[name] = described
		return true
	})
	info.P.DataSourcesMap().Range(func(name string, _ tfshim.Resource) bool {
		token, found := wanted.Functions[name]
		if found {
			delete(wanted.Functions, name)
			info.DataSources[name] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(token)}
		} else {
			// Of a resource and a data source of one name this leaves out the one that is not mapped.
			info.IgnoreMappings = append(info.IgnoreMappings, name)
		}
		return true
	})
	if len(wanted.Resources)+len(wanted.Functions) > 0 {
		panic(fmt.Errorf("tokens.json names what the Terraform provider does not have: %v", wanted))
	}
}

// explicitRegion gives a resource the provider's region. The Terraform provider does so by itself, but after the bridge
// has looked: each preview would show a difference.
func explicitRegion(_ context.Context, inputs, provider resource.PropertyMap) (resource.PropertyMap, error) {
	if inputs.HasValue("region") || !provider.HasValue("region") {
		return inputs, nil
	}
	inputs = inputs.Copy()
	inputs["region"] = provider["region"]
	return inputs, nil
}
