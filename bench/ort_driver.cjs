// ONNX Runtime's side of the comparison: a process that is told on standard input, one JSON object per line, what to load and run, and
// answers each with one line on standard output. model_driver.cpp speaks the same protocol for berth; driver.py is the other end.
//
//   {"cmd":"load","model":"graph.onnx","threads":2,"lanes":1}  ->  {"ok":true,"session":0,"load_ms":...,"version":...}
//   {"cmd":"prepare","session":0,"hidden":384,"groups":[{"ids":[...],"mask":[...],"shape":[rows,length]},...]}  ->  {"ok":true,"plan":0}
//     ("type_ids" beside "ids" where they are not all 0)
//   {"cmd":"run","plan":0,"seconds":0.4,"min_iterations":2}  ->  {"ok":true,"ns":[...]}, one time per pass over all groups
//   {"cmd":"states","plan":0}  ->  {"ok":true,"groups":["base64 of float32 [rows, length, hidden]",...]}
//   {"cmd":"unload"}  ->  {"ok":true}; forgets all sessions and plans
//
// A session of several lanes is one ONNX Runtime session per lane, each with its own threads: the groups are shared out between them, each
// lane taking the next one as soon as it is free.
"use strict";
const { once } = require("node:events");
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");

const modules = isMainThread ? process.env.BERTH_BENCH_NODE_MODULES : workerData.modules;
const ort = require(path.join(modules, "onnxruntime-node"));
const version = require(path.join(modules, "onnxruntime-node", "package.json")).version;

// The words of the memory that a session's lanes share, and the values of the first that are no number of a pass.
const kGeneration = 0; // the main thread starts a pass by setting it to the pass's number, counted from 1
const kNextGroup = 1; // the first group nobody has taken
const kFinished = 2; // helpers done with this pass
const kIdle = 0;
const kStop = -1; // ends the slice

// One ONNX Runtime session and its plans: prepared inputs and outputs.
class Lane {
  constructor() {
    this.plans = new Map();
  }

  async load({ model, threads, options }) {
    this.session = await ort.InferenceSession.create(model, {
      executionProviders: ["cpu"],
      graphOptimizationLevel: "all",
      executionMode: "sequential",
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      enableCpuMemArena: true,
      enableMemPattern: true,
      logSeverityLevel: 3,
      // berth treats denormals as zero as well.
      extra: { session: { set_denormal_as_zero: "1", ...options } },
    });
  }

  prepare({ plan, groups, hidden }) {
    const names = this.session.inputNames;
    this.plans.set(plan, groups.map(({ ids, type_ids, mask, shape }) => {
      const feeds = { input_ids: new ort.Tensor("int32", Int32Array.from(ids), shape) };
      if (names.includes("token_type_ids")) feeds.token_type_ids = new ort.Tensor("int32", Int32Array.from(type_ids ?? ids.map(() => 0)), shape);
      if (names.includes("attention_mask")) feeds.attention_mask = new ort.Tensor("int32", Int32Array.from(mask), shape);
      // The output's memory is given, so that no pass allocates it.
      const values = new Float32Array(ids.length * hidden);
      return { feeds, values, fetches: { last_hidden_state: new ort.Tensor("float32", values, [...shape, hidden]) } };
    }));
  }

  // Writes the group's last hidden state into its `values`.
  async runGroup({ feeds, fetches }) {
    await this.session.run(feeds, fetches);
  }

  // Runs the groups that no other lane takes.
  async pass(plan, shared) {
    const groups = this.plans.get(plan);
    for (;;) {
      const index = Atomics.add(shared, kNextGroup, 1);
      if (index >= groups.length) return;
      await this.runGroup(groups[index]);
    }
  }

  async release() {
    await this.session?.release();
  }
}

async function helperMain() {
  const lane = new Lane();
  const shared = new Int32Array(workerData.shared);
  parentPort.on("message", async (command) => {
    try {
      if (command.cmd === "load") await lane.load(command);
      if (command.cmd === "prepare") lane.prepare(command);
      if (command.cmd === "unload") await lane.release();
      parentPort.postMessage("done"); // for "run": ready for the passes of this slice
      if (command.cmd === "unload") parentPort.close();
      if (command.cmd !== "run") return;
      for (let seen = kIdle; ; ) {
        Atomics.wait(shared, kGeneration, seen);
        seen = Atomics.load(shared, kGeneration);
        if (seen === kStop) break;
        await lane.pass(command.plan, shared);
        Atomics.add(shared, kFinished, 1);
        Atomics.notify(shared, kFinished);
      }
      Atomics.add(shared, kFinished, 1); // has seen the stop: the generation may be reset
      Atomics.notify(shared, kFinished);
    } catch (error) {
      // The main thread may be asleep waiting for this lane: nothing is left to do but to end the process with a message.
      fs.writeSync(2, `ort_driver: ${error.stack}\n`);
      process.exit(1);
    }
  });
}

// One or more lanes; the first belongs to the main thread, which also keeps the time.
class Session {
  async load(command) {
    this.shared = new Int32Array(new SharedArrayBuffer(12));
    this.lane = new Lane();
    this.helpers = [];
    for (let i = 1; i < command.lanes; ++i)
      this.helpers.push(new Worker(__filename, { workerData: { modules, shared: this.shared.buffer } }));
    await this.lane.load(command);
    await this.tellHelpers(command);
  }

  async tellHelpers(command) {
    await Promise.all(this.helpers.map((helper) => {
      helper.postMessage(command);
      return once(helper, "message"); // rejects on the helper's "error"
    }));
  }

  async prepare(command) {
    this.lane.prepare(command);
    await this.tellHelpers(command);
  }

  start(generation) {
    Atomics.store(this.shared, kNextGroup, 0);
    Atomics.store(this.shared, kFinished, 0);
    Atomics.store(this.shared, kGeneration, generation);
    Atomics.notify(this.shared, kGeneration);
  }

  finish() {
    for (let finished; (finished = Atomics.load(this.shared, kFinished)) < this.helpers.length; )
      Atomics.wait(this.shared, kFinished, finished);
  }

  // Nanoseconds of every pass over the plan's groups, for about that many seconds.
  async run({ plan, seconds, min_iterations }) {
    Atomics.store(this.shared, kGeneration, kIdle);
    await this.tellHelpers({ cmd: "run", plan });
    const ns = [];
    const started = process.hrtime.bigint();
    for (let before = started; ns.length < min_iterations || Number(before - started) < seconds * 1e9; ) {
      this.start(ns.length + 1);
      await this.lane.pass(plan, this.shared);
      this.finish();
      const now = process.hrtime.bigint();
      ns.push(Number(now - before));
      before = now;
    }
    this.start(kStop);
    this.finish();
    return ns;
  }

  async states(plan) {
    const result = [];
    for (const group of this.lane.plans.get(plan)) {
      group.values.fill(NaN); // what is not written shows
      await this.lane.runGroup(group);
      result.push(Buffer.from(group.values.buffer).toString("base64"));
    }
    return result;
  }

  async release() {
    await this.lane.release();
    await this.tellHelpers({ cmd: "unload" });
  }
}

class Driver {
  sessions = [];
  plans = []; // the session of each

  async load(command) {
    const started = process.hrtime.bigint();
    const session = new Session();
    await session.load({ lanes: 1, options: {}, ...command });
    this.sessions.push(session);
    return { session: this.sessions.length - 1, load_ms: Number(process.hrtime.bigint() - started) / 1e6, version };
  }

  async prepare(command) {
    const plan = this.plans.length;
    await this.sessions[command.session].prepare({ ...command, plan });
    this.plans.push(this.sessions[command.session]);
    return { plan };
  }

  async run(command) {
    return { ns: await this.plans[command.plan].run(command) };
  }

  async states({ plan }) {
    return { groups: await this.plans[plan].states(plan) };
  }

  async unload() {
    for (const session of this.sessions) await session.release();
    this.sessions = [];
    this.plans = [];
    return {};
  }
}

async function main() {
  const driver = new Driver();
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    let reply;
    try {
      const command = JSON.parse(line);
      if (!["load", "prepare", "run", "states", "unload"].includes(command.cmd)) throw new Error(`unknown command ${command.cmd}`);
      reply = { ok: true, ...(await driver[command.cmd](command)) };
    } catch (error) {
      reply = { ok: false, error: String(error) };
    }
    process.stdout.write(JSON.stringify(reply) + "\n");
  }
  await driver.unload();
}

if (isMainThread) main();
else helperMain();
