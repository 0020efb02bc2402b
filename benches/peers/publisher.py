"""Many small publishers on loopback: one address, one robots.txt and one paged list each, and a log of arrivals.

    python3 publisher.py HOSTS.json ARRIVALS.tsv

HOSTS.json is a list of {"address", "port", "pages", "lag"}. A line of ARRIVALS.tsv is written for each request: the
address, when its first byte came (this process's own monotonic clock, in seconds), and the path. `/list?page=N` answers
{"pages": P, "items": [...]} with three items, after `lag` seconds. Connections stay open.
"""

import asyncio
import json
import signal
import sys
import time

ITEMS = 3


class Arrivals(asyncio.Protocol):
    """One connection. Arrivals are noted in the callback that the bytes wake, before anything else is done."""

    def __init__(self, host, log):
        self.host, self.log, self.bytes = host, log, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        now = time.monotonic()
        first = not self.bytes
        self.bytes += data
        if first:
            self.began = now
        while b"\r\n\r\n" in self.bytes:
            head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
            path = head.split(b" ", 2)[1].decode("latin-1")
            self.log.write(f"{self.host['address']}\t{self.began:.6f}\t{path}\n")
            asyncio.get_running_loop().call_later(self.host["lag"], self.answer, path)

    def answer(self, path):
        status, kind = "200 OK", "application/json"
        if path == "/robots.txt":
            kind, body = "text/plain", "User-agent: *\nAllow: /\n"
        elif path.startswith("/list"):
            page = int(path.partition("page=")[2] or 1)
            address = self.host["address"]
            items = [{"id": f"{page}-{row}", "title": f"Radar {page}", "host": address, "host-" + address.replace(".", "-"): 1} for row in range(1, ITEMS + 1)]
            body = json.dumps({"pages": self.host["pages"], "items": items})
        else:
            status, body = "404 Not Found", "{}"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write((head + body).encode())


async def main():
    with open(sys.argv[1]) as file:
        hosts = json.load(file)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    with open(sys.argv[2], "w") as log:
        for host in hosts:
            await loop.create_server(lambda host=host: Arrivals(host, log), host["address"], host["port"])
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
