"""A real client talks to the example: smtplib, from Python's standard library. Prints `ok` if all went as RFC 5321 has it."""

import smtplib
import socket
import sys

host, port = sys.argv[1], int(sys.argv[2])


def expect(code, reply):
    assert reply[0] == code, f"expected {code}, got {reply}"


# A megabyte, with lines that begin with dots and a line that is only one.
line = "x" * 60 + "\r\n"
body = ".\r\n..\r\n.dotted\r\n" + line * (1024 * 1024 // len(line) + 1)
message = "Subject: a megabyte\r\nFrom: bob@example.com\r\n\r\n" + body

with smtplib.SMTP(host, port, timeout=30) as smtp:
    # In the wrong order, before there is a session.
    expect(503, smtp.docmd("MAIL", "FROM:<bob@example.com>"))
    expect(503, smtp.docmd("DATA"))
    expect(501, smtp.docmd("EHLO"))
    expect(250, smtp.ehlo("client.example.com"))
    assert smtp.has_extn("size") and smtp.has_extn("8bitmime") and smtp.has_extn("pipelining")

    # The same, inside one.
    expect(503, smtp.docmd("RCPT", "TO:<ann@example.org>"))
    expect(503, smtp.docmd("DATA"))
    expect(250, smtp.docmd("MAIL", "FROM:<bob@example.com>"))
    expect(503, smtp.docmd("MAIL", "FROM:<bob@example.com>"))
    expect(503, smtp.docmd("DATA"))
    expect(550, smtp.docmd("RCPT", "TO:<someone@elsewhere.example>"))
    expect(503, smtp.docmd("DATA"))
    expect(250, smtp.docmd("RCPT", "TO:<ann@example.org>"))
    expect(250, smtp.rset())
    expect(503, smtp.docmd("RCPT", "TO:<ann@example.org>"))

    # What is never in order, and what always is.
    expect(500, smtp.docmd("FROBNICATE"))
    expect(501, smtp.docmd("MAIL", "FROM:bob"))
    expect(555, smtp.docmd("MAIL", "FROM:<bob@example.com> COLOUR=red"))
    expect(552, smtp.docmd("MAIL", "FROM:<bob@example.com> SIZE=999999999"))
    expect(250, smtp.noop())
    expect(252, smtp.verify("ann"))
    expect(214, (smtp.docmd("HELP")[0],))
    expect(500, smtp.docmd("NOOP " + "x" * 20000))

    refused = smtp.sendmail("bob@example.com", ["ann@example.org", "x@elsewhere.example", "postmaster"], message)
    assert list(refused) == ["x@elsewhere.example"] and refused["x@elsewhere.example"][0] == 550, refused
    # The session goes on with the next one.
    smtp.sendmail("", ["dan@example.org"], "Subject: none may answer\r\n\r\nshort\r\n")
    expect(221, smtp.quit())

# Pipelined in one write, as RFC 2920 allows; and a line that ends with LF alone is no end of anything.
with socket.create_connection((host, port), timeout=30) as raw:
    replies = raw.makefile("rb")
    assert replies.readline().startswith(b"220 ")
    raw.sendall(b"HELO c\r\nMAIL FROM:<b@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n")
    codes = []
    while not codes or codes[-1] != b"354":
        reply = replies.readline()
        if reply[3:4] == b" ":
            codes.append(reply[:3])
    assert codes == [b"250", b"250", b"250", b"354"], codes
    raw.sendall(b"smuggled\n.\nMAIL FROM:<evil@example.com>\r\n.\r\nQUIT\r\n")
    assert replies.readline().startswith(b"554 ")
    assert replies.readline().startswith(b"221 ")
    assert replies.readline() == b""

print("ok")
