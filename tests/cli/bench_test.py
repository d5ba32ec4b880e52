#!/usr/bin/env python3
"""berth bench."""
import unittest

from binary import berth, lines
from reference import CASES
from slowness import SLOWNESS


class Bench(unittest.TestCase):
    KEYS = ["latency_ms", "sequences_per_second", "tokens_per_second", "load_ms", "load_peak_rss_mb", "peak_rss_mb", "rss_anon_mb", "rss_file_mb", "model_size_mb", "parameters", "gflop", "gflops",
            "peak_gflops", "of_peak", "precision", "isa", "threads"]

    def test_keys(self):
        (row,) = lines("bench", "--precision", "fp32", "--threads", "1", "--batch", "4", "--length", "32", "--seconds", "0.1", "--json")
        self.assertEqual(list(row), self.KEYS)
        self.assertEqual(list(row["latency_ms"]), ["mean", "std", "p50", "p95", "p99"])
        self.assertEqual(row["threads"], 1)
        # 4 rows of 32 tokens; 4 layers of 4 * 192 * 192 + 2 * 192 * 768 products and sums per token, and the attention.
        linear = 4 * 32 * 4 * 2 * (4 * 192 * 192 + 2 * 192 * 768)
        attention = 4 * 32 * 32 * 4 * 2 * 2 * 192
        self.assertAlmostEqual(row["gflop"] * 1e9 / (linear + attention), 1, delta=0.01)
        # Means over the same calls.
        self.assertAlmostEqual(row["sequences_per_second"] * row["latency_ms"]["mean"] / 1000, 4, delta=1e-6)
        self.assertAlmostEqual(row["tokens_per_second"] / row["sequences_per_second"], 32, delta=1e-6)
        self.assertAlmostEqual(row["parameters"], 3.4e6, delta=0.1e6)
        self.assertAlmostEqual(row["gflops"] * row["latency_ms"]["p50"] / 1000, row["gflop"], delta=1e-6 * row["gflop"])
        self.assertAlmostEqual(row["of_peak"], row["gflops"] / row["peak_gflops"], delta=1e-9)
        self.assertEqual(row["precision"], "fp32")

    def test_every_isa_and_precision(self):
        for isa in [isa["name"] for isa in lines("info")[0]["isas"] if isa["usable"]]:
            for precision in ["fp32", "bf16", "int8"]:
                (row,) = lines("bench", "--isa", isa, "--precision", precision, "--threads", "1", "--batch", "2", "--length", "16", "--seconds", "0.01")
                self.assertEqual((row["isa"], row["precision"]), (isa, precision))
                self.assertGreater(row["of_peak"], 0, (isa, precision))  # how far below 1 is a measurement, not a test: a neighbour may slow either side

    def test_any_model_directory(self):
        for config in sorted(CASES.glob("*/"))[:: 1 if SLOWNESS == 1 else 4]:
            if (config / "expected.json").exists() and lines("info", "--model", config):
                (row,) = lines("bench", "--model", config, "--seconds", "0.002", "--threads", "1")
                self.assertEqual(list(row), self.KEYS, config.name)
                self.assertGreater(row["parameters"], 0)

    def test_ragged(self):
        (row,) = lines("bench", "--ragged", "--batch", "32", "--length", "96", "--seconds", "0.1")
        self.assertAlmostEqual(row["tokens_per_second"] / row["sequences_per_second"], 32, delta=2)

    def test_too_long(self):
        for length in ["129", "2000000000"]:
            done = berth("bench", "--length", length, "--seconds", "0.1")
            self.assertEqual(done.returncode, 1)
            self.assertIn("128", done.stderr)
            self.assertIn("--length", done.stderr)


if __name__ == "__main__":
    unittest.main()
