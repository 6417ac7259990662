// Takes the place of the list of all services of AWS: those whose resources tokens.json names, and what these need. A
// plugin of all of them takes three quarters of an hour to build, and 13 GB of memory to link.
package sdkv2

import (
	"context"

	"github.com/hashicorp/terraform-provider-aws/internal/conns"
	"github.com/hashicorp/terraform-provider-aws/internal/service/acm"
	"github.com/hashicorp/terraform-provider-aws/internal/service/autoscaling"
	"github.com/hashicorp/terraform-provider-aws/internal/service/cloudwatch"
	"github.com/hashicorp/terraform-provider-aws/internal/service/ec2"
	"github.com/hashicorp/terraform-provider-aws/internal/service/elbv2"
	"github.com/hashicorp/terraform-provider-aws/internal/service/iam"
	"github.com/hashicorp/terraform-provider-aws/internal/service/kms"
	"github.com/hashicorp/terraform-provider-aws/internal/service/logs"
	"github.com/hashicorp/terraform-provider-aws/internal/service/rds"
	"github.com/hashicorp/terraform-provider-aws/internal/service/route53"
	"github.com/hashicorp/terraform-provider-aws/internal/service/s3"
	"github.com/hashicorp/terraform-provider-aws/internal/service/s3control"
	"github.com/hashicorp/terraform-provider-aws/internal/service/secretsmanager"
	"github.com/hashicorp/terraform-provider-aws/internal/service/sts"
)

func servicePackages(ctx context.Context) []conns.ServicePackage {
	return []conns.ServicePackage{
		acm.ServicePackage(ctx),
		autoscaling.ServicePackage(ctx),
		cloudwatch.ServicePackage(ctx),
		ec2.ServicePackage(ctx),
		elbv2.ServicePackage(ctx),
		iam.ServicePackage(ctx),
		kms.ServicePackage(ctx),
		logs.ServicePackage(ctx),
		rds.ServicePackage(ctx),
		route53.ServicePackage(ctx),
		s3.ServicePackage(ctx),
		s3control.ServicePackage(ctx),
		secretsmanager.ServicePackage(ctx),
		sts.ServicePackage(ctx),
	}
}
