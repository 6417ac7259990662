// The plugin itself. Both embedded files are written by the generator in cmd/tfgen.
package main

import (
	"context"
	_ "embed"

	"dukaan/toolchain/aws"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
)

//go:embed schema.json
var schema []byte

//go:embed bridge-metadata.json
var metadata []byte

func main() {
	tfbridge.MainWithMuxer(context.Background(), "aws", aws.Info(metadata), schema)
}
