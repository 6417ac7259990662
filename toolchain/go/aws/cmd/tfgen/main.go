// The generator of the plugin's schema.json and bridge-metadata.json: tfgen schema --out cmd/plugin
package main

import (
	"dukaan/toolchain/aws"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
)

func main() {
	// The metadata starts empty: a build depends on its sources alone, not on the build before it.
	metadata := []byte("{}")
	tfgen.MainWithMuxer("aws", aws.Info(metadata))
}
