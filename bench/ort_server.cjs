// The same model as people put it behind HTTP in a few lines: node's http module and onnxruntime-node, one run a request.
// usage: ort_server.cjs GRAPH TEXTS HIDDEN THREADS, where TEXTS is a JSON file {"text":[ids]}: tokenizing costs nothing here. Prints its port.
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const ort = require(path.join(process.env.BERTH_BENCH_NODE_MODULES, "onnxruntime-node"));

async function main() {
  const [graph, texts, hidden, threads] = process.argv.slice(2);
  const ids = JSON.parse(fs.readFileSync(texts, "utf8"));
  const size = Number(hidden);
  const session = await ort.InferenceSession.create(graph, {
    executionProviders: ["cpu"], graphOptimizationLevel: "all", intraOpNumThreads: Number(threads), interOpNumThreads: 1, logSeverityLevel: 3,
  });
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", async () => {
      const row = Int32Array.from(ids[JSON.parse(Buffer.concat(parts).toString()).inputs]);
      const feeds = { input_ids: new ort.Tensor("int32", row, [1, row.length]) };
      if (session.inputNames.includes("token_type_ids")) feeds.token_type_ids = new ort.Tensor("int32", new Int32Array(row.length), [1, row.length]);
      const states = (await session.run(feeds)).last_hidden_state.data;
      const mean = new Array(size).fill(0);
      for (let token = 0; token < row.length; ++token) for (let i = 0; i < size; ++i) mean[i] += states[token * size + i];
      const length = Math.hypot(...mean);
      const body = JSON.stringify([mean.map((value) => Math.fround(value / length))]);
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
      response.end(body);
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

main();
