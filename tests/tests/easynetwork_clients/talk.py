"""EasyNetwork's own clients and serializers talk to our echo: `talk.py KIND FOLDER NAME=ADDRESS...`. Prints `ok` at the end.

KIND is `tcp`, `tls`, `unix`, `udp` or `unixgram`; FOLDER holds the authority (`root.pem`), and sockets of ours. Each NAME is a
serializer of `SERIALIZERS`, spoken at ADDRESS. The echo answers a packet with the next number, and what it can't read with "refused".
"""

import ssl
import sys
import zlib
from pathlib import Path

from easynetwork.clients import TCPNetworkClient, UDPNetworkClient
from easynetwork.clients.unix_datagram import UnixDatagramClient
from easynetwork.clients.unix_stream import UnixStreamClient
from easynetwork.protocol import BufferedStreamProtocol, DatagramProtocol, StreamProtocol
from easynetwork.serializers import CBORSerializer, JSONSerializer, MessagePackSerializer, StringLineSerializer
from easynetwork.serializers.abc import BufferedIncrementalPacketSerializer
from easynetwork.serializers.wrapper import Base64EncoderSerializer, ZlibCompressorSerializer

LIMIT = 20


class Raw(bytes):
    """Bytes that go as they are: what the library would never write."""


def spoiling(serializer):
    """A class of serializer that sends `Raw` as it is, and is the library's in everything else."""

    class Spoiling(serializer):
        __slots__ = ()

        def serialize(self, packet):
            return bytes(packet) if isinstance(packet, Raw) else super().serialize(packet)

        def incremental_serialize(self, packet):
            if isinstance(packet, Raw):
                yield bytes(packet)
            else:
                yield from super().incremental_serialize(packet)

    return Spoiling


def note(n, text="é \N{SNOWMAN} \U0001f40d \"}]{[\\\r\n\t\x00"):
    return {"n": n, "text": text, "list": [0.5, -1e300, 3.0], "flag": None if n % 2 else True}


REFUSED = {"n": 0, "text": "refused", "list": [], "flag": None}

# How to make the serializer (for packets of up to so many bytes), and what is refused and leaves the stream as it was.
SERIALIZERS = {
    "lines": (lambda limit: spoiling(StringLineSerializer)(limit=limit), [b"\xff\xfe\n"]),
    "json": (lambda limit: spoiling(JSONSerializer)(limit=limit), [b"{nope\n", b"[1,2]\n", b"\xff\n", b'{"n":1}\n']),
    "json-documents": (
        lambda limit: spoiling(JSONSerializer)(limit=limit, use_lines=False),
        [b"{nope}", b"[1,2]", b'"text"', b"12\n", b"nope\n", b'{"n":1}'],
    ),
    "msgpack": (lambda limit: spoiling(MessagePackSerializer)(limit=limit), [b"\x93\x01\x02\x03", b"\xa1x", b"\x07"]),
    "cbor": (lambda limit: spoiling(CBORSerializer)(limit=limit), [b"\x83\x01\x02\x03", b"\x61x", b"\x07"]),
    "base64": (
        lambda limit: spoiling(Base64EncoderSerializer)(JSONSerializer(), checksum=True, limit=limit),
        [b"!!!!\r\n", b"AAAA\r\n", Base64EncoderSerializer(JSONSerializer()).serialize(note(1)) + b"\r\n"],
    ),
    "zlib-streams": (
        lambda _: spoiling(ZlibCompressorSerializer)(JSONSerializer()),
        [zlib.compress(b"nope"), zlib.compress(b'{"n":1}')],
    ),
    "zlib": (lambda _: spoiling(ZlibCompressorSerializer)(JSONSerializer()), [b"\x78\x9cnope"]),
}
DEFAULT = 64 * 1024


def packet(name, n, size=None):
    if name == "lines":
        return f"{n}: {'x' * size if size else 'a line'}"
    return note(n, "x" * size) if size else note(n)


def echoed(name, packet):
    if name == "lines":
        n, _, text = packet.partition(": ")
        return f"{int(n) + 1}: {text}"
    return {**packet, "n": packet["n"] + 1}


def expect(client, expected):
    got = client.recv_packet(timeout=LIMIT)
    assert got == expected, f"{str(got)[:200]!r} is not {str(expected)[:200]!r}"


def talk(name, connect, size, datagrams):
    make, malformed = SERIALIZERS[name]
    refused = "0: refused" if name == "lines" else REFUSED

    # As the library has it unless it is told otherwise: one after the other, then many before the first answer is read.
    with connect(make(DEFAULT)) as client:
        for n in range(10):
            client.send_packet(packet(name, n))
            expect(client, echoed(name, packet(name, n)))
        many = 20 if datagrams else 500
        for n in range(many):
            client.send_packet(packet(name, n))
        for n in range(many):
            expect(client, echoed(name, packet(name, n)))

    with connect(make(1 << 20)) as client:
        # Large ones, and small ones behind them.
        for n in range(3):
            client.send_packet(packet(name, n, size))
            client.send_packet(packet(name, n))
            expect(client, echoed(name, packet(name, n, size)))
            expect(client, echoed(name, packet(name, n)))
        # A bad one, and the same connection goes on; then all of them before the first answer is read.
        for bad in malformed:
            client.send_packet(Raw(bad))
            expect(client, refused)
            client.send_packet(packet(name, 7))
            expect(client, echoed(name, packet(name, 7)))
        for bad in malformed:
            client.send_packet(Raw(bad))
            client.send_packet(packet(name, 8))
        for _ in malformed:
            expect(client, refused)
            expect(client, echoed(name, packet(name, 8)))


# What is no frame at all, so that nobody knows where the next one begins.
NO_FRAME = {"msgpack": b"\xc1", "cbor": b"\x1c", "zlib-streams": b"\xff\xff"}


def broken(name, connect):
    """What came before is answered, then the refusal comes, and then the end."""
    with connect(SERIALIZERS[name][0](DEFAULT)) as client:
        client.send_packet(packet(name, 1))
        client.send_packet(Raw(NO_FRAME[name]))
        client.send_packet(packet(name, 2))
        answers = list(client.iter_received_packets(timeout=LIMIT))
        assert answers == [echoed(name, packet(name, 1)), REFUSED], answers
        ended(client)


def ended(client):
    try:
        client.recv_packet(timeout=LIMIT)
    except ConnectionAbortedError:
        return
    raise AssertionError("it did not end")


def half_close(name, connect):
    """What was asked before `send_eof` is answered, and then the connection ends."""
    with connect(SERIALIZERS[name][0](DEFAULT)) as client:
        for n in range(100):
            client.send_packet(packet(name, n))
        client.send_eof()
        answers = list(client.iter_received_packets(timeout=LIMIT))
        assert answers == [echoed(name, packet(name, n)) for n in range(100)], f"{len(answers)} answers"
        ended(client)


def host_and_port(address):
    host, _, port = address.rpartition(":")
    return host, int(port)


def main(kind, folder, *places):
    sockets = 0
    for place in places:
        name, _, address = place.partition("=")

        def connect(serializer, protocol=StreamProtocol):
            nonlocal sockets
            match kind:
                case "tcp":
                    return TCPNetworkClient(host_and_port(address), protocol(serializer), connect_timeout=LIMIT)
                case "tls":
                    trust = ssl.create_default_context(cafile=str(Path(folder, "root.pem")))
                    return TCPNetworkClient(
                        host_and_port(address),
                        protocol(serializer),
                        connect_timeout=LIMIT,
                        ssl=trust,
                        server_hostname="localhost",
                    )
                case "unix":
                    return UnixStreamClient(address, protocol(serializer), connect_timeout=LIMIT)
                case "udp":
                    return UDPNetworkClient(host_and_port(address), DatagramProtocol(serializer))
                case "unixgram":
                    sockets += 1
                    own = Path(folder, f"client-{name}-{sockets}")
                    return UnixDatagramClient(address, DatagramProtocol(serializer), local_path=own)
            raise ValueError(kind)

        try:
            datagrams = kind in ("udp", "unixgram")
            # UDP carries 65 507 bytes, the library reads 65 536 of a Unix datagram, and Base64 makes four of three.
            talk(name, connect, 40_000 if datagrams else 100_000, datagrams)
            if not datagrams and isinstance(SERIALIZERS[name][0](DEFAULT), BufferedIncrementalPacketSerializer):
                talk(name, lambda serializer: connect(serializer, BufferedStreamProtocol), 100_000, False)
            if not datagrams and name in NO_FRAME:
                broken(name, connect)
            if kind in ("tcp", "unix"):
                half_close(name, connect)
        except BaseException as error:
            error.add_note(f"{name} over {kind}")
            raise
    print("ok")


main(*sys.argv[1:])
