# What HAProxy thinks of the servers of its backend `app`: a line of JSON every 50 ms, until nobody reads any more.
import csv
import json
import socket
import time

while True:
    at = time.time()
    with socket.socket(socket.AF_UNIX) as control:
        control.connect("/run/haproxy/admin.sock")
        # 4: only servers.
        control.sendall(b"show stat app 4 -1\n")
        text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    servers = {row["svname"]: [row["status"], int(row["weight"]), int(row["stot"])] for row in rows if row["svname"]}
    print(json.dumps({"at": at, "servers": servers}), flush=True)
    time.sleep(max(0, at + 0.05 - time.time()))
