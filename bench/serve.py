#!/usr/bin/python3
"""Load on `berth serve`: requests a second and latencies against the number of connections, set beside the library's own speed, a server whose model does
nothing, and a minimal onnxruntime-node server. Uses wrk (Debian's package).

    serve.py                                   # weights/intent, and MiniLM-L6 in INT8
    serve.py --models minilm-l6:int8 --seconds 5 --svg docs/serving.svg --json out.json

`share` is the server's inputs a second over 1 / (1 / R_library + 1 / R_echo): what is left when a request needs the library's time and the server's own, one after
the other."""
import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent
DATA = REPOSITORY / "build/bench-data"
TEXTS = ["How do I change my PIN?", "I want to set a new pin code", "Play some jazz in the kitchen", "Put on some music, please", "What is the weather like in Paris tomorrow?",
         "My card was declined at the shop this morning", "Set an alarm for half past six", "How long does a transfer to Germany take?", "Book a table for two at eight",
         "Why was I charged a fee for that payment?", "Tell me a joke about cats", "Is there a limit on cash withdrawals abroad?", "Remind me to call the dentist",
         "I lost my phone, please block the app", "Turn down the lights in the bedroom", "Which documents do I need to open an account?"]
SCRIPT = """
local bodies = {%s}
local at = 0
request = function()
  at = at %% #bodies + 1
  return wrk.format("POST", "%s", {["content-type"] = "application/json"}, bodies[at])
end
"""


def lua(text):
    return '"' + json.dumps({"inputs": text}).replace("\\", "\\\\").replace('"', '\\"') + '"'


def milliseconds(text):
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


class Load:
    def __init__(self, seconds, route):
        self.seconds = seconds
        self.script = tempfile.NamedTemporaryFile("w", suffix=".lua")
        self.script.write(SCRIPT % (",".join(map(lua, TEXTS)), route))
        self.script.flush()

    def __call__(self, port, connections, seconds=None):
        threads = 1 if connections < 2 else 2
        done = subprocess.run(["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{seconds or self.seconds}s", "--latency", "-s", self.script.name, f"http://127.0.0.1:{port}"],
                              capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in done:
            sys.exit(f"answers other than 200:\n{done}")
        result = {"connections": connections, "requests_per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", done).group(1))}
        for percent in ["50", "90", "99"]:
            result[f"p{percent}_ms"] = milliseconds(re.search(rf"^ +{percent}% +(\S+) *$", done, re.MULTILINE).group(1))
        return result


class Server:
    def __init__(self, binary, *arguments):
        self.process = subprocess.Popen([binary, "serve", "--port", "0", "--log-format", "json", *arguments], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            event = json.loads(line) if line.startswith("{") else sys.exit(line)
            if event["event"] == "listening":
                self.port = int(event["url"].rsplit(":", 1)[1])
                return
        sys.exit("the server ended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stderr.close()


def library_speed(binary, model, precision, threads, tokens, seconds):
    """Sequences a second of the library alone, in batches as large as the server makes them, of as many tokens as the texts have."""
    done = subprocess.run([binary, "bench", "--model", model, "--precision", precision, "--threads", str(threads), "--batch", "64", "--length", str(tokens), "--seconds", str(seconds), "--json"],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["sequences_per_second"]


class OnnxServer:
    """ort_server.cjs with the same weights; without onnxruntime-node (bench/install.sh) there is none."""

    def __init__(self, binary, model, precision, threads):
        import onnx_graph
        modules = DATA / "node_modules"
        self.folder = tempfile.TemporaryDirectory()
        graph = onnx_graph.export(model, self.folder.name, "int8" if precision == "int8" else "fp32", "qattention" if precision == "int8" else "attention", False)
        texts = pathlib.Path(self.folder.name) / "texts.json"
        texts.write_text(json.dumps({row["text"]: row["ids"] for row in tokenized(binary, model)}))
        hidden = json.loads((pathlib.Path(model) / "config.json").read_text())["hidden_size"]
        self.process = subprocess.Popen(["node", HERE / "ort_server.cjs", graph, texts, str(hidden), str(threads)], stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "BERTH_BENCH_NODE_MODULES": str(modules)})
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()


def tokenized(binary, model):
    return [json.loads(line) for line in subprocess.run([binary, "tokenize", "--model", model, *TEXTS], capture_output=True, text=True, check=True).stdout.splitlines()]


def measure(options, name, precision):
    binary = options.berth
    model = str(REPOSITORY / "weights" / name)
    if not pathlib.Path(model).exists():
        model = str(DATA / "models" / name)
        if not pathlib.Path(model).exists():
            subprocess.run([sys.executable, HERE / "models.py", name, "--out", model], check=True)
    labels = "ForSequenceClassification" in json.loads((pathlib.Path(model) / "config.json").read_text())["architectures"][0]
    load = Load(options.seconds, "/predict" if labels else "/embed")
    rows = tokenized(binary, model)
    tokens = round(sum(len(row["ids"]) for row in rows) / len(rows))
    arguments = ["--model", model, "--precision", precision, "--threads", str(options.threads)]
    result = {"model": name, "precision": precision, "threads": options.threads, "tokens": tokens, "points": [], "rounds": []}
    other = None
    if options.onnx and (DATA / "node_modules/onnxruntime-node").exists() and (pathlib.Path(model) / "model.safetensors").exists() and name not in ("intent", "sentiment", "emotion"):
        other = OnnxServer(binary, model, precision, options.threads)
    with Server(binary, *arguments) as server, Server(binary, *arguments, "--echo") as echo:
        for each in filter(None, [server, echo, other]):
            load(each.port, 8, 1)
        for connections in options.connections:
            point = load(server.port, connections)
            result["points"].append(point)
            print(f"{name} {precision} {connections:4} connections: {point['requests_per_second']:8.0f}/s  p50 {point['p50_ms']:.2f} ms  p99 {point['p99_ms']:.2f} ms", flush=True)
        # In turn, so that what else the machine does falls on all of them.
        for _ in range(options.rounds):
            at = load(server.port, 64)
            figures = {"server": at["requests_per_second"], "p50_ms": at["p50_ms"], "p99_ms": at["p99_ms"], "echo": load(echo.port, 64, 1)["requests_per_second"],
                       "library": library_speed(binary, model, precision, options.threads, tokens, 1)}
            if other:
                figures["onnx"] = load(other.port, 64)["requests_per_second"]
            figures["share"] = figures["server"] * (1 / figures["library"] + 1 / figures["echo"])
            result["rounds"].append(figures)
    if other:
        other.stop()
    middle = {key: statistics.median(each[key] for each in result["rounds"]) for key in result["rounds"][0]}
    result["median"] = middle
    print(f"{name} {precision}, 64 connections: {middle['server']:.0f}/s, p99/p50 {middle['p99_ms'] / middle['p50_ms']:.1f}; library {middle['library']:.0f}/s, echo {middle['echo']:.0f}/s, "
          f"share {middle['share']:.2f}" + (f"; onnxruntime-node {middle['onnx']:.0f}/s, {statistics.median(each['server'] / each['onnx'] for each in result['rounds']):.1f} times as many here" if other else ""), flush=True)
    return result


def draw(results, path):
    """Requests a second and latency against connections, a line a model, as an SVG that reads on light and dark."""
    width, height, left, top, plot = 760, 300, 60, 40, 290
    colors = ["#2a78d6", "#d9622b", "#3a9d5d", "#9a5fc7"]
    xs = sorted({point["connections"] for result in results for point in result["points"]})
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui,sans-serif" font-size="11" role="img">'
             "<title>Requests a second and latency against the number of connections</title>"
             '<style>text{fill:#39424e}.axis{stroke:#8a94a3;stroke-width:1}.grid{stroke:#c9d0d9;stroke-width:.5}@media (prefers-color-scheme:dark){text{fill:#c3ccd8}.grid{stroke:#3a4452}}</style>']

    def panel(x0, title, series, digits):
        largest = max(value for _, _, values in series for value in values) or 1
        step = next(base * 10 ** power for power in range(-3, 7) for base in (1, 2, 5) if base * 10 ** power * 5 >= largest)
        top_value = step * 5
        y = lambda value: top + (height - top - 50) * (1 - value / top_value)
        x = lambda index: x0 + plot * index / max(1, len(xs) - 1)
        parts.append(f'<text x="{x0}" y="{top - 18}" font-weight="600">{title}</text>')
        for i in range(6):
            parts.append(f'<line class="grid" x1="{x0}" x2="{x0 + plot}" y1="{y(step * i):.1f}" y2="{y(step * i):.1f}"/><text x="{x0 - 6}" y="{y(step * i) + 4:.1f}" text-anchor="end">{step * i:.{digits(step)}f}</text>')
        for index, value in enumerate(xs):
            parts.append(f'<text x="{x(index):.1f}" y="{height - 34}" text-anchor="middle">{value}</text>')
        parts.append(f'<text x="{x0 + plot / 2}" y="{height - 18}" text-anchor="middle">connections</text>')
        for color, dash, values in series:
            points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(values))
            parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{points}"{dash}/>')
    digits = lambda step: 0 if step >= 1 else 1 if step >= .1 else 2
    panel(left, "requests a second", [(colors[i], "", [point["requests_per_second"] for point in result["points"]]) for i, result in enumerate(results)], digits)
    latency = []
    for i, result in enumerate(results):
        latency.append((colors[i], "", [point["p50_ms"] for point in result["points"]]))
        latency.append((colors[i], ' stroke-dasharray="4 3"', [point["p99_ms"] for point in result["points"]]))
    panel(left + plot + 90, "latency, ms (dashed: 99th percentile)", latency, digits)
    for i, result in enumerate(results):
        parts.append(f'<circle cx="{left + 150 * i + 6}" cy="{height - 5}" r="4" fill="{colors[i]}"/><text x="{left + 150 * i + 14}" y="{height - 1}">{result["model"]} {result["precision"]}</text>')
    pathlib.Path(path).write_text("\n".join(parts) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--berth", default=str(REPOSITORY / "build/release/berth"))
    parser.add_argument("--models", default="intent:fp32,minilm-l6:int8", help="NAME:PRECISION, separated by commas; of weights/ or of bench/models.py")
    parser.add_argument("--connections", default="1,2,4,8,16,32,64,128,256")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison at 64 connections")
    parser.add_argument("--no-onnx", dest="onnx", action="store_false")
    parser.add_argument("--svg")
    parser.add_argument("--json")
    options = parser.parse_args()
    options.connections = [int(each) for each in options.connections.split(",")]
    results = [measure(options, *each.split(":")) for each in options.models.split(",")]
    if options.svg:
        draw(results, options.svg)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
