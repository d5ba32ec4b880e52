#!/usr/bin/env python3
"""More than the server can do: deadlines, clients that leave, a full queue, memory. usage: overload_test.py BERTH REPOSITORY"""
import threading
import time
import unittest

from harness import CASES, SLOWNESS, WEIGHTS, Server, message, until

INTENT = f"intent={WEIGHTS / 'intent'}"
CROSS = f"cross={CASES / 'bert-crossencoder'}"


class Overload(unittest.TestCase):
    def test_deadline(self):
        with Server("--model", CROSS, "--threads", "1", "--max-client-batch-size", "20000") as server:
            begin = time.monotonic()
            response = server.post("/rerank", {"query": "the fox", "texts": ["a dog over the fox " * 10] * 20000}, {"x-request-timeout": "0.02"})
            self.assertEqual(response.status, 504)
            self.assertEqual(response.json["error_type"], "Timeout")
            self.assertLess(time.monotonic() - begin, 20)
            until(lambda: server.metrics()["te_queue_size"] == 0, timeout=10, what="work that was not started is dropped")
            self.assertLess(server.metrics()["te_batch_next_size_sum"], 20000)
            self.assertEqual(server.post("/v1/rerank", {"query": "a", "documents": ["b"] * 2000}, {"x-request-timeout": "0"}).json["code"], 504)
            self.assertEqual(server.post("/rerank", {"query": "a", "texts": ["b"]}).status, 200)

    def test_clients_that_leave_take_their_work_along(self):
        for behind in [b"", b"\r\n"]:  # clients of old end a body with an empty line
            with Server("--model", CROSS, "--threads", "1", "--max-client-batch-size", "20000") as server:
                connection = server.connect()
                connection.sendall(message("POST", "/rerank", {"query": "the fox", "texts": ["a dog over the fox " * 10] * 20000}))
                until(lambda: server.metrics()["te_queue_size"] > 500)
                if behind:
                    connection.sendall(behind)
                    time.sleep(0.05)
                connection.close()
                until(lambda: server.metrics()["te_queue_size"] == 0, timeout=10)
                self.assertLess(server.metrics()["te_batch_next_size_sum"], 20000)
                self.assertEqual(server.metrics()['te_request_failure{err="dropped"}'], 1)

    def test_a_full_queue(self):
        with Server("--model", CROSS, "--threads", "1", "--max-queue-inputs", "100", "--max-batch-tokens", "64") as server:
            body = {"query": "the fox", "texts": ["a dog over the fox " * 10] * 90}
            statuses, lock = [], threading.Lock()

            def ask():
                for _ in range(5):
                    response = server.post("/rerank", body)
                    with lock:
                        statuses.append((response.status, response.headers.get("retry-after")))
                    if response.status == 429:
                        assert response.json == {"error": "Model is overloaded", "error_type": "Overloaded"}, response
            clients = [threading.Thread(target=ask) for _ in range(6)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            self.assertEqual(set(status for status, _ in statuses), {200, 429})
            self.assertTrue(all(int(after) >= 1 for status, after in statuses if status == 429))
            # More inputs than the queue has room for, into an empty one.
            self.assertEqual(server.post("/rerank", {"query": "a", "texts": ["b"] * 500}).status, 200)
            self.assertGreater(server.metrics()['te_request_failure{err="overloaded"}'], 0)

    def test_small_requests_beside_a_large_one(self):
        with Server("--model", CROSS, "--threads", "1") as server:
            done = {}

            def large():
                begin = time.monotonic()
                assert server.post("/rerank", {"query": "the fox", "texts": ["a dog over the fox " * 10] * 2000}).status == 200
                done["large"] = time.monotonic() - begin
            client = threading.Thread(target=large)
            client.start()
            until(lambda: server.metrics()["te_queue_size"] > 1000)
            times = []
            while "large" not in done and len(times) < 20:
                begin = time.monotonic()
                self.assertEqual(server.post("/rerank", {"query": "the fox", "texts": ["dog"]}).status, 200)
                times.append(time.monotonic() - begin)
            client.join()
            self.assertLess(sorted(times)[len(times) // 2], done["large"] / 3)

    def test_responses_that_would_be_too_large(self):
        with Server("--model", INTENT, "--threads", "1", "--result-memory", "1MB") as server:
            response = server.post("/embed_all", {"inputs": ["word " * 200] * 20})
            self.assertEqual(response.status, 422)
            self.assertIn("MB", response.json["error"])
            response = server.post("/tokenize", {"inputs": ["word " * 10000] * 20})
            self.assertEqual(response.status, 422)
            self.assertIn("MB", response.json["error"])
            self.assertEqual(server.post("/tokenize", {"inputs": "a" * (1 << 20) + "a"}).status, 422)
            self.assertEqual(server.post("/embed", {"inputs": "a"}).status, 200)
            self.assertEqual(server.post("/tokenize", {"inputs": "a"}).status, 200)

    def test_bodies_that_would_be_large_documents(self):
        def objects(count, before='"x"'):
            return '{"inputs":"a",' + before + ":[" + ",".join(["{}"] * count) + "]}"
        with Server("--model", INTENT, "--threads", "1", "--body-memory", "80MB") as server:
            expected = server.post("/embed", {"inputs": "a"}).json
            base = server.resident()
            refused = server.post("/embed", objects(1000000))  # 3 MB that would take 128 MB
            self.assertEqual(refused.status, 413)
            for word in ["--body-memory", "80 MB"]:
                self.assertIn(word, refused.text)
            self.assertEqual(server.post("/embed", objects(1000000), {"content-type": "text/plain"}).status, 415)
            # Each fits, but no two at once: they wait for each other.
            answers = []
            clients = [threading.Thread(target=lambda: answers.append(server.post("/embed", objects(400000)).json)) for _ in range(8)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            self.assertEqual(answers, [expected] * 8)
            if SLOWNESS == 1:  # sanitizers keep what was freed
                self.assertLess(server.peak() - base, (80 + 8 + 8) << 20)
                until(lambda: server.resident() - base < 40 << 20, what="memory that is given back")  # but for what each thread may keep
            until(lambda: server.metrics()["berth_document_bytes"] == 0)
            # Text takes what it takes, and an instance has the room that its request had.
            self.assertEqual(server.post("/embed", '{"inputs":"a","x":"' + "[" * (30 << 20) + '"}').json, expected)
            instance = objects(400000)
            self.assertEqual(server.post("/vertex", '{"instances":[' + instance + "]}").json, {"predictions": [expected]})
            self.assertEqual(server.post("/", instance).json, expected)
            until(lambda: server.metrics()["berth_document_bytes"] == 0)
        with Server("--model", INTENT, "--threads", "1", "--memory-limit", base + (32 << 20)) as server:
            response = server.post("/embed", objects(400000))  # 51 MB
            self.assertEqual((response.status, response.json["error_type"]), (429, "Overloaded"))
            self.assertEqual(server.post("/embed", objects(50000)).json, expected)

    def test_a_body_that_may_be_sent_can_be_read(self):
        with Server("--model", INTENT, "--threads", "1", "--payload-limit", "8MB", "--body-memory", "8MB") as server:
            self.assertEqual(server.post("/embed", {"inputs": "a", "x": "b" * (7 << 20)}).status, 200)

    def test_the_cache_goes_before_requests_do(self):
        with Server("--model", INTENT, "--threads", "1") as server:
            server.post("/embed", {"inputs": ["a"] * 200})
            used = server.resident()
        limit = int(used / 0.77)
        with Server("--model", INTENT, "--threads", "1", "--cache", "1GB", "--memory-limit", limit) as server:
            step, sent, entries = server.resident(), 0, 0
            while entries <= (entries := server.metrics()["berth_cache_entries"]):
                sent += 1
                self.assertLess(sent, 3000)
                self.assertEqual(server.post("/embed", {"inputs": [f"{sent} {i}" for i in range(50)]}).status, 200)
                if server.resident() - step > 0.03 * limit:  # the server looks every second
                    step = server.resident()
                    time.sleep(1.2)
            server.wait_for("cache dropped")
            report = [line for line in server.lines if " memory " in line]
            self.assertIn("action=none", report[0])  # at 80%
            self.assertEqual(server.post("/embed", {"inputs": "a"}).status, 200)
            self.assertEqual(server.request("GET", "/health").status, 200)

    def test_memory_watermarks(self):
        with Server("--model", INTENT, "--threads", "1", "--cache", "8MB", "--memory-limit", "1MB") as server:
            server.wait_for("refused")
            response = server.post("/embed", {"inputs": "a"})
            self.assertEqual((response.status, response.json["error_type"]), (429, "Overloaded"))
            self.assertIn("retry-after", response.headers)
            self.assertEqual(server.request("GET", "/health").status, 200)


if __name__ == "__main__":
    unittest.main()
