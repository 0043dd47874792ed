"""Tests that the sandbox check finds violations."""

import pytest
from sandbox_check import faults

OUTCOME = {"api_port": 4711}
GOOD = """12    socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0, [5, 6]) = 0
12    socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 9
12    connect(9, {sa_family=AF_INET, sin_port=htons(4711), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS
12    getsockopt(9, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
12    sendto(9, "GET /2018-06-01/runtime/invocation/next"..., 154, MSG_NOSIGNAL, NULL, 0) = 154
12    recvfrom(9, "HTTP/1.1 200 OK", 8192, 0, NULL, NULL) = 15
12    --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER} ---
12    +++ exited with 0 +++
"""


def test_what_a_function_must_do_is_no_fault():
    assert faults(OUTCOME, GOOD) == []


@pytest.mark.parametrize(
    "line",
    [
        '12    connect(9, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("10.0.0.1")}, 16) = 0',
        '12    connect(9, {sa_family=AF_INET, sin_port=htons(4711), sin_addr=inet_addr("10.0.0.1")}, 16) = 0',
        '12    connect(9, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT',
        "12    socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 10",
        "12    socket(AF_INET6, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 10",
        "12    socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 10",
        '12    sendto(10, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("8.8.8.8")}, 16) = 1',
        "12    bind(10, {sa_family=AF_INET, sin_port=htons(80)}, 16) = 0",
        "12    listen(10, 128) = 0",
        '12    execve("/bin/sh", ["sh"], 0x7ffc) = 0',
    ],
)
def test_everything_else_is(line):
    assert faults(OUTCOME, GOOD + line + "\n") == [line]
