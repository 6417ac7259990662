// Package shim lies below the Terraform provider's module path, which is what allows it to import the provider's
// internal packages.
package shim

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-provider-aws/internal/provider/framework"
	"github.com/hashicorp/terraform-provider-aws/internal/provider/sdkv2"
)

// Provider returns both halves of the official Terraform provider "aws": some resources are written with the old SDK,
// some with the new framework.
func Provider(ctx context.Context) (*schema.Provider, provider.Provider, error) {
	old, err := sdkv2.NewProvider(ctx)
	if err != nil {
		return nil, nil, err
	}
	new, err := framework.NewProvider(ctx, old)
	return old, new, err
}
