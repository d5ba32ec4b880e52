// Clients that others wrote, unchanged but for the URL: OpenAI's own, LangChain's over it, and Hugging Face's for inference endpoints.
// usage: clients_test.mjs BERTH REPOSITORY. The packages come from $BERTH_TEST_NODE_MODULES (`./dev test --slow` installs them); without: status 77.
import assert from "node:assert/strict";
import { spawn, execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [berth, repository] = process.argv.slice(2);
const modules = process.env.BERTH_TEST_NODE_MODULES ?? path.join(repository, "build/npm/node_modules");
if (!fs.existsSync(path.join(modules, "openai"))) {
  console.log(`skipped: there is no ${modules}/openai`);
  process.exit(77);
}
if (Number(process.versions.node.split(".")[0]) < 20) {
  console.log(`skipped: these clients need node 20, this is ${process.versions.node}`);
  process.exit(77);
}
const require = createRequire(path.join(modules, "x.js"));
const load = async (name) => import(pathToFileURL(require.resolve(name)));
const weights = path.join(repository, "weights");
const environment = { ...process.env, BERTH_WEIGHTS: weights };

async function serve(...args) {
  const process_ = spawn(berth, ["serve", "--port", "0", "--threads", "1", "--log-format", "json", ...args], { stdio: ["ignore", "ignore", "pipe"], env: environment });
  let text = "";
  for await (const part of process_.stderr) {
    text += part;
    const line = text.split("\n").find((each) => each.includes('"listening"'));
    if (line) {
      process_.stderr.destroy();
      return { url: JSON.parse(line).url, stop: () => new Promise((done) => { process_.once("exit", done); process_.kill("SIGTERM"); }) };
    }
  }
  throw new Error("the server ended: " + text);
}

const texts = ["How do I change my PIN?", "Play some jazz", "Ünïcödé 😀"];
const expected = execFileSync(berth, ["encode", "--model", path.join(weights, "intent"), ...texts], { env: environment }).toString().trim().split("\n").map((line) => JSON.parse(line));
const same = (got, wanted) => assert.deepEqual(Array.from(got, Math.fround), wanted.map(Math.fround));

const server = await serve("--model", `intent=${weights}/intent`, "--model", `sentiment=${weights}/sentiment`, "--api-key", "key-1", "--openai-errors", "nested");
const flat = await serve("--model", `intent=${weights}/intent`);
const labels = await serve("--model", `sentiment=${weights}/sentiment`);
try {
  // OpenAI's client. It asks for base64 by itself and decodes it.
  const { default: OpenAI, AuthenticationError, UnprocessableEntityError, NotFoundError } = await load("openai");
  const client = new OpenAI({ apiKey: "key-1", baseURL: server.url + "/v1", maxRetries: 0 });
  const several = await client.embeddings.create({ model: "intent", input: texts });
  several.data.forEach((each, i) => { assert.equal(each.index, i); same(each.embedding, expected[i].embedding); });
  assert.equal(several.usage.prompt_tokens, expected.reduce((sum, row) => sum + row.tokens, 0));
  assert.equal(several.model, "intent");
  const floats = await client.embeddings.create({ model: "intent", input: texts[0], encoding_format: "float", dimensions: 8 });
  assert.equal(floats.data[0].embedding.length, 8);
  const ids = JSON.parse(execFileSync(berth, ["tokenize", "--model", path.join(weights, "intent"), texts[0]], { env: environment }).toString()).ids;
  same((await client.embeddings.create({ model: "intent", input: [ids] })).data[0].embedding, expected[0].embedding);
  const models = [];
  for await (const model of await client.models.list()) models.push(model.id);
  assert.deepEqual(models, ["intent", "sentiment"]);
  await assert.rejects(new OpenAI({ apiKey: "wrong", baseURL: server.url + "/v1", maxRetries: 0 }).embeddings.create({ model: "intent", input: "a" }), AuthenticationError);
  await assert.rejects(client.embeddings.create({ model: "nope", input: "a" }), (error) => error instanceof NotFoundError && error.message.includes("nope"));
  await assert.rejects(client.embeddings.create({ model: "intent", input: "a", dimensions: 100000 }), (error) => error instanceof UnprocessableEntityError && error.message.includes("dimensions"));
  console.log("openai: good");

  // LangChain's embeddings over it, which cut long lists into requests of their own.
  const { OpenAIEmbeddings } = await load("@langchain/openai");
  const chain = new OpenAIEmbeddings({ apiKey: "none", model: "intent", batchSize: 2, maxRetries: 0, configuration: { baseURL: flat.url + "/v1" } });
  (await chain.embedDocuments(texts)).forEach((embedding, i) => same(embedding, expected[i].embedding));
  same(await chain.embedQuery(texts[1]), expected[1].embedding);
  console.log("@langchain/openai: good");

  // Hugging Face's client for inference endpoints, which are TEI's: POST / with {"inputs"}.
  const { InferenceClient } = await load("@huggingface/inference");
  const endpoint = new InferenceClient(undefined, { endpointUrl: flat.url });
  const features = await endpoint.featureExtraction({ inputs: texts });
  features.forEach((embedding, i) => same(embedding, expected[i].embedding));
  // It reads answers as those of a batch, which TEI gives to lists of lists.
  const classified = await new InferenceClient(undefined, { endpointUrl: labels.url }).textClassification({ inputs: [["A warm, funny film."]] });
  assert.equal(classified[0].label, "POSITIVE");
  assert.ok(classified[0].score > classified[1].score);
  console.log("@huggingface/inference: good");
} finally {
  await Promise.all([server.stop(), flat.stop(), labels.stop()]);
}
