# Asks and listens for `./dukaan prove network`, on a machine or on the computer that asks. It reads commands, a line of
# JSON each, and answers each with a line. It writes nothing to the disk, and ends with its standard input, or some
# minutes after its last command, whatever happens.
import errno
import json
import os
import re
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

LIFETIME_SECONDS = 240
AT_ONCE = 800

signal.alarm(LIFETIME_SECONDS)
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY and hard < 4096 else 4096, hard))

arrived = set()


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def look(_):
    """What listens here, what the firewall names, and from which address whoever asks has come."""
    listing = subprocess.run(["ss", "-Hlntup"], capture_output=True, text=True, timeout=10, check=True).stdout
    listeners = []
    for line in listing.splitlines():
        fields = line.split()
        address, port = fields[4].rsplit(":", 1)
        program = re.search(r'"([^"]*)"', line)
        listeners.append(
            {
                "protocol": fields[0],
                "address": address.split("%")[0].strip("[]"),
                "port": int(port),
                "program": program.group(1) if program else "",
            }
        )
    return {
        "listeners": listeners,
        "ruled": ports_in_rules(),
        "client": os.environ.get("SSH_CONNECTION", "").split(" ")[0],
    }


def ports_in_rules():
    """Ports that this machine's own firewall names: where somebody has opened one, it is asked."""
    try:
        rules = subprocess.run(["nft", "--numeric", "list", "ruleset"], capture_output=True, text=True, timeout=10).stdout
    except FileNotFoundError:
        return []
    named = re.findall(r"dport (?:!= )?(\{[^}]*\}|[0-9-]+)", rules)
    return sorted({int(port) for words in named for port in re.findall(r"\d+", words) if 0 < int(port) < 65536})


def source(command):
    """The address with which this computer would go to another; none: it has no way there. Sends nothing."""
    with socket.socket(family(command["address"]), socket.SOCK_DGRAM) as way:
        try:
            way.connect((command["address"], 9))
            return {"address": way.getsockname()[0]}
        except OSError:
            return {}


def hear(command):
    """
    From now on notes datagrams with the mark. A raw socket is handed what has passed the firewalls, this machine's own
    included, whatever port it is for and whether anybody listens there: no port has to be opened to see it.
    """
    mark = command["mark"].encode()
    for kind in (socket.AF_INET, socket.AF_INET6):
        try:
            ear = socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_UDP)
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT:
                continue  # a machine without IPv6
            raise
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        threading.Thread(target=note_arrivals, args=(ear, kind == socket.AF_INET, mark), daemon=True).start()
    return {}


def note_arrivals(ear, with_header, mark):
    while True:
        packet = ear.recv(2048)
        payload = packet[(packet[0] & 15) * 4 + 8 :] if with_header else packet[8:]
        if payload.startswith(mark):
            _, path, port = payload.decode().split(" ")
            arrived.add((int(path), int(port)))


def arrivals(_):
    return {"arrived": sorted(arrived)}


def probe(command):
    """Asks every port of every path, TCP, UDP and ping beside one another."""
    outcome = {path["path"]: {"open": [], "refused": [], "ping": False} for path in command["paths"]}
    seconds, mark, paths = command["seconds"], command["mark"], command["paths"]
    beside = [
        threading.Thread(target=send_datagrams, args=(paths, mark)),
        threading.Thread(target=ping, args=(paths, mark, seconds, outcome)),
    ]
    for each in beside:
        each.start()
    connect(paths, seconds, outcome)
    for each in beside:
        each.join()
    return {"paths": [dict(result, path=path) for path, result in outcome.items()]}


def connect(paths, seconds, outcome):
    asked = [(path["path"], path["address"], port) for path in paths for port in path["tcp"]]
    asked.reverse()
    waiting = selectors.DefaultSelector()
    under_way = {}

    def note(path, port, code):
        if code == 0:
            outcome[path]["open"].append(port)
        elif code == errno.ECONNREFUSED:
            outcome[path]["refused"].append(port)

    def end(way):
        waiting.unregister(way)
        del under_way[way]
        way.close()

    while asked or under_way:
        while asked and len(under_way) < AT_ONCE:
            path, address, port = asked.pop()
            way = socket.socket(family(address), socket.SOCK_STREAM)
            way.setblocking(False)
            code = way.connect_ex((address, port))
            if code == errno.EINPROGRESS:
                waiting.register(way, selectors.EVENT_WRITE)
                under_way[way] = (path, port, time.monotonic() + seconds)
            else:
                note(path, port, code)
                way.close()
        for key, _ in waiting.select(0.05):
            way = key.fileobj
            path, port, _ = under_way[way]
            note(path, port, way.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            end(way)
        # Only after a look at who has answered: this process may have waited for a processor longer than they.
        now = time.monotonic()
        for way in [way for way, (_, _, until) in under_way.items() if until < now]:
            end(way)


def send_datagrams(paths, mark):
    ways = {}
    for _ in range(3):
        for path in paths:
            kind = family(path["address"])
            if kind not in ways:
                ways[kind] = socket.socket(kind, socket.SOCK_DGRAM)
            for count, port in enumerate(path["udp"]):
                try:
                    ways[kind].sendto(f"{mark} {path['path']} {port}".encode(), (path["address"], port))
                except OSError:
                    pass  # no way there, or this machine's own firewall: it does not arrive
                if count % 64 == 63:
                    time.sleep(0.002)
        time.sleep(0.15)
    for way in ways.values():
        way.close()


def ping(paths, mark, seconds, outcome):
    ways = {}
    missing = {path["path"]: path for path in paths if path["ping"]}
    for path in list(missing.values()):
        kind = family(path["address"])
        try:
            if kind not in ways:
                ways[kind] = ping_socket(kind)
        except OSError:
            # Nobody may ask here: that says nothing about the way.
            outcome[path["path"]]["ping"] = None
            del missing[path["path"]]
    until = time.monotonic() + seconds
    while missing and time.monotonic() < until:
        for number, path in missing.items():
            payload = f"{mark} {number} ".encode()
            try:
                ways[family(path["address"])].sendto(echo_request(path["address"], payload), (path["address"], 0))
            except OSError:
                pass
        again = time.monotonic() + 0.3
        while missing and time.monotonic() < again:
            for kind, way in ways.items():
                number = echo_reply(kind, way, mark.encode())
                if number in missing:
                    outcome[number]["ping"] = True
                    del missing[number]
    for way in ways.values():
        way.close()


def ping_socket(kind):
    protocol = socket.IPPROTO_ICMPV6 if kind == socket.AF_INET6 else socket.IPPROTO_ICMP
    try:
        way = socket.socket(kind, socket.SOCK_RAW, protocol)
    except PermissionError:
        # What the kernel lets everybody do, where it does.
        way = socket.socket(kind, socket.SOCK_DGRAM, protocol)
    way.settimeout(0.02)
    return way


def echo_request(address, payload):
    # ICMPv6's checksum is the kernel's business.
    first = 128 if ":" in address else 8
    number = os.getpid() & 0xFFFF
    checksum = 0 if ":" in address else checksum_of(struct.pack("!BBHHH", first, 0, 0, number, 1) + payload)
    return struct.pack("!BBHHH", first, 0, checksum, number, 1) + payload


def checksum_of(packet):
    """RFC 1071."""
    packet += b"\0" * (len(packet) % 2)
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_reply(kind, way, mark):
    """The path that an answer is for; none: there was no answer, or something else: errors quote the question."""
    try:
        packet = way.recv(2048)
    except OSError:
        return None
    if kind == socket.AF_INET and way.type & socket.SOCK_RAW == socket.SOCK_RAW:
        packet = packet[(packet[0] & 15) * 4 :]
    if packet[0] != (129 if kind == socket.AF_INET6 else 0) or not packet[8:].startswith(mark):
        return None
    return int(packet[8:].decode().split(" ")[1])


commands = {"look": look, "source": source, "hear": hear, "probe": probe, "arrivals": arrivals}
for line in iter(sys.stdin.readline, ""):
    asked = json.loads(line)
    # Whoever has asked all of its own waits for the one that has the most.
    signal.alarm(LIFETIME_SECONDS + int(2 * asked.get("seconds", 0) * asked.get("most", 0) / AT_ONCE))
    print(json.dumps(commands[asked["do"]](asked)), flush=True)
