"""Instance refreshes in moto. Each look at a group's refreshes is a step of the one that is under way.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html
"""

from datetime import datetime, timezone
from uuid import uuid4

from autoscaling import add, launch, looking, require_group, specified, specify, terminate
from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.responses import ActionResult

active = ("Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress")


def refreshes_of(group):
    """Latest first."""
    if not hasattr(group, "refreshes"):
        group.refreshes = []
    return group.refreshes


def active_refresh(group):
    return next((refresh for refresh in refreshes_of(group) if refresh["Status"] in active), None)


def require_active_refresh(group):
    refresh = active_refresh(group)
    if refresh is None:
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound", f"No in progress or pending Instance Refresh found for {group.name}"
        )
    return refresh


def start_instance_refresh(self):
    group = require_group(self)
    preferences = self._get_param("Preferences", {})
    wanted = self._get_param("DesiredConfiguration", {})
    if preferences.get("AutoRollback") and not wanted:
        raise ValidationError(
            "The AutoRollback parameter cannot be set to true when the DesiredConfiguration parameter is empty."
        )
    if active_refresh(group):
        raise AutoscalingClientError(
            "InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks this operation"
        )
    template = specify(group, wanted["LaunchTemplate"]) if wanted else specified(group)
    refresh = {
        "InstanceRefreshId": str(uuid4()),
        "AutoScalingGroupName": group.name,
        "Status": "Pending",
        "StartTime": datetime.now(timezone.utc),
        "PercentageComplete": 0,
        "InstancesToUpdate": len(group.instance_states),
        "Preferences": preferences,
        "DesiredConfiguration": wanted or None,
        "Strategy": "Rolling",
    }
    # From what new instances are launched, and which ones go.
    refresh["template"] = template
    refresh["old"] = [
        state
        for state in group.instance_states
        if not preferences.get("SkipMatching") or state.launch_template != template
    ]
    refreshes_of(group).insert(0, refresh)
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def describe_instance_refreshes(self):
    group = require_group(self)
    with looking:
        refresh = active_refresh(group)
        if refresh:
            step(group, refresh)
    names = self._get_param("InstanceRefreshIds", [])
    found = [one for one in refreshes_of(group) if not names or one["InstanceRefreshId"] in names]
    return ActionResult({"InstanceRefreshes": found})


def cancel_instance_refresh(self):
    refresh = require_active_refresh(require_group(self))
    refresh["Status"] = "Cancelling"
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def rollback_instance_refresh(self):
    group = require_group(self)
    refresh = require_active_refresh(group)
    if not refresh["DesiredConfiguration"]:
        raise AutoscalingClientError(
            "IrreversibleInstanceRefresh", "The Instance Refresh has no desired configuration"
        )
    go_back(group, refresh, "Rollback initiated by user")
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def go_back(group, refresh, reason):
    """To what the group launches from: it gets another template when its refresh succeeds."""
    refresh["Status"] = "RollbackInProgress"
    refresh["RollbackDetails"] = {
        "RollbackReason": reason,
        "RollbackStartTime": datetime.now(timezone.utc),
        "PercentageCompleteOnRollback": refresh["PercentageComplete"],
    }
    refresh["template"] = specified(group)
    refresh["old"] = [
        state for state in group.instance_states if state.launch_template != refresh["template"]
    ]


def step(group, refresh):
    status = refresh["Status"]
    alarm = alarm_that_went_off(group, refresh)
    if status == "Pending":
        refresh["Status"] = "InProgress"
    elif status == "Cancelling":
        end(refresh, "Cancelled")
    elif status in ("InProgress", "Baking") and alarm:
        reason = f"CloudWatch alarm in ALARM state: {alarm}"
        if refresh["Preferences"].get("AutoRollback"):
            go_back(group, refresh, reason)
        else:
            end(refresh, "Failed", reason)
    elif replace_one(group, refresh):
        pass
    elif status == "RollbackInProgress":
        end(refresh, "RollbackSuccessful")
    elif status == "InProgress" and refresh["Preferences"].get("BakeTime"):
        refresh["Status"] = "Baking"
    else:
        if refresh["DesiredConfiguration"]:
            group._set_launch_configuration(None, refresh["DesiredConfiguration"]["LaunchTemplate"], None)
        end(refresh, "Successful")


def replace_one(group, refresh):
    """A new instance first, and then an old one goes. @returns whether there is something to wait for"""
    old = refresh["old"] = [state for state in refresh["old"] if state in group.instance_states]
    if refresh["Status"] == "InProgress":
        refresh["InstancesToUpdate"] = len(old)
        refresh["PercentageComplete"] = 100 - 100 * len(old) // max(len(old), group.desired_capacity, 1)
    if any(state.lifecycle_state != "InService" for state in group.instance_states if state not in old):
        return True
    if len(group.instance_states) > group.desired_capacity and old:
        terminate(group, old[0])
        return True
    if old:
        launch(group, refresh["template"])
    return bool(old)


def alarm_that_went_off(group, refresh):
    alarms = cloudwatch_backends[group.account_id][group.region].alarms
    names = refresh["Preferences"].get("AlarmSpecification", {}).get("Alarms", [])
    return next((name for name in names if name in alarms and alarms[name].state_value == "ALARM"), None)


def end(refresh, status, reason=None):
    refresh["Status"] = status
    refresh["StatusReason"] = reason
    refresh["EndTime"] = datetime.now(timezone.utc)


for action in (
    start_instance_refresh,
    describe_instance_refreshes,
    cancel_instance_refresh,
    rollback_instance_refresh,
):
    add(action)
