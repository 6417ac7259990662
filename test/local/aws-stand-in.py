"""What a machine on AWS finds around it, inside of a machine that is not there: its metadata (IMDSv2) on 169.254.169.254,
and an Auto Scaling API on 127.0.0.1:9000, which notes what is asked of it, one JSON object a line.

Usage: aws-stand-in.py CREDENTIALS CALLS, two files; the first is JSON, as IMDS has it.
"""

import http.server
import json
import sys
import threading

credentials, calls = sys.argv[1:]
session = "SENTINEL-session"
about = "/latest/meta-data/"


class Metadata(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        asked = self.path == "/latest/api/token" and "x-aws-ec2-metadata-token-ttl-seconds" in self.headers
        self.answer(200 if asked else 400, session if asked else "")

    def do_GET(self):
        if self.headers.get("x-aws-ec2-metadata-token") != session:
            return self.answer(401, "")
        if self.path == about + "iam/security-credentials/":
            return self.answer(200, "app-group")
        if self.path == about + "iam/security-credentials/app-group":
            with open(credentials, encoding="utf-8") as file:
                return self.answer(200, file.read())
        if self.path == about + "instance-id":
            return self.answer(200, "i-0123456789abcdef0")
        return self.answer(404, "")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class Scaling(Metadata):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = {"method": "POST", "path": self.path, "headers": headers, "body": body}
        with open(calls, "a", encoding="utf-8") as file:
            file.write(json.dumps(call) + "\n")
        self.answer(200, "<CompleteLifecycleActionResponse/>")


scaling = http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Scaling)
threading.Thread(target=scaling.serve_forever, daemon=True).start()
http.server.ThreadingHTTPServer(("169.254.169.254", 80), Metadata).serve_forever()
