"""Calls the service with `pygls`: `pygls_client.py socket PORT` or `stdio SERVER`."""

import asyncio
import sys

from pygls.client import JsonRPCClient
from pygls.exceptions import JsonRpcException


async def code(call):
    try:
        await call
    except JsonRpcException as error:
        return error.code
    raise AssertionError("the call has succeeded")


async def check(client):
    protocol = client.protocol
    call = protocol.send_request_async

    assert await call("subtract", [42, 23]) == 19
    assert await call("subtract", {"subtrahend": 23, "minuend": 42}) == 19
    echo = await call("text/echo", {"uri": "file:///ä"})
    assert getattr(echo, "uri", None) == "file:///ä" or echo["uri"] == "file:///ä", echo

    for i in range(20):
        protocol.notify("note", [i])
    protocol.notify("missing", [1])
    assert await call("noted") == list(range(20))

    assert await code(call("missing")) == -32601
    assert await code(call("subtract", ["x", 1])) == -32602
    assert await code(call("fail", ["no such row"])) == -32000

    spinning = call("spin", msg_id="to-cancel")
    while await call("running") != 1:
        pass
    protocol.notify("$/cancelRequest", {"id": "to-cancel"})
    assert await code(spinning) == -32800
    while await call("running") != 0:
        pass

    assert await asyncio.gather(*(call("subtract", [i, 1]) for i in range(200))) == [i - 1 for i in range(200)]


async def main(transport, where):
    client = JsonRPCClient()
    if transport == "socket":
        await client.start_tcp("127.0.0.1", int(where))
        await check(client)
    else:
        await client.start_io(where, "stdio", "content-length")
        await check(client)
        # The server ends with its input.
        server = client._server
        server.stdin.close()
        assert await server.wait() == 0
    print("done", flush=True)


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 30))
