"""Drives the example `mqtt` with paho: every quality of service, wills, sessions that are taken over."""

import queue
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

PORT = int(sys.argv[1])
LIMIT = 20


class Client:
    def __init__(self, name, clean=True, will=None):
        self.messages, self.subscribed, self.ended = queue.Queue(), queue.Queue(), threading.Event()
        self.connected = queue.Queue()
        self.paho = mqtt.Client(CallbackAPIVersion.VERSION2, name, clean_session=clean, protocol=mqtt.MQTTv311)
        self.paho.on_connect = lambda client, data, flags, code, properties: self.connected.put(flags)
        self.paho.on_disconnect = lambda client, data, flags, code, properties: self.ended.set()
        self.paho.on_message = lambda client, data, message: self.messages.put(message)
        self.paho.on_subscribe = lambda client, data, mid, codes, properties: self.subscribed.put(codes)
        if will:
            self.paho.will_set(*will)
        self.paho.connect("127.0.0.1", PORT, keepalive=10)
        self.paho.loop_start()
        self.flags = self.connected.get(timeout=LIMIT)

    def subscribe(self, *filters):
        self.paho.subscribe(list(filters))
        codes = self.subscribed.get(timeout=LIMIT)
        assert [code.value for code in codes] == [qos for _, qos in filters], codes

    def publish(self, topic, payload, qos, retain=False):
        self.paho.publish(topic, payload, qos, retain).wait_for_publish(LIMIT)

    def next(self):
        message = self.messages.get(timeout=LIMIT)
        return message.topic, message.payload, message.qos

    def lose(self):
        """Ends the connection without DISCONNECT."""
        self.paho.loop_stop()
        self.paho.socket().close()

    def close(self):
        self.paho.disconnect()
        assert self.ended.wait(LIMIT)
        self.paho.loop_stop()


ann, bob = Client("ann"), Client("bob")
ann.subscribe(("low/#", 0), ("+/middle", 1), ("high", 2))

# The quality of a message is that of the publisher or of the subscription, whichever is lower.
for topic, granted in [("low/x", 0), ("x/middle", 1), ("high", 2)]:
    for qos in range(3):
        bob.publish(topic, f"{qos}", qos)
        assert ann.next() == (topic, f"{qos}".encode(), min(qos, granted))

# Overlapping filters deliver one message, with the higher quality.
bob.publish("low/middle", "once", 1)
assert ann.next() == ("low/middle", b"once", 1)

# A burst in both directions, and a message of 200 KiB.
for number in range(500):
    bob.paho.publish("high", str(number), 2)
for number in range(500):
    assert ann.next() == ("high", str(number).encode(), 2)
bob.publish("high", b"x" * 200 * 1024, 2)
assert len(ann.next()[1]) == 200 * 1024

# A will, of a client that is lost and of one that disconnects.
ann.subscribe(("will/+", 1))
Client("carol", will=("will/carol", "lost", 1)).lose()
assert ann.next() == ("will/carol", b"lost", 1)
Client("dan", will=("will/dan", "lost", 1)).close()

# Another connection takes the session over; the first one is closed, and its will is published.
first = Client("erin", clean=False, will=("will/erin", "taken over", 1))
first.subscribe(("for/erin", 2))
first.paho.loop_stop()
second = Client("erin", clean=False)
assert second.flags.session_present
assert ann.next() == ("will/erin", b"taken over", 1)
bob.publish("for/erin", "hello", 2)
assert second.next() == ("for/erin", b"hello", 2)
second.close()

# A clean session ends the session of the same name.
Client("erin").close()
third = Client("erin", clean=False)
assert not third.flags.session_present
third.close()

ann.close()
bob.close()
print("ok")
