"""Calls the service with messages of `jsonrpcclient`, one per line: `lines.py PORT`."""

import json
import socket
import sys

from jsonrpcclient import Error, Ok, notification, parse, request, request_json

stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20).makefile("rw", newline="\n")


def send(message):
    stream.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
    stream.flush()


def receive():
    return parse(json.loads(stream.readline()))


send(request_json("subtract", params=(42, 23), id=1))
assert receive() == Ok(19, 1)
send(request_json("subtract", params={"minuend": 42, "subtrahend": 23}, id="two"))
assert receive() == Ok(19, "two")
send(request_json("missing", id=3))
assert receive() == Error(-32601, "Method not found", None, 3)
send(notification("note", params=[1]))

send([request("noted", id=4), notification("note", params=[2]), request("fail", params=["no"], id=5)])
first, second = receive()
assert first == Ok([1], 4), first
assert second == Error(-32000, "no", "no", 5), second

send("[1, 2")
answer = receive()
assert (answer.code, answer.message, answer.id) == (-32700, "Parse error", None), answer
print("done")
