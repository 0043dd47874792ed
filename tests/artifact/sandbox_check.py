"""Judges a run in the sandbox: `sandbox_check.py OUTCOME TRACE`."""

import json
import pathlib
import re
import sys


def main(outcome_file: str, trace_file: str) -> None:
    outcome = json.loads(pathlib.Path(outcome_file).read_text())
    # What comes before is the chain of commands that starts the function.
    trace = pathlib.Path(trace_file).read_text().partition('execve("/var/task/bootstrap"')[2]
    connected = re.findall(r"\bconnect\(\d+, \{(.*?)\}", trace)
    allowed = f'sa_family=AF_INET, sin_port=htons({outcome["api_port"]}), sin_addr=inet_addr("127.0.0.1")'
    others = [address for address in connected if address != allowed]
    opened = re.findall(r"\b(?:bind|listen|sendmsg|sendmmsg|accept4?)\(.*", trace)
    odd = [line for line in outcome["log"] if not line.startswith("{")]
    print(f"invocations:   {outcome['invocations']} answered")
    print(f"first answer:  {outcome['first_answer_ms']} ms (under strace)")
    print(f"memory:        {outcome['memory_kb'] / 1024:.0f} MB at most")
    print(f"connections:   {len(connected)} to the Runtime API, {len(others)} to others")
    print(f"log:           {len(outcome['log'])} lines, {len(odd)} of them not JSON")
    print(f"exit status:   {outcome['status']} after SIGTERM")
    if outcome["status"] != 0:
        sys.exit("the function did not end with status 0")
    if not connected:
        sys.exit("the trace shows no connection at all, so it proves nothing")
    if odd:
        sys.exit("".join(odd))
    if others or opened:
        sys.exit("\n".join(["the function opened sockets of its own:", *others, *opened]))


if __name__ == "__main__":
    main(*sys.argv[1:])
