"""Lambda's event source mapping for a queue: receives messages, invokes the function, and deletes finished messages."""

import json
import threading
import time

from lambda_service import Function

CAMEL = {"MessageId": "messageId", "ReceiptHandle": "receiptHandle", "Body": "body", "Attributes": "attributes"}


class QueueToFunction:
    """The mapping that the template defines, with the queue's own visibility timeout or a shorter one."""

    def __init__(self, sqs, url: str, arn: str, mapping: dict, function: Function, visibility: int) -> None:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        self._sqs, self._url, self._arn, self._function = sqs, url, arn, function
        self._batch_size, self._visibility = mapping["BatchSize"], visibility
        self._stopped = threading.Event()
        # The number of messages that failed in a batch where others succeeded.
        self.failed_alone = 0
        # One at a time: moto's queues lose messages with several consumers.
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        while not self._stopped.is_set():
            received = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=self._batch_size,
                VisibilityTimeout=self._visibility,
                AttributeNames=["All"],
            )
            if messages := received.get("Messages"):
                self._hand_over(messages)
            else:
                time.sleep(0.1)

    def _hand_over(self, messages: list[dict]) -> None:
        records = [
            {CAMEL[name]: value for name, value in message.items() if name in CAMEL}
            | {"messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": self._arn, "awsRegion": "us-east-1"}
            for message in messages
        ]
        outcome = self._function.invoke(json.dumps({"Records": records}).encode())
        # If the function fails, or gives an unexpected answer, nothing counts as done.
        failed = {message["MessageId"] for message in messages}
        if not outcome.is_error:
            failed = {failure["itemIdentifier"] for failure in outcome.json()["batchItemFailures"]}
            self.failed_alone += len(failed)
        done = [message for message in messages if message["MessageId"] not in failed]
        if done:
            entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(done)]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def wait_until_empty(self, seconds: float) -> None:
        """Waits until no message is waiting or in progress."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            counts = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
            if all(int(counts[name]) == 0 for name in names):
                return
            time.sleep(0.2)
        raise TimeoutError(f"the queue is not empty after {seconds} s: {counts}")

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
