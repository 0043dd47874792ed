"""Labels a bucket on this machine: `make bulk-here`.

Starts moto, deploys deploy/bulk.yaml into it, and serves S3, SQS, Step Functions and Lambda on one port until it is
interrupted. docs/bulk.md says how to use it. A batch has a single photo here, because moto does not support others.
"""

import json
import pathlib
import shlex
import signal
import tempfile

from account import PHOTOS, Account
from queue_to_function import QueueToFunction

PORT = 5001


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bulk-") as folder:
        account = Account(pathlib.Path(folder), PORT)
        try:
            serve(account)
        finally:
            account.end()


def serve(account: Account) -> None:
    machine = account.stack.create_machine("bulk")
    *_, configuration = shlex.split(account.stack.outputs["Notify"])
    configuration = json.loads(configuration)
    account.s3.put_bucket_notification_configuration(Bucket=PHOTOS, NotificationConfiguration=configuration)
    (queue,) = configuration["QueueConfigurations"]
    mapping = account.stack.template["Resources"]["PhotosToFunction"]["Properties"]
    url = account.stack.resources["Photos"]
    serving = QueueToFunction(account.aws.client("sqs"), url, queue["QueueArn"], mapping, account.function, 60)
    print("In another terminal:\n")
    print(f"export AWS_ENDPOINT_URL=http://127.0.0.1:{PORT} AWS_DEFAULT_REGION=us-east-1")
    print("export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test")
    print(f"export RUN={machine}\n")
    print("Ctrl-C ends it.", flush=True)
    # Waits for either signal. The handler must exist, or the signal would end the process at once.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass
    serving.stop()


if __name__ == "__main__":
    main()
