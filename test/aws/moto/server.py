"""moto's server on a free port of loopback, which is the first line that it writes. It ends when its input does.

moto does not know EC2 Instance Connect Endpoints; what the provider asks of them is added here. What it gets wrong is put
right here. It has no images of Debian's: MOTO_AMIS_PATH names a list that has one.
"""

import logging
import os
import sys
import threading

import refreshes  # noqa: F401  what it changes
from cloudwatch import speaking_cbor
import xmltodict
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.subnets import Subnet
from moto.ec2.responses import EC2Response
from moto.ec2.utils import add_tag_specification, random_resource_id
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend
from moto.iam.access_control import PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.rds.models import DBParameterGroup
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response
from werkzeug.serving import make_server


def endpoints(response):
    """By id. They live with the backend: a reset of moto forgets them with everything else."""
    backend = response.ec2_backend
    if not hasattr(backend, "connect_endpoints"):
        backend.connect_endpoints = {}
    return backend.connect_endpoints


def require(response, name):
    found = endpoints(response).get(name)
    if found is None:
        raise EC2ClientError(
            "InvalidInstanceConnectEndpointId.NotFound", f"The endpoint {name} does not exist"
        )
    return found


def create_instance_connect_endpoint(self):
    subnet = self.ec2_backend.get_subnet(self._get_param("SubnetId"))
    name = "eice-" + random_resource_id(17)
    tags = add_tag_specification(self._get_param("TagSpecifications", []))
    made = {
        "InstanceConnectEndpointId": name,
        "InstanceConnectEndpointArn": f"arn:aws:ec2:{self.region}:{self.current_account}:instance-connect-endpoint/{name}",
        "OwnerId": self.current_account,
        "DnsName": f"{name}.ec2-instance-connect-endpoint.{self.region}.amazonaws.com",
        "State": "create-complete",
        "SubnetId": subnet.id,
        "VpcId": subnet.vpc_id,
        "AvailabilityZone": subnet.availability_zone,
        "SecurityGroupIds": self._get_param("SecurityGroupIds", []),
        "PreserveClientIp": self._get_bool_param("PreserveClientIp", False),
        "NetworkInterfaceIds": [],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    endpoints(self)[name] = made
    return ActionResult({"InstanceConnectEndpoint": made})


def describe_instance_connect_endpoints(self):
    names = self._get_param("InstanceConnectEndpointIds", [])
    found = [require(self, name) for name in names] if names else list(endpoints(self).values())
    return ActionResult({"InstanceConnectEndpoints": found})


def delete_instance_connect_endpoint(self):
    gone = require(self, self._get_param("InstanceConnectEndpointId"))
    del endpoints(self)[gone["InstanceConnectEndpointId"]]
    return ActionResult({"InstanceConnectEndpoint": {**gone, "State": "delete-in-progress"}})


for action in (
    create_instance_connect_endpoint,
    describe_instance_connect_endpoints,
    delete_instance_connect_endpoint,
):
    if hasattr(EC2Response, action.__name__):
        sys.exit(f"moto has {action.__name__} by now: take it out of {__file__}")
    setattr(EC2Response, action.__name__, action)


def subnet_ipv6_blocks(self):
    """In moto the state is `{"state": {"State": "associated"}}`, and the provider waits for "associated"."""
    return [
        {
            "ipv6CidrBlock": block["ipv6CidrBlock"],
            "associationId": block["associationId"],
            "ipv6CidrBlockState": {"state": block["ipv6CidrBlockState"]["State"]},
        }
        for block in self.ipv6_cidr_block_associations.values()
        if block["ipv6CidrBlockState"]["State"] == "associated"
    ]


Subnet.ipv6_cidr_block_association_set = property(subnet_ipv6_blocks)


def judge_not(self, action, resource):
    """moto's own does not know conditions: a policy that refuses what comes without TLS refuses everything."""
    return PermissionResult.NEUTRAL


FakeBucket.get_permission = judge_not


def rule_description(self):
    """moto's own leaves out those of rules about groups."""
    return self.ip_range.get("Description") or self.source_group.get("Description")


SecurityGroupRule.description = property(rule_description)


run_instances = EC2Response.run_instances


def run_protected_instances(self):
    """moto's own leaves out whether an instance is protected from termination."""
    answer = run_instances(self)
    for instance in answer.result.instances:
        instance.disable_api_termination = self._get_bool_param("DisableApiTermination", False)
    return answer


EC2Response.run_instances = run_protected_instances


delete_nat_gateway = EC2Backend.delete_nat_gateway


def delete_nat_gateway_and_interface(self, nat_gateway_id):
    """moto's own forgets the interface that it has made for it."""
    gateway = delete_nat_gateway(self, nat_gateway_id)
    self.delete_network_interface(gateway._eni.id)
    return gateway


EC2Backend.delete_nat_gateway = delete_nat_gateway_and_interface


delete_load_balancer = ELBv2Backend.delete_load_balancer


def delete_unprotected_load_balancer(self, arn):
    """moto's own deletes protected ones, too."""
    balancer = self.load_balancers.get(arn)
    if balancer and balancer.attrs.get("deletion_protection.enabled") == "true":
        raise ELBClientError(
            "OperationNotPermitted",
            f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
        )
    delete_load_balancer(self, arn)


ELBv2Backend.delete_load_balancer = delete_unprotected_load_balancer


update_parameters = DBParameterGroup.update_parameters


def update_by_user(self, new_parameters):
    """The provider reads only those back of which AWS says who set them."""
    update_parameters(self, [{**parameter, "Source": "user"} for parameter in new_parameters])


DBParameterGroup.update_parameters = update_by_user


put_bucket = S3Response._bucket_response_put


def put_tagged_bucket(self, request, bucket_name, querystring):
    """moto's own leaves out the tags that a bucket is made with."""
    answer = put_bucket(self, request, bucket_name, querystring)
    if not querystring and self.body:
        configuration = xmltodict.parse(self.body, force_list={"Tag"})["CreateBucketConfiguration"]
        tags = (configuration.get("Tags") or {}).get("Tag", [])
        self.backend.put_bucket_tagging(bucket_name, {tag["Key"]: tag["Value"] for tag in tags})
    return answer


S3Response._bucket_response_put = put_tagged_bucket


def end_with_input():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line a request
app = speaking_cbor(DomainDispatcherApplication(create_backend_app))
server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.server_port, flush=True)
threading.Thread(target=end_with_input, daemon=True).start()
server.serve_forever()
