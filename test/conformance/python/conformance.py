"""Goes through a Hetzner Cloud with the official client, and prints a line of JSON a check: {"check": …, "error": …}.

HCLOUD_ENDPOINT and HCLOUD_TOKEN say where. It ends with 0 whatever it finds.
"""

import inspect
import json
import os
import sys
import traceback
from datetime import datetime, timedelta, timezone

from hcloud import APIException, Client
from hcloud.images import Image
from hcloud.load_balancer_types import LoadBalancerType
from hcloud.load_balancers import (
    LoadBalancerHealthCheck,
    LoadBalancerService,
    LoadBalancerTarget,
    LoadBalancerTargetLabelSelector,
)
from hcloud.locations import Location
from hcloud.networks import NetworkSubnet
from hcloud.server_types import ServerType
from hcloud.zones import ZoneRecord

client = Client(token=os.environ["HCLOUD_TOKEN"], api_endpoint=os.environ["HCLOUD_ENDPOINT"], poll_interval=0.05)
FSN1 = Location(name="fsn1")


def check(name):
    """Runs the decorated function at once and reports how it ended."""

    def run(work):
        error = ""
        try:
            work()
        except Exception:  # noqa: BLE001 - whatever it is, it is reported
            error = traceback.format_exc(limit=-2)
        print(json.dumps({"check": name, "error": error}), flush=True)

    return run


def refused(code, work, *args, **kwargs):
    try:
        work(*args, **kwargs)
    except APIException as error:
        assert error.code == code, f"want {code}, got {error.code}: {error.message}"
        return
    raise AssertionError(f"want {code}, and nothing was refused")


def wait(answer):
    """Waits for what a creation or an action started."""
    action = getattr(answer, "action", None) or (answer if hasattr(answer, "wait_until_finished") else None)
    for one in [action, *(getattr(answer, "next_actions", None) or [])]:
        if one is not None:
            one.wait_until_finished()
    return answer


def server(name, **more):
    made = client.servers.create(name, ServerType(name="local-512"), Image(name="debian-12"), location=FSN1, **more)
    return wait(made).server


# How each kind is made; what they have in common is checked for all alike.
KINDS = {
    "networks": lambda name, labels: client.networks.create(name, "10.0.0.0/16", labels=labels),
    "firewalls": lambda name, labels: client.firewalls.create(name, labels=labels).firewall,
    "placement_groups": lambda name, labels: client.placement_groups.create(name, "spread", labels=labels).placement_group,
    "primary_ips": lambda name, labels: client.primary_ips.create(
        type="ipv4", name=name, location=FSN1, labels=labels
    ).primary_ip,
    "volumes": lambda name, labels: wait(client.volumes.create(10, name, labels=labels, location=FSN1)).volume,
    "floating_ips": lambda name, labels: client.floating_ips.create(
        "ipv4", name=name, home_location=FSN1, labels=labels
    ).floating_ip,
    "load_balancers": lambda name, labels: wait(
        client.load_balancers.create(name, LoadBalancerType(name="lb11"), location=FSN1, labels=labels)
    ).load_balancer,
    "servers": lambda name, labels: server(name, labels=labels),
}


def check_kind(kind, create):
    resources = getattr(client, kind)
    made = {}

    @check(f"{kind}: create")
    def _():
        for name in "bca":
            made[name] = create(f"py-{kind[:2]}-{name}", {"py": kind, "one": name})
            assert made[name].id > 2**31

    @check(f"{kind}: a second one of that name is refused")
    def _():
        refused("uniqueness_error", create, made["a"].name, {})

    @check(f"{kind}: list, get, and in pages")
    def _():
        names = lambda **query: [one.labels["one"] for one in resources.get_all(label_selector=f"py={kind}", **query)]
        assert sorted(names()) == ["a", "b", "c"]
        # Not every list of this client has an order to ask for.
        if "sort" in inspect.signature(resources.get_all).parameters:
            assert names(sort="name:desc") == ["c", "b", "a"]
            assert names(sort=["name"]) == ["a", "b", "c"]
        page = resources.get_list(label_selector=f"py={kind}", per_page=2, page=2)
        assert page.meta.pagination.last_page == 2 and page.meta.pagination.total_entries == 3
        assert resources.get_by_id(made["a"].id).name == made["a"].name
        assert resources.get_by_name(made["a"].name).id == made["a"].id
        refused("not_found", resources.get_by_id, 4711)
        refused("invalid_input", resources.get_all, label_selector="= =")

    @check(f"{kind}: update and reload")
    def _():
        made["a"].update(name=f"py-{kind[:2]}-new", labels={"py": kind})
        made["a"].reload()
        assert made["a"].name == f"py-{kind[:2]}-new" and made["a"].labels == {"py": kind}

    if hasattr(made["a"], "change_protection"):

        @check(f"{kind}: protection")
        def _():
            both = {"delete": True, "rebuild": True} if kind == "servers" else {"delete": True}
            wait(made["a"].change_protection(**both))
            refused("protected", made["a"].delete)
            wait(made["a"].change_protection(**dict.fromkeys(both, False)))

    @check(f"{kind}: delete")
    def _():
        for one in made.values():
            wait(one.delete())
        assert resources.get_all(label_selector=f"py={kind}") == []


for one, maker in KINDS.items():
    check_kind(one, maker)


@check("acts: a server with a volume and a floating IP")
def _():
    made = server("py-acts")
    volume = wait(client.volumes.create(10, "py-acts", server=made, automount=True, format="xfs")).volume
    wait(volume.detach())
    wait(volume.attach(made, automount=False))
    wait(volume.resize(30))
    volume.reload()
    assert volume.size == 30 and volume.server.id == made.id and volume.format == "xfs"
    refused("volume_already_attached", volume.attach, made)
    ip = client.floating_ips.create("ipv4", server=made).floating_ip
    wait(ip.change_dns_ptr(ip.ip, "py.example"))
    wait(ip.unassign())
    wait(ip.assign(made))
    ip.reload()
    assert ip.dns_ptr[0]["dns_ptr"] == "py.example" and ip.server.id == made.id
    made.reload()
    assert made.volumes[0].id == volume.id and made.public_net.floating_ips[0].id == ip.id
    wait(made.delete())
    volume.reload()
    assert volume.server is None
    volume.delete()
    ip.delete()


@check("acts: a load balancer in a network")
def _():
    subnet = NetworkSubnet(type="cloud", ip_range="10.0.1.0/24", network_zone="eu-central")
    network = client.networks.create("py-acts", "10.0.0.0/16", subnets=[subnet])
    made = server("py-acts-lb", networks=[network], labels={"app": "web"})
    balancer = wait(
        client.load_balancers.create("py-acts", LoadBalancerType(name="lb11"), location=FSN1, network=network)
    ).load_balancer
    health = LoadBalancerHealthCheck(protocol="tcp", port=8080, interval=15, timeout=10, retries=3)
    service = LoadBalancerService(
        protocol="tcp", listen_port=80, destination_port=8080, proxyprotocol=False, health_check=health
    )
    wait(balancer.add_service(service))
    refused("source_port_already_used", balancer.add_service, service)
    wait(balancer.add_target(LoadBalancerTarget(type="server", server=made, use_private_ip=True)))
    selector = LoadBalancerTarget(
        type="label_selector", label_selector=LoadBalancerTargetLabelSelector(selector="app=web"), use_private_ip=True
    )
    wait(balancer.add_target(selector))
    refused("target_already_defined", balancer.add_target, selector)
    balancer.reload()
    assert [target.type for target in balancer.targets] == ["server", "label_selector"]
    assert balancer.targets[0].health_status[0].listen_port == 80
    wait(balancer.remove_target(selector))
    wait(balancer.delete_service(service))
    wait(balancer.delete())
    wait(made.delete())
    network.delete()


@check("acts: an image of a server, and its metrics")
def _():
    made = server("py-image")
    answer = made.create_image(description="golden", labels={"py": "image"})
    answer.action.wait_until_finished()
    image = client.images.get_by_id(answer.image.id)
    assert image.status == "available" and image.created_from.id == made.id and image.type == "snapshot"
    assert [one.id for one in client.images.get_all(label_selector="py=image")] == [image.id]
    image.update(description="new")
    wait(image.change_protection(delete=True))
    refused("protected", image.delete)
    wait(image.change_protection(delete=False))
    copy = wait(client.servers.create("py-copy", ServerType(name="cx23"), Image(id=image.id), location=FSN1)).server
    copy.reload()
    assert copy.image.id == image.id
    wait(copy.rebuild(Image(id=image.id)))
    wait(made.enable_backup())
    made.create_image(type="backup").action.wait_until_finished()
    assert len(client.images.get_all(bound_to=[str(made.id)])) == 1
    wait(made.disable_backup())
    now = datetime.now(timezone.utc)
    metrics = made.get_metrics(["cpu", "disk", "network"], now - timedelta(minutes=1), now, step=10).metrics
    assert len(metrics.time_series) == 9
    for refusal in (made.request_console, made.reset_password):
        refused("unsupported_error", refusal)
    for one in (made, copy):
        wait(one.delete())
    image.delete()


@check("acts: an SSH key and a certificate")
def _():
    key = client.ssh_keys.create("py-key", os.environ["PUBLIC_KEY"], labels={"py": "key"})
    refused("uniqueness_error", client.ssh_keys.create, "py-other", os.environ["PUBLIC_KEY"])
    refused("invalid_input", client.ssh_keys.create, "py-other", "no key")
    assert client.ssh_keys.get_by_fingerprint(key.fingerprint).id == key.id > 2**31
    made = wait(
        client.servers.create("py-key", ServerType(name="local-512"), Image(name="debian-12"), ssh_keys=[key])
    ).server
    wait(made.delete())
    key.update(name="py-new", labels={})
    assert client.ssh_keys.get_by_name("py-new").labels == {}
    key.delete()
    certificate = client.certificates.create("py-cert", os.environ["CERTIFICATE"], os.environ["PRIVATE_KEY"])
    assert certificate.type == "uploaded" and certificate.domain_names == ["shop.example"]
    refused("uniqueness_error", client.certificates.create, "py-cert", os.environ["CERTIFICATE"], os.environ["PRIVATE_KEY"])
    refused("invalid_input", client.certificates.create, "py-bad", "x", "y")
    refused("unsupported_error", client.certificates.create_managed, "py-managed", ["shop.example"])
    certificate.update(name="py-new")
    assert client.certificates.get_by_name("py-new").id == certificate.id
    certificate.delete()


@check("acts: a DNS zone")
def _():
    zone = wait(client.zones.create(name="py.example", mode="primary", ttl=600, labels={"py": "zone"})).zone
    assert client.zones.get("py.example").id == zone.id
    refused("uniqueness_error", client.zones.create, name="py.example", mode="primary")
    rrset = wait(zone.create_rrset(name="www", type="A", records=[ZoneRecord(value="203.0.113.9")])).rrset
    wait(zone.add_rrset_records(rrset, records=[ZoneRecord(value="203.0.113.10")]))
    wait(zone.change_rrset_ttl(rrset, ttl=120))
    found = zone.get_rrset("www", "A")
    assert found.ttl == 120 and [one.value for one in found.records] == ["203.0.113.9", "203.0.113.10"]
    refused("invalid_input", zone.create_rrset, name="bad", type="A", records=[ZoneRecord(value="::1")])
    assert "203.0.113.10" in zone.export_zonefile().zonefile
    wait(zone.delete_rrset(rrset))
    assert len(zone.get_rrset_all()) == 2
    wait(zone.delete())


@check("lists: what never changes")
def _():
    assert client.locations.get_by_name("fsn1").country == "DE"
    assert [one.name for one in client.load_balancer_types.get_all()] == ["lb11", "lb21", "lb31"]
    assert client.server_types.get_by_name("cx23").cores == 2
    assert client.images.get_by_name_and_architecture("debian-12", "x86") is not None
    assert client.images.get_all(name="debian-12", include_deprecated=True)[0].name == "debian-12"
    assert client.isos.get_all() == []


sys.exit(0)
