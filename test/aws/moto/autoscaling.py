"""Auto Scaling in moto: lifecycle actions and activities, which it has not, and versions of launch templates.

Machines do not boot here: an instance that waits for a lifecycle hook comes into service by itself when its group is looked
at a second time, unless its lifecycle action is completed before.
"""

import sys
import threading
from collections import Counter
from datetime import datetime, timezone
from uuid import uuid4

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import (
    ASG_NAME_TAG,
    AutoScalingBackend,
    FakeAutoScalingGroup,
    FakeScalingPolicy,
    InstanceState,
    LifecycleHook,
)
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.utils import parse_user_data

looking = threading.RLock()


def add(action):
    """An operation that moto has not."""
    if hasattr(AutoScalingResponse, action.__name__):
        sys.exit(f"moto has {action.__name__} by now: what stands for it beside {__file__} has to go")
    setattr(AutoScalingResponse, action.__name__, action)


def require_group(response):
    name = response._get_param("AutoScalingGroupName")
    group = response.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return group


# Activities. moto says that there are none.


def activities_of(group):
    """Latest first."""
    if not hasattr(group, "activities"):
        group.activities = []
    return group.activities


def begin_activity(group, description, cause):
    activity = {
        "ActivityId": str(uuid4()),
        "AutoScalingGroupName": group.name,
        "Description": description,
        "Cause": cause,
        "StartTime": datetime.now(timezone.utc),
        "StatusCode": "InProgress",
        "Progress": 50,
    }
    activities_of(group).insert(0, activity)
    return activity


def end_activity(activity, status, reason=None):
    activity.update(
        StatusCode=status, StatusMessage=reason, EndTime=datetime.now(timezone.utc), Progress=100
    )
    if reason is not None:
        activity["Description"] += f".  Status Reason: {reason}"


def describe_scaling_activities(self):
    # What goes on comes before what began later.
    activities = sorted(
        activities_of(require_group(self)), key=lambda activity: activity["StatusCode"] != "InProgress"
    )
    return ActionResult({"Activities": activities})


AutoScalingResponse.describe_scaling_activities = describe_scaling_activities


# Instances. moto has those of all versions named by the template's default one, in one subnet, in service at once.


def specified(group):
    """What the group launches from."""
    return specify(group, {"Version": group.launch_template_version})


def specify(group, wanted):
    """A launch template, the group's if it is not named, and its version by number, however that is named."""
    name = wanted.get("LaunchTemplateId", group.ec2_launch_template.id)
    template = group.ec2_backend.get_launch_template(name)
    version = template.get_version(wanted.get("Version", "$Default"))
    return {"LaunchTemplateId": name, "LaunchTemplateName": template.name, "Version": str(version.number)}


def launch(group, launched_from):
    """One instance, in the subnet with the fewest of its kind."""
    template = group.ec2_backend.get_launch_template(launched_from["LaunchTemplateId"])
    made = template.get_version(launched_from["Version"])
    alike = [state for state in group.instance_states if state.launch_template == launched_from]
    taken = Counter(state.instance.subnet_id for state in alike)
    subnet = min(group.vpc_zone_identifier.split(","), key=lambda name: taken[name])
    nics = [{**nic, "SubnetId": subnet} for nic in made.data.get("NetworkInterfaces", [])]
    security_groups = [name for nic in nics for name in nic.pop("Groups", [])]
    tags = {**group.get_propagated_tags(), ASG_NAME_TAG: group.name}
    disks = made.data.get("BlockDeviceMappings")
    [instance] = group.ec2_backend.run_instances(
        made.image_id,
        1,
        made.user_data,
        security_groups,
        instance_type=made.instance_type,
        is_instance_type_default=False,
        launch_template={"LaunchTemplateId": template.id, "Version": str(made.number)},
        metadata_options=made.data.get("MetadataOptions", {}),
        nics=nics,
        subnet_id=subnet,
        tags={"instance": tags},
        # Else it has them beside a disk of its own, which is not encrypted.
        **({"block_device_mappings": disks} if disks else {}),
    ).instances
    profile = made.data.get("IamInstanceProfile", {})
    if profile:
        group.ec2_backend.associate_iam_instance_profile(
            instance.id, profile.get("Name"), profile.get("Arn")
        )
    instance.autoscaling_group = group
    state = InstanceState(instance, protected_from_scale_in=group.new_instances_protected_from_scale_in)
    state.launched_from = launched_from
    state.activity = begin_activity(
        group,
        f"Launching a new EC2 instance: {instance.id}",
        "an instance was started in response to a difference between desired and actual capacity",
    )
    if waits_at_start(group):
        state.lifecycle_state = "Pending:Wait"
        state.seen = False
    else:
        end_activity(state.activity, "Successful")
    group.instance_states.append(state)
    return state


def waits_at_start(group):
    hooks = group.autoscaling_backend.describe_lifecycle_hooks(group.name)
    return any(hook.lifecycle_transition == "autoscaling:EC2_INSTANCE_LAUNCHING" for hook in hooks)


def terminate(group, state):
    group.instance_states.remove(state)
    group.ec2_backend.terminate_instances([state.instance.id])
    ending = begin_activity(
        group, f"Terminating EC2 instance: {state.instance.id}", "an instance was taken out of service"
    )
    end_activity(ending, "Successful")
    group.autoscaling_backend.update_attached_target_groups(group.name)


def launch_several(self, count_needed, propagated_tags):
    for _ in range(count_needed):
        launch(self, specified(self))


def counted(self):
    """Those that start count as well, or there would be others beside them."""
    return [state for state in self.instance_states if state.lifecycle_state != "Standby"]


FakeAutoScalingGroup.replace_autoscaling_group_instances = launch_several
FakeAutoScalingGroup.active_instances = counted
InstanceState.launch_template = property(lambda self: getattr(self, "launched_from", None))


def update_attached_target_groups(self, group_name):
    """moto's own registers instances that are not in service, or were taken out, and leaves those that are gone."""
    group = self.autoscaling_groups[group_name]
    serving = {state.instance.id for state in group.instance_states if state.lifecycle_state == "InService"}
    if not hasattr(group, "registered"):
        group.registered = {}
    for arn in group.target_group_arns:
        target_group = self.elbv2_backend.target_groups.get(arn)
        if target_group is not None:
            registered = group.registered.get(arn, set())
            target_group.register([{"Id": name} for name in serving - registered])
            target_group.deregister(
                [{"Id": name} for name in registered - serving if name in target_group.targets]
            )
            group.registered[arn] = serving


AutoScalingBackend.update_attached_target_groups = update_attached_target_groups


def come_into_service(group):
    for state in group.instance_states:
        if state.lifecycle_state != "Pending:Wait":
            continue
        if state.seen:
            state.lifecycle_state = "InService"
            end_activity(state.activity, "Successful")
        state.seen = True
    group.autoscaling_backend.update_attached_target_groups(group.name)


describe_groups = AutoScalingResponse.describe_auto_scaling_groups


def look_at_groups(self):
    with looking:
        names = self._get_param("AutoScalingGroupNames", [])
        for group in self.autoscaling_backend.describe_auto_scaling_groups(names):
            come_into_service(group)
        return describe_groups(self)


AutoScalingResponse.describe_auto_scaling_groups = look_at_groups


create_version = LaunchTemplate.create_version


def create_version_of_its_own(self, data, description):
    """moto's own gives the template's tags to what is launched, too, and cannot launch a second version's user-data."""
    specifications = data.get("TagSpecifications", [])
    data["TagSpecifications"] = [one for one in specifications if one["ResourceType"] != "launch-template"]
    if isinstance(data.get("UserData"), str):
        data["UserData"] = parse_user_data(data["UserData"])
    return create_version(self, data, description)


LaunchTemplate.create_version = create_version_of_its_own


# What else moto says that AWS does not, or forgets.

make_hook = LifecycleHook.__init__


def make_silent_hook(self, *args):
    """moto's own notifies somebody."""
    make_hook(self, *args)
    self.role_arn = None
    self.notification_target_arn = None


LifecycleHook.__init__ = make_silent_hook

make_policy = FakeScalingPolicy.__init__


def make_enabled_policy(self, *args, **kwargs):
    """moto's own does not say that it is, and each predicts."""
    make_policy(self, *args, **kwargs)
    self.enabled = True
    self.predictive_scaling_configuration = self.predictive_scaling_configuration or None


FakeScalingPolicy.__init__ = make_enabled_policy

kept = {
    "DefaultInstanceWarmup": "default_instance_warmup",
    "InstanceMaintenancePolicy": "instance_maintenance_policy",
    "MaxInstanceLifetime": "max_instance_lifetime",
}


def keeping(act):
    def act_and_keep(self):
        answer = act(self)
        group = require_group(self)
        for parameter, attribute in kept.items():
            if self._get_param(parameter) is not None:
                setattr(group, attribute, self._get_param(parameter))
        return answer

    return act_and_keep


for name in ("create_auto_scaling_group", "update_auto_scaling_group"):
    setattr(AutoScalingResponse, name, keeping(getattr(AutoScalingResponse, name)))


delete_group = AutoScalingBackend.delete_auto_scaling_group


def delete_group_and_its_own(self, group_name):
    """moto's own leaves hooks and policies."""
    delete_group(self, group_name)
    for things in (self.lifecycle_hooks, self.policies):
        for key in [key for key, thing in things.items() if thing.auto_scaling_group_name == group_name]:
            del things[key]


AutoScalingBackend.delete_auto_scaling_group = delete_group_and_its_own


def complete_lifecycle_action(self):
    group = require_group(self)
    name = self._get_param("InstanceId")
    state = next((state for state in group.instance_states if state.instance.id == name), None)
    if state is None or state.lifecycle_state != "Pending:Wait":
        raise ValidationError(f"No active Lifecycle Action found with instance ID {name}")
    if self._get_param("LifecycleActionResult") == "CONTINUE":
        state.lifecycle_state = "InService"
        end_activity(state.activity, "Successful")
        self.autoscaling_backend.update_attached_target_groups(group.name)
    else:
        reason = "Lifecycle Action was abandoned: Lifecycle Action Completed with ABANDON Result"
        end_activity(state.activity, "Cancelled", f"Instance failed to complete user's {reason}")
        terminate(group, state)
        launch(group, state.launch_template)
    return EmptyResult()


add(complete_lifecycle_action)
