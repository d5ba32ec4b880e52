#!/usr/bin/env python3
"""What strangers send: real bytes over loopback. After each case the server is alive and answers others, its memory is bounded.
usage: abuse_test.py BERTH REPOSITORY"""
import json
import signal
import socket
import struct
import threading
import time
import unittest

from harness import SLOWNESS, WEIGHTS, Server, message, read_response, until

MODEL = f"intent={WEIGHTS / 'intent'}"


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--model", MODEL, "--threads", "1", "--header-timeout", "0.5", "--body-timeout", "0.7", "--idle-timeout", "1.5", "--write-timeout", "2",
                            "--payload-limit", "1MB", "--body-memory", "3MB", "--max-client-batch-size", "1000")
        cls.expected = cls.server.post("/embed", {"inputs": "ok"}).json
        cls.server.post("/embed", {"inputs": ["word " * 100] * 1000})  # the workspace of the largest batch
        cls.before = cls.server.resident()

    @classmethod
    def tearDownClass(cls):
        grown = cls.server.resident() - cls.before
        assert grown < (16 << 20) or SLOWNESS > 1, grown  # sanitizers keep what was freed
        assert cls.server.stop() == 0, cls.server.lines

    def tearDown(self):
        self.assertTrue(self.server.alive(), self.server.lines)
        self.assertEqual(self.server.post("/embed", {"inputs": "ok"}).json, self.expected)

    def send(self, data, half_close=False):
        """The first response to these bytes, or None where the connection closed without one."""
        with self.server.connect() as connection:
            try:
                connection.sendall(data)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
                return read_response(connection.makefile("rb"))
            except (ConnectionResetError, BrokenPipeError):
                return None

    def closed_after(self, connection):
        """Seconds until the server closes this connection."""
        begin = time.monotonic()
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass
        return time.monotonic() - begin

    def test_malformed_http(self):
        for data in [b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600), b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
                     b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"POST /embed HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n",
                     b"POST /embed HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", b"POST /embed HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
                     b"POST /embed HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                     b"POST /embed HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n", b"GET /health HTTP/1.1\r\nhost : localhost\r\n\r\n",
                     b"GET /\x00 HTTP/1.1\r\nhost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                     b"POST /embed HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"]:
            response = self.send(data)
            self.assertTrue(response is None or response.status in (400, 413), (data[:60], response))
            if response is not None:
                self.assertEqual(response.headers["connection"], "close")
        for seed in range(50):  # noise
            noise = bytes((seed * 7 + i * i * 31 + (i * seed) % 251) % 256 for i in range(300))
            self.send(noise + b"\r\n\r\n", half_close=True)

    def test_empty_lines_before_a_request(self):
        good = message("POST", "/embed", {"inputs": "ok"})
        with self.server.connect() as connection:
            stream = connection.makefile("rb")
            for data in [b"\r\n" + good, good + b"\r\n", good + b"\r\n\r\n" + good]:  # the second ends a body as clients of old do
                connection.sendall(data)
                for _ in range(data.count(b"POST")):
                    self.assertEqual(read_response(stream).json, self.expected)
            for part in [b"\r", b"\n\r", b"\n", good]:
                connection.sendall(part)
                time.sleep(0.05)
            self.assertEqual(read_response(stream).json, self.expected)
        for data in [b"\n" + good, b"\r" + good, b" \r\n" + good]:  # no empty lines
            self.assertEqual(self.send(data).status, 400, data[:3])
        with self.server.connect() as connection:  # they are no requests that would keep a connection
            begin = time.monotonic()
            try:
                while time.monotonic() - begin < 8:
                    connection.sendall(b"\r\n")
                    time.sleep(0.05)
            except OSError:
                pass
            self.assertLess(time.monotonic() - begin, 8)

    def test_giant_headers(self):
        response = self.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 100000 + b"\r\n\r\n")
        self.assertTrue(response is None or response.status == 431, response)
        response = self.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 200 + b"\r\n")
        self.assertEqual(response.status, 431)
        response = self.send(b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n")
        self.assertTrue(response is None or response.status in (400, 431), response)
        self.assertEqual(self.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 12000 + b"\r\nconnection: close\r\n\r\n").status, 200)

    def test_a_header_that_trickles(self):
        with self.server.connect() as connection:
            begin = time.monotonic()
            for byte in b"GET /health HTTP/1.1\r\nhost: localhost\r\n" * 10:
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    break
                time.sleep(0.05)
                self.assertLess(time.monotonic() - begin, 8)
            self.assertLess(time.monotonic() - begin, 8)

    def test_a_body_that_trickles(self):
        with self.server.connect() as connection:
            connection.sendall(b"POST /embed HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
            begin = time.monotonic()
            with self.assertRaises(OSError):
                while time.monotonic() - begin < 8:
                    connection.sendall(b" ")
                    time.sleep(0.05)

    def test_silent_connections_are_closed(self):
        with self.server.connect() as connection:
            self.assertLess(self.closed_after(connection), 8)
        with self.server.connect() as connection:  # after a request, too
            connection.sendall(message("GET", "/health"))
            self.assertEqual(read_response(connection.makefile("rb")).status, 200)
            self.assertLess(self.closed_after(connection), 8)

    def test_half_closed(self):
        # What can be answered at once is answered; work for the model is dropped, since nobody may be there.
        self.assertEqual(self.send(message("GET", "/health"), half_close=True).status, 200)
        response = self.send(message("POST", "/embed", {"inputs": "ok"}), half_close=True)
        self.assertTrue(response is None or response.json == self.expected)
        self.send(message("POST", "/embed", {"inputs": "ok"})[:-4], half_close=True)
        until(lambda: self.server.metrics()["te_queue_size"] == 0)

    def test_resets(self):
        for i in range(30):
            connection = self.server.connect()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() sends a reset
            data = message("POST", "/embed", {"inputs": ["word " * 100] * 20})
            connection.sendall(data[:len(data) * (i % 10 + 1) // 10])
            connection.close()
        until(lambda: self.server.metrics()["te_queue_size"] == 0)
        until(lambda: self.server.metrics()["berth_connections"] == 1, what="connections are let go")
        self.assertEqual(self.server.metrics()["berth_body_bytes"], 0)
        self.assertEqual(self.server.metrics()["berth_result_bytes"], 0)

    def test_deep_json(self):
        for text in ["[" * 100000, '{"inputs":' * 5000 + "1" + "}" * 5000, '{"inputs":' + "[" * 60 + "]" * 60 + "}", "{" * 1000]:
            response = self.send(message("POST", "/embed", text))
            self.assertIn(response.status, (400, 422), response)

    def test_bodies_that_are_no_json(self):
        for body in [b"", b"{", b"nope", b'{"inputs":"a"} x', b'{"inputs":"\xff\xfe"}', b'{"inputs":"\xed\xa0\x80"}', b'{"inputs":"a","inputs":"b"}', b'{"inputs":"\\ud800"}',
                     b'{"inputs":1e999}', b"\xef\xbb\xbf\xef\xbb\xbf{}", b'{"inputs":"' + b"\x00" + b'"}']:
            response = self.send(message("POST", "/embed", body))
            self.assertIn(response.status, (400, 422), (body, response))
            self.assertEqual(response.headers["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(self.send(message("POST", "/embed", b'{"inputs":[1e5, 1.5]}')).status, 422)
        self.assertEqual(self.send(message("POST", "/embed", b'{"inputs":"\\u0000 a"}')).status, 200)

    def test_large_bodies(self):
        response = self.send(message("POST", "/embed", {"inputs": "a" * 2000000}))
        self.assertEqual(response.status, 413)
        chunked = b"POST /embed HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        response = self.send(chunked + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 20 + b"0\r\n\r\n")
        self.assertTrue(response is None or response.status == 413, response)
        body = json.dumps({"inputs": "ok"}).encode()
        response = self.send(chunked + b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in body) + b"0\r\n\r\n")
        self.assertEqual(response.json, self.expected)
        long = self.send(message("POST", "/embed", {"inputs": "a" * 900000}))
        self.assertEqual((long.status, long.headers["x-truncated-inputs"]), (200, "1"))
        self.assertEqual(self.send(message("POST", "/embed", {"inputs": "a" * 900000, "truncate": False})).status, 422)

    def test_many_bodies_at_once(self):
        # Each holds its share of --body-memory until it is complete.
        connections = [self.server.connect() for _ in range(6)]
        for connection in connections:
            connection.sendall(message("POST", "/embed", None, {"content-length": "1000000", "content-type": "application/json"}))
        time.sleep(0.2)
        statuses = []
        for connection in connections:
            connection.settimeout(8)
            try:
                response = read_response(connection.makefile("rb"))
            except ConnectionResetError:
                response = None
            statuses.append(response and response.status)
            connection.close()
        self.assertEqual(statuses.count(429), 3, statuses)
        until(lambda: self.server.metrics()["berth_body_bytes"] == 0)

    def test_expect_continue(self):
        body = json.dumps({"inputs": "ok"}).encode()
        with self.server.connect() as connection:
            connection.sendall(message("POST", "/embed", None, {"expect": "100-continue", "content-type": "application/json", "content-length": str(len(body))}))
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 100"))
            connection.sendall(body)
            self.assertEqual(read_response(connection.makefile("rb")).json, self.expected)

    def test_pipelining_without_end(self):
        with self.server.connect() as connection:
            connection.sendall(message("GET", "/health") * 2000)
            connection.shutdown(socket.SHUT_WR)
            stream = connection.makefile("rb")
            count = sum(1 for _ in iter(lambda: read_response(stream), None))
        self.assertEqual(count, 2000)

    def test_a_reader_that_does_not_read(self):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", self.server.port))
        connection.sendall(message("POST", "/embed", {"inputs": ["ok"] * 1000}) * 4)
        until(lambda: self.server.metrics()["berth_connections"] == 1, what="the write timeout")
        until(lambda: self.server.metrics()["berth_result_bytes"] == 0)
        connection.close()

    def test_http_1_0(self):
        response = self.send(b"GET /health HTTP/1.0\r\n\r\n")
        self.assertEqual((response.status, response.headers["connection"]), (200, "close"))
        with self.server.connect() as connection:
            connection.sendall(b"GET /health HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" * 2)
            stream = connection.makefile("rb")
            self.assertEqual([read_response(stream).headers["connection"] for _ in range(2)], ["keep-alive"] * 2)

    def test_proxies_form(self):
        self.assertEqual(self.send(b"GET http://localhost/health HTTP/1.1\r\nhost: localhost\r\n\r\n").status, 200)


class Idle(unittest.TestCase):
    def test_hundreds_of_idle_connections(self):
        with Server("--model", MODEL, "--threads", "1") as server:
            expected = server.post("/embed", {"inputs": "ok"}).json
            before = server.resident()
            connections = [server.connect() for _ in range(400)]
            for connection in connections[:200]:
                connection.sendall(b"GET /health HTTP/1.1\r\nhost:")
            until(lambda: server.metrics()["berth_connections"] >= 401)
            self.assertEqual(server.post("/embed", {"inputs": "ok"}).json, expected)
            self.assertLess(server.resident() - before, 400 * 32768 + (8 << 20))
            for connection in connections:
                connection.close()
            until(lambda: server.metrics()["berth_connections"] == 1)

    def test_few_descriptors(self):
        with Server("--model", MODEL, "--threads", "1", prefix=("sh", "-c", 'ulimit -n 40; exec "$@"', "sh")) as server:
            self.assertIn("connections=20 ", "\n".join(server.lines))
            kept = [server.connect() for _ in range(20)]
            until(lambda: self.is_closed(server), what="connections beyond the limit are closed")
            for connection in kept:
                connection.sendall(message("GET", "/health"))
                self.assertEqual(read_response(connection.makefile("rb")).status, 200)
                connection.close()
            until(lambda: not self.is_closed(server), what="room again")

    @staticmethod
    def is_closed(server):
        """Whether a connection that says nothing is closed at once."""
        with server.connect() as connection:
            connection.settimeout(0.2)
            try:
                return connection.recv(1) == b""
            except ConnectionResetError:
                return True
            except TimeoutError:
                return False

    def test_more_connections_than_allowed(self):
        with Server("--model", MODEL, "--threads", "1", "--max-connections", "5") as server:
            kept = [server.connect() for _ in range(5)]
            for connection in kept:
                connection.sendall(message("GET", "/health"))
                self.assertEqual(read_response(connection.makefile("rb")).status, 200)
            with server.connect() as connection:
                connection.settimeout(10)
                try:
                    self.assertEqual(connection.recv(1), b"")
                except ConnectionResetError:
                    pass
            for connection in kept:
                connection.close()
            until(lambda: self.connects(server))
            self.assertGreaterEqual(server.metrics()["berth_connections_refused_total"], 1)

    @staticmethod
    def connects(server):
        try:
            response = server.request("GET", "/health")
            return response is not None and response.status == 200
        except OSError:
            return False


class Signals(unittest.TestCase):
    def test_draining(self):
        server = Server("--model", f"cross={WEIGHTS.parent / 'tests/reference/bert-crossencoder'}", "--threads", "1")
        idle = server.connect()
        results = []

        def ask():
            results.append(server.post("/rerank", {"query": "the fox", "texts": ["a dog over the fox " * 10] * 1500}))
        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        until(lambda: server.metrics()["te_predict_count"] == 3 * 1500, what="all three have been read")
        server.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(60)
        self.assertEqual([each.status for each in results], [200] * 3)
        self.assertEqual(server.process.wait(60), 0)
        server.stop()
        self.assertIn("all_answered=true", "\n".join(server.lines))
        idle.close()

    def test_a_drain_that_takes_too_long(self):
        server = Server("--model", f"cross={WEIGHTS.parent / 'tests/reference/bert-crossencoder'}", "--threads", "1", "--drain-timeout", "0.1", "--max-batch-tokens", "64")
        connections = [server.connect() for _ in range(3)]
        for connection in connections:
            connection.sendall(message("POST", "/rerank", {"query": "the fox", "texts": ["a dog over the fox " * 10] * 2000}))
        until(lambda: server.metrics()["te_queue_size"] > 4000)
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(60), 0)
        server.stop()
        self.assertIn("all_answered=false", "\n".join(server.lines))
        for connection in connections:
            self.assertEqual(read_response(connection.makefile("rb")).status, 503)
            connection.close()

    def test_a_second_signal_ends_at_once(self):
        server = Server("--model", MODEL, "--threads", "1", "--echo")
        connection = server.connect()
        connection.sendall(b"POST /embed HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n")  # keeps it from draining
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("stopping")
        time.sleep(0.2)
        begin = time.monotonic()
        self.assertEqual(server.stop(), 128 + signal.SIGTERM)
        self.assertLess(time.monotonic() - begin, 10)
        connection.close()


if __name__ == "__main__":
    unittest.main()
