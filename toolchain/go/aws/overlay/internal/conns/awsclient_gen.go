// Takes the place of the clients of all services of AWS, each of which is compiled and linked: those that the services use
// which the plugin has.
package conns

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/hashicorp/terraform-provider-aws/internal/errs"
	"github.com/hashicorp/terraform-provider-aws/names"
)

func (c *AWSClient) AccountClient(ctx context.Context) *account.Client {
	return clientOf[*account.Client](ctx, c, names.Account)
}

func (c *AWSClient) ACMClient(ctx context.Context) *acm.Client {
	return clientOf[*acm.Client](ctx, c, names.ACM)
}

func (c *AWSClient) AutoScalingClient(ctx context.Context) *autoscaling.Client {
	return clientOf[*autoscaling.Client](ctx, c, names.AutoScaling)
}

func (c *AWSClient) CloudWatchClient(ctx context.Context) *cloudwatch.Client {
	return clientOf[*cloudwatch.Client](ctx, c, names.CloudWatch)
}

func (c *AWSClient) EC2Client(ctx context.Context) *ec2.Client {
	return clientOf[*ec2.Client](ctx, c, names.EC2)
}

func (c *AWSClient) ELBClient(ctx context.Context) *elasticloadbalancing.Client {
	return clientOf[*elasticloadbalancing.Client](ctx, c, names.ELB)
}

func (c *AWSClient) ELBV2Client(ctx context.Context) *elasticloadbalancingv2.Client {
	return clientOf[*elasticloadbalancingv2.Client](ctx, c, names.ELBV2)
}

func (c *AWSClient) IAMClient(ctx context.Context) *iam.Client {
	return clientOf[*iam.Client](ctx, c, names.IAM)
}

func (c *AWSClient) KMSClient(ctx context.Context) *kms.Client {
	return clientOf[*kms.Client](ctx, c, names.KMS)
}

func (c *AWSClient) LogsClient(ctx context.Context) *cloudwatchlogs.Client {
	return clientOf[*cloudwatchlogs.Client](ctx, c, names.Logs)
}

func (c *AWSClient) OrganizationsClient(ctx context.Context) *organizations.Client {
	return clientOf[*organizations.Client](ctx, c, names.Organizations)
}

func (c *AWSClient) RDSClient(ctx context.Context) *rds.Client {
	return clientOf[*rds.Client](ctx, c, names.RDS)
}

func (c *AWSClient) Route53Client(ctx context.Context) *route53.Client {
	return clientOf[*route53.Client](ctx, c, names.Route53)
}

func (c *AWSClient) S3Client(ctx context.Context) *s3.Client {
	return clientOf[*s3.Client](ctx, c, names.S3)
}

func (c *AWSClient) S3ControlClient(ctx context.Context) *s3control.Client {
	return clientOf[*s3control.Client](ctx, c, names.S3Control)
}

func (c *AWSClient) SecretsManagerClient(ctx context.Context) *secretsmanager.Client {
	return clientOf[*secretsmanager.Client](ctx, c, names.SecretsManager)
}

func (c *AWSClient) STSClient(ctx context.Context) *sts.Client {
	return clientOf[*sts.Client](ctx, c, names.STS)
}

func clientOf[Client any](ctx context.Context, c *AWSClient, service string) Client {
	return errs.Must(client[Client](ctx, c, service, make(map[string]any)))
}
