"""Drives the example `resp` with redis-py: pipelines, transactions, blocking pops, subscriptions."""

import sys
import threading

import redis


def client():
    # redis-py speaks RESP 3 by default.
    return redis.Redis(port=int(sys.argv[1]), protocol=2, socket_timeout=20)


one, two = client(), client()
assert one.ping()

# A pipeline is written completely before its first reply is read: 20,000 commands, 2 MB, and as
# many replies.
pipeline = one.pipeline(transaction=False)
value = b"x" * 100
for number in range(10_000):
    pipeline.set(f"key:{number}", value)
for number in range(10_000):
    pipeline.get(f"key:{number}")
assert pipeline.execute() == [True] * 10_000 + [value] * 10_000
assert one.dbsize() == 10_000

transaction = one.pipeline()
transaction.incr("counter").incr("counter").get("counter")
assert transaction.execute() == [1, 2, b"2"]

# A client that waits for a list gets the element that another client appends.
popped = []
waiting = threading.Thread(target=lambda: popped.append(two.blpop(["absent", "list"], timeout=20)))
waiting.start()
one.rpush("list", "first", "second")
waiting.join()
assert popped == [(b"list", b"first")], popped
assert one.lpop("list") == b"second"
assert one.blpop("list", timeout=0.01) is None

subscription = two.pubsub()
subscription.subscribe("news", "weather")
assert [subscription.get_message(timeout=20)["type"] for _ in range(2)] == ["subscribe"] * 2
# A burst of messages that is longer than the queue of events.
burst = one.pipeline(transaction=False)
for number in range(500):
    burst.publish("news", number)
assert burst.execute() == [1] * 500
for number in range(500):
    message = subscription.get_message(timeout=20)
    assert message["data"] == str(number).encode(), message
subscription.unsubscribe()
assert [subscription.get_message(timeout=20)["data"] for _ in range(2)] == [1, 0]

info = one.info()
assert info["redis_mode"] == "standalone" and info["db0"]["keys"] == 10_001, info
assert one.save() and one.bgsave()
try:
    one.execute_command("WRONG")
except redis.ResponseError as error:
    assert "unknown command" in str(error)
else:
    raise AssertionError("an unknown command was accepted")

print("ok")
