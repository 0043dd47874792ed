"""One AWS account on this machine: moto behind proxies, the deployed template, and the program as its function."""

import pathlib
import platform
import socket
from collections import Counter

from lambda_service import Function, command_of_program
from proxies import Front, Storage
from stack import KEYS, REGION, ROOT, Aws, Stack

ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
PHOTOS, RESULTS = "photos", "answers"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Account:
    """Has three buckets: for the photos, for the answers, and one that no parameter names."""

    def __init__(self, folder: pathlib.Path, port_of_front: int = 0) -> None:
        port = free_port()
        self.front, self.storage = Front(port, port_of_front), Storage(port)
        with (folder / "moto.log").open("wb") as log:
            self.aws = Aws(port, self.front.port, log)
        self.front.start()
        self.storage.start()
        self.aws.wait()
        self.s3 = self.aws.client("s3")
        for bucket in (PHOTOS, RESULTS, "private"):
            self.s3.create_bucket(Bucket=bucket)
        self.stack = Stack(self.aws, "bulk", PhotosBucket=PHOTOS, ResultsBucket=RESULTS)
        command, files = command_of_program(ROOT, ARCHITECTURES[platform.machine()])
        variables = self.stack.variables | files | {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
            "AWS_SESSION_TOKEN": KEYS["aws_session_token"],
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.storage.port}",
            "INTRA_THREADS": "1",
        }
        self.function = Function(command, variables, folder / "function.log")
        self.front.function = self.function
        # Invocations per key. Faults use the number.
        self.attempts: Counter[str] = Counter()

    def put(self, key: str, body: bytes, bucket: str = PHOTOS) -> None:
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def contents(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def end(self) -> None:
        self.function.end()
        self.aws.end()
        self.front.shutdown()
        self.storage.shutdown()
