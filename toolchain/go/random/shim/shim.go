// Package shim lies below the Terraform provider's module path, which is what allows it to import the provider's
// internal package.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"
	random "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// Provider returns the official Terraform provider "random".
func Provider() provider.Provider { return random.New() }
