"""CloudWatch as today's clients ask it, in CBOR: moto understands JSON. What translates is botocore, which knows both. What moto
gets wrong is put right.

https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

import io
import json
from datetime import datetime

import botocore.session
from botocore.parsers import JSONParser, RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer
from moto.cloudwatch.responses import CloudWatchResponse
from werkzeug.wrappers import Response

service = botocore.session.get_session().get_service_model("cloudwatch")
prefix = f"/service/{service.metadata['targetPrefix']}/operation/"


describe_alarms = CloudWatchResponse.describe_alarms


def describe_alarms_in_a_state(self):
    """moto's own does not look at the state of alarms that are named."""
    answer = describe_alarms(self)
    state = self._get_param("StateValue")
    found = answer.result["MetricAlarms"]
    answer.result["MetricAlarms"] = [alarm for alarm in found if state in (None, alarm.state_value)]
    return answer


CloudWatchResponse.describe_alarms = describe_alarms_in_a_state


def seconds(value):
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{value!r} has no place in JSON")


def speaking_cbor(app):
    def translate(environ, start_response):
        if not environ["PATH_INFO"].startswith(prefix):
            if environ["REQUEST_METHOD"] == "GET" and f"Version={service.api_version}" in environ["QUERY_STRING"]:
                # The protocol before, by which moto does not go where nothing says so.
                environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
            return app(environ, start_response)
        operation = service.operation_model(environ["PATH_INFO"].removeprefix(prefix))
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body))) if body else {}
        sent = json.dumps(asked, default=seconds).encode()
        environ |= {
            "PATH_INFO": "/",
            "CONTENT_TYPE": "application/x-amz-json-1.0",
            "CONTENT_LENGTH": str(len(sent)),
            "HTTP_X_AMZ_TARGET": f"{service.metadata['targetPrefix']}.{operation.name}",
            "wsgi.input": io.BytesIO(sent),
        }
        return answer(Response.from_app(app, environ), operation)(environ, start_response)

    return translate


def answer(told, operation):
    """moto's answer in CBOR."""
    said = {"status_code": told.status_code, "headers": dict(told.headers), "body": told.get_data()}
    headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    parsed = JSONParser().parse(said, operation.output_shape)
    write = RpcV2CBORSerializer()
    body = bytearray()
    if told.status_code < 300:
        del parsed["ResponseMetadata"]
        if operation.output_shape:
            write._serialize_data_item(body, parsed, operation.output_shape)
        return Response(bytes(body), told.status_code, headers)
    error = {"__type": parsed["Error"]["Code"], "message": parsed["Error"]["Message"]}
    body += bytes([0xA0 + len(error)])  # a map of that many
    for text in [text for pair in error.items() for text in pair]:
        write._serialize_type_string(body, text, None, None)
    return Response(bytes(body), told.status_code, headers)
