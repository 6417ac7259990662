"""Asks AWS with AWS's own client for Python, which comes with moto and has all services; for Node each is a package.

A line of the input is a question, `[service, operation, parameters]`; the same line of the output is its answer, all pages
of it, or `{"Error": …}`. It ends when its input does.
"""

import json
import os
import sys

import boto3
from botocore.exceptions import ClientError

clients = {}


def ask(service, operation, parameters):
    if service not in clients:
        clients[service] = boto3.client(service, region_name=os.environ["AWS_REGION"])
    client = clients[service]
    if client.can_paginate(operation):
        return client.get_paginator(operation).paginate(**parameters).build_full_result()
    return getattr(client, operation)(**parameters)


for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = ask(*question)
    except ClientError as error:
        answer = {"Error": f"{question}: {error}"}
    print(json.dumps(answer, default=str), flush=True)
