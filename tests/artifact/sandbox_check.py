"""Checks a run in the sandbox: `sandbox_check.py OUTCOME TRACE`."""

import json
import pathlib
import re
import sys


def faults(outcome: dict, trace: str) -> list[str]:
    """Returns the forbidden actions of the function. `trace` has its network and `execve` calls."""
    api = f'sa_family=AF_INET, sin_port=htons({outcome["api_port"]}), sin_addr=inet_addr("127.0.0.1")'
    allowed = (
        # Allowed: connecting to the Runtime API, and calls on that connection.
        r"socket\(AF_INET, SOCK_STREAM\|",
        rf"connect\(\d+, \{{{re.escape(api)}\}}",
        r"(recvfrom|getsockopt|setsockopt|getsockname|getpeername|shutdown)\(\d+, ",
        # Allowed: sending on a connected socket, without an address.
        r"sendto\(\d+, .*, NULL, 0(\)| <unfinished)",
        # Allowed: a socket pair within the process, which wakes the program on a signal.
        r"socketpair\(AF_UNIX, ",
    )
    wrong = []
    for line in trace.splitlines():
        call = re.match(r"(?:\d+ +)?(\w+\(.*|<\.\.\. .*|---.*|\+\+\+.*)", line)
        if call is None or not any(re.match(pattern, call[1]) for pattern in (*allowed, r"<\.\.\. |---|\+\+\+")):
            wrong.append(line)
    return wrong


def main(outcome_file: str, trace_file: str) -> None:
    outcome = json.loads(pathlib.Path(outcome_file).read_text())
    # The entries before are the chain of commands that starts the function.
    trace = pathlib.Path(trace_file).read_text().partition('execve("/var/task/bootstrap"')[2].partition("\n")[2]
    connections = len(re.findall(r"\bconnect\(", trace))
    wrong = faults(outcome, trace)
    odd = [line for line in outcome["log"] if not line.startswith("{")]
    print(f"invocations:   {outcome['invocations']} answered")
    print(f"first answer:  {outcome['first_answer_ms']} ms (under strace)")
    print(f"memory:        {outcome['memory_kb'] / 1024:.0f} MB at most")
    print(f"connections:   {connections} to the Runtime API")
    print(f"other calls:   {len(wrong)} of the network, or to start a program")
    print(f"log:           {len(outcome['log'])} lines, {len(odd)} of them not JSON")
    print(f"exit status:   {outcome['status']} after SIGTERM")
    if outcome["status"] != 0:
        sys.exit("the function did not end with status 0")
    if connections == 0:
        sys.exit("the trace shows no connection at all, so it proves nothing")
    if wrong or odd:
        sys.exit("\n".join([*wrong, *odd]))


if __name__ == "__main__":
    main(*sys.argv[1:])
