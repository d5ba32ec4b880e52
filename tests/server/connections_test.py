#!/usr/bin/env python3
"""Ten thousand connections that do nothing, or next to nothing, and clients that work beside them. usage: connections_test.py BERTH REPOSITORY"""
import resource
import sys
import threading
import time
import unittest

from harness import WEIGHTS, Server, message, read_response, until

WANTED = 10000
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
if hard < WANTED + 200:
    print(f"skipped: at most {hard} descriptors, which is not enough for {WANTED} connections")
    sys.exit(77)


class TenThousand(unittest.TestCase):
    def test_idle_slow_and_working(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))  # the server raises it by itself
        server = Server("--model", f"intent={WEIGHTS / 'intent'}", "--threads", "1", "--idle-timeout", "300", "--header-timeout", "300")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with server:
            expected = server.post("/embed", {"inputs": "ok"}).json
            before = server.resident()
            connections = []
            for i in range(WANTED):
                connections.append(server.connect())
                if i % 2:  # half of them have begun a request
                    connections[-1].sendall(b"POST /embed HTTP/1.1\r\nhost: localhost\r\n")
            until(lambda: server.metrics()["berth_connections"] > WANTED, timeout=60)
            held = server.resident() - before
            self.assertLess(held, WANTED * 16384, "memory of a connection")
            print(f"{WANTED} connections: {held / WANTED / 1024:.1f} KiB each")

            stop = threading.Event()

            def trickle():  # a byte now and then on each of the slow ones
                position = 1
                while not stop.is_set():
                    for connection in connections[position::200]:
                        connection.sendall(b"x")
                    position = (position + 2) % 200
                    time.sleep(0.02)
            slow = threading.Thread(target=trickle)
            slow.start()
            times = []
            with server.connect() as connection, connection.makefile("rb") as stream:
                for _ in range(200):
                    begin = time.monotonic()
                    connection.sendall(message("POST", "/embed", {"inputs": "ok"}))
                    self.assertEqual(read_response(stream).json, expected)
                    times.append(time.monotonic() - begin)
            stop.set()
            slow.join()
            self.assertLess(sorted(times)[100], 0.5)
            for connection in connections:
                connection.close()
            until(lambda: server.metrics()["berth_connections"] == 1, timeout=60)
            until(lambda: server.resident() - before < held / 4, timeout=10, what="memory that comes back")
            print(f"{(server.resident() - before) / WANTED / 1024:.1f} KiB each stay")
            self.assertEqual(server.post("/embed", {"inputs": "ok"}).json, expected)


if __name__ == "__main__":
    unittest.main()
