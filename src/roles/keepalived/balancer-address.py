#!/usr/bin/python3
"""balancer-address prepare|run|leave|await SECONDS, managed by the role `keepalived`.

prepare  gives this machine the shop's address, and keepalived the interface that leads to the other balancer
run      looks four times a second whether HAProxy answers and sees the app servers, and tells keepalived by a file; has the
         cloud lead the shop's address here when keepalived says that this machine is to have it
leave    waits until the address is led elsewhere, for five seconds at most
await    waits until this machine could take the address, after a boot say; fails when it cannot within so many seconds
"""

import csv
import http.client
import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

FOLDER = "/run/dukaan-balancer"
LOOK_SECONDS = 0.25
STATE_SECONDS = 0.05
# Two looks decide, in either direction: one may be late on a busy machine.
LOOKS = 2
ANSWER_SECONDS = 0.5

with open("/etc/dukaan/balancer.json", encoding="utf-8") as file:
    settings = json.load(file)
trust = ssl.create_default_context(cadata=settings.get("caCertificate"))


def say(text):
    print(text, flush=True)


def prepare():
    # On every balancer all the time: the cloud alone decides who gets its packets.
    subprocess.run(["ip", "address", "replace", settings["address"] + "/32", "dev", "lo"], check=True)
    for peer in settings["peers"][:1]:
        route = subprocess.run(["ip", "-json", "route", "get", peer], check=True, stdout=subprocess.PIPE)
        put("interface.conf", f"interface {json.loads(route.stdout)[0]['dev']}\n")


def answers():
    """HAProxy answers a visitor: with a redirect, whatever the app servers do."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/", headers={"Host": "balancer", "User-Agent": "balancer-address"})
        return connection.getresponse().status < 500
    finally:
        connection.close()


def sees_servers():
    """Not all app servers are out of reach: a machine that is cut off must not take the address."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(ANSWER_SECONDS)
        admin.connect("/run/haproxy/admin.sock")
        admin.sendall(b"show stat\n")
        text = b"".join(iter(lambda: admin.recv(65536), b"")).decode()
    rows = csv.DictReader(text.removeprefix("# ").splitlines())
    checks = [
        row["check_status"].removeprefix("* ")
        for row in rows
        if row["pxname"] == "app" and row["svname"] not in ("FRONTEND", "BACKEND")
    ]
    # L4: no connection came about. Others say that there was one, or that nobody has looked yet.
    return any(not check.startswith("L4") for check in checks)


def is_well():
    try:
        return answers() and sees_servers()
    except (OSError, http.client.HTTPException, KeyError, ValueError):
        return False


def put(name, text):
    """Written in place: keepalived watches the file, not the folder."""
    with open(f"{FOLDER}/{name}", "w", encoding="utf-8") as target:
        target.write(text)


def noted_state():
    """What keepalived said last, with when: the same state said again is news."""
    if not settings["peers"]:
        return "MASTER alone"
    try:
        with open(f"{FOLDER}/state", encoding="utf-8") as source:
            return source.read().strip()
    except FileNotFoundError:
        return ""


def ask(method, path, body=None):
    # The token is in no argument and in no line of the journal.
    request = urllib.request.Request(
        settings["endpoint"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + settings["token"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5, context=trust) as answer:
        return json.load(answer)


def is_here():
    address = ask("GET", f"/floating_ips/{settings['floatingIp']}")["floating_ip"]
    return address["server"] == settings["server"]


def take():
    """Whether the address is led here now."""
    try:
        ask("POST", f"/floating_ips/{settings['floatingIp']}/actions/assign", {"server": settings["server"]})
    except urllib.error.HTTPError as error:
        # It is here already, or another change is under way.
        if is_here():
            return True
        say(f"the cloud refuses to lead the address here: {error.code} {error.read(300).decode(errors='replace')}")
        return False
    return is_here()


def run():
    well, alike, look = False, 0, 0.0
    done, tries, again = None, 0, 0.0
    put("away", "1\n")
    while True:
        if time.monotonic() >= look:
            look = time.monotonic() + LOOK_SECONDS
            now = is_well()
            alike = 0 if now == well else alike + 1
            if alike >= LOOKS:
                well, alike = now, 0
                put("away", "0\n" if well else "1\n")
                say(f"HAProxy {'answers and sees' if well else 'does not answer, or sees no'} app servers")
        state = noted_state()
        if not state.startswith("MASTER"):
            done, tries = None, 0
        elif state != done and time.monotonic() >= again and is_well():
            try:
                if take():
                    done, tries = state, 0
                    say(f"the address {settings['address']} is led here")
            except (OSError, ValueError, KeyError) as error:
                say(f"the cloud does not answer: {error}")
            if done != state:
                tries += 1
                again = time.monotonic() + min(5, 0.3 * tries)
        time.sleep(STATE_SECONDS)


def leave():
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if not is_here():
                return
        except (OSError, ValueError, KeyError) as error:
            say(f"the cloud does not answer: {error}")
        time.sleep(0.2)
    say("the address is still led here")


def noted_away():
    try:
        with open(f"{FOLDER}/away", encoding="utf-8") as source:
            return source.read().strip()
    except FileNotFoundError:
        return ""


def could_take(seconds):
    deadline = time.monotonic() + float(seconds)
    while noted_away() != "0" or not noted_state().startswith(("MASTER", "BACKUP")):
        if time.monotonic() >= deadline:
            sys.exit(f"this balancer could not take the address within {seconds} s: {noted_state() or 'keepalived is silent'}")
        time.sleep(0.2)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare"]:
            prepare()
        case ["run"]:
            run()
        case ["leave"]:
            leave()
        case ["await", seconds]:
            could_take(seconds)
        case _:
            sys.exit(__doc__)
