"""Each object in the bucket gets one `<key>.json`, through the queue that the template creates."""

import json
import shlex
import threading
import time

import pytest

from account import PHOTOS, RESULTS, Account
from answers import told
from pictures import BROKEN, KEYS, Photo, png
from proxies import Request, refuse
from queue_to_function import QueueToFunction

PREFIX = "uploads/"
# The location of each answer.
PLACE = "labels/photos/{}.json"
# The queue's own timeout is six minutes, too long for a test to wait for a message.
VISIBILITY = 3


def uploads(name: str, count: int) -> list[Photo]:
    photos = [Photo(f"{PREFIX}{name}/{key}", png(number)) for number, key in enumerate(KEYS)]
    photos += [Photo(f"{PREFIX}{name}/{photo.key}", photo.body, photo.code) for photo in BROKEN]
    photos += [Photo(f"{PREFIX}{name}/{n:04}.png", png(n)) for n in range(len(photos), count)]
    # A key that cannot be read has no result, and would end up in the dead-letter queue.
    return [photo for photo in photos if photo.code != "invalid_parameter"]


class Queue:
    def __init__(self, account: Account) -> None:
        self.sqs = account.aws.client("sqs")
        resources = account.stack.template["Resources"]
        self.url, self.dead_url = (account.stack.resources[name] for name in ("Photos", "DeadPhotos"))
        self.receives = resources["Photos"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        self.mapping = resources["PhotosToFunction"]["Properties"]
        # The command that the stack prints.
        *_, configuration = shlex.split(account.stack.outputs["Notify"])
        configuration = json.loads(configuration)
        self.arn = configuration["QueueConfigurations"][0]["QueueArn"]
        configuration["QueueConfigurations"][0]["Filter"] = {
            "Key": {"FilterRules": [{"Name": "prefix", "Value": PREFIX}]}
        }
        account.s3.put_bucket_notification_configuration(Bucket=PHOTOS, NotificationConfiguration=configuration)

    def serve(self, account: Account) -> QueueToFunction:
        return QueueToFunction(self.sqs, self.url, self.arn, self.mapping, account.function, VISIBILITY)

    def dead(self) -> list[dict]:
        """Returns all messages in the dead-letter queue, and leaves them there."""
        found: dict[str, dict] = {}
        while messages := self.sqs.receive_message(
            QueueUrl=self.dead_url, MaxNumberOfMessages=10, VisibilityTimeout=2
        ).get("Messages"):
            found |= {message["MessageId"]: message for message in messages}
        time.sleep(2)
        return list(found.values())

    def redrive(self) -> None:
        """Does what `start-message-move-task` does, which moto does not support."""
        while messages := self.sqs.receive_message(QueueUrl=self.dead_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.send_message(QueueUrl=self.url, MessageBody=message["Body"])
                self.sqs.delete_message(QueueUrl=self.dead_url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture(scope="module")
def queue(whole_account: Account) -> Queue:
    return Queue(whole_account)


def results(account: Account, name: str) -> dict[str, dict]:
    """Returns the answers in the bucket, by the keys of their photos."""
    before, after = PLACE.split("{}")
    objects = account.contents(RESULTS, f"{before}{PREFIX}{name}/")
    return {key.removeprefix(before).removesuffix(after): json.loads(body) for key, body in objects.items()}


def expected(photos: list[Photo]) -> dict[str, str | None]:
    """Returns the expected codes of all objects that have a result."""
    return {photo.key: photo.code for photo in photos if photo.code != "skipped"}


def codes(answers: dict[str, dict]) -> dict[str, str | None]:
    return {key: told(answer) for key, answer in answers.items()}


def test_every_upload_has_one_answer_beside_faults(account: Account, queue: Queue):
    photos = uploads("faults", 150)
    plain = [photo.key for photo in photos if photo.key.endswith("0.png")]
    killed, shortly, longer = {plain[3], plain[7]}, set(plain[4:6]), {plain[8]}
    seen: set[str] = set()
    lock = threading.Lock()

    def fault(request: Request):
        with lock:
            if request.method == "GET" and request.key in killed - seen:
                seen.add(request.key)
                account.function.kill_all()
            if request.key in shortly and request.before == 0:
                return refuse(500, "InternalError")
            # Only until its message has failed once.
            if request.key in longer and not serving.failed_alone:
                return refuse(503, "SlowDown")

    for photo in photos:
        account.put(photo.key, photo.body)
    account.storage.fault = fault
    starts = account.function.starts
    serving = queue.serve(account)
    try:
        serving.wait_until_empty(120)
    finally:
        serving.stop()
    answers = results(account, "faults")
    assert codes(answers) == expected(photos)
    assert {key: answer["s3"]["key"] for key, answer in answers.items()} == {key: key for key in answers}
    assert queue.dead() == []
    assert account.function.starts >= starts + len(killed)
    assert serving.failed_alone, "no message failed beside others that did not"


def test_doing_it_twice_gives_the_same_objects(account: Account, queue: Queue):
    photos = uploads("twice", 40)
    contents = []
    for _ in range(2):
        for photo in photos:
            account.put(photo.key, photo.body)
        serving = queue.serve(account)
        try:
            serving.wait_until_empty(60)
        finally:
            serving.stop()
        contents.append(account.contents(RESULTS, f"labels/photos/{PREFIX}twice/"))
    assert len(contents[0]) == len(expected(photos))
    assert contents[0] == contents[1]


def test_what_failed_five_times_waits_in_the_dead_letter_queue_until_it_is_redriven(account: Account, queue: Queue):
    photos = uploads("dead", 45)
    down = {photo.key for photo in photos[32:35]}
    account.storage.fault = lambda request: refuse(500, "InternalError") if request.key in down else None
    for photo in photos:
        account.put(photo.key, photo.body)
    serving = queue.serve(account)
    try:
        serving.wait_until_empty(120)
        wanted = expected(photos)
        assert codes(results(account, "dead")) == {key: wanted[key] for key in wanted.keys() - down}
        assert len(queue.dead()) == len(down)
        account.storage.fault = None
        queue.redrive()
        serving.wait_until_empty(60)
    finally:
        serving.stop()
    assert codes(results(account, "dead")) == wanted
    assert queue.dead() == []
