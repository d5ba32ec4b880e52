// Tokenizing speed beside Hugging Face `tokenizers` on one thread, in turn. See README.md.
// Usage: node tokenizers.cjs --driver BUILD/bench/tokenizer_driver --shared FOLDER [--rounds 5] [--slice 400] [NAME...]
// The npm package `tokenizers` is found through TOKENIZERS_PACKAGE (its folder) or in build/bench-data.
'use strict'
process.env.RAYON_NUM_THREADS = '1'
process.env.TOKENIZERS_PARALLELISM = 'false'
const fs = require('fs')
const os = require('os')
const path = require('path')
const readline = require('readline')
const { spawn } = require('child_process')
const { performance } = require('perf_hooks')

const lib = require(process.env.TOKENIZERS_PACKAGE ? path.resolve(process.env.TOKENIZERS_PACKAGE) : path.join(__dirname, '..', 'build', 'bench-data', 'node_modules', 'tokenizers'))
const options = { rounds: '5', slice: '400' }
const names = []
for (let i = 2; i < process.argv.length; ++i) {
  if (process.argv[i].startsWith('--')) options[process.argv[i].slice(2)] = process.argv[++i]
  else names.push(process.argv[i])
}
const tokenizers = names.length > 0 ? names : ['bert-base-uncased', 'bert-base-multilingual-cased', 'roberta-base', 'ModernBERT-base', 't5-small', 'albert-base-v2', 'barthez']

// English prose, declarations of human rights in many languages, Japanese prose, source code.
function texts() {
  const root = path.join(options.shared, 'data', 'text')
  const udhr = fs.readdirSync(path.join(root, 'udhr')).sort().map((name) => fs.readFileSync(path.join(root, 'udhr', name), 'utf8')).join('\n')
  const read = (name) => fs.readFileSync(path.join(root, name), 'utf8')
  return { english: read('frankenstein.txt'), languages: udhr, japanese: read('wagahaiwa_nekodearu_part.txt'), code: read('code_sample.txt') }
}

class Berth {
  constructor(directory, file) {
    this.process = spawn(options.driver, [directory, file], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.lines = readline.createInterface({ input: this.process.stdout })[Symbol.asyncIterator]()
  }
  async next() {
    const { value, done } = await this.lines.next()
    if (done) throw new Error('the driver ended')
    return value.split(' ').map(Number)
  }
  async run(slice) {
    this.process.stdin.write(slice + '\n')
    const [ms, tokens, sum] = await this.next()
    return { ms, tokens, sum }
  }
  end() { this.process.stdin.end() }
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]

async function runReference(tokenizer, lines, slice) {
  const passes = []
  let encodings
  for (const begin = performance.now(); passes.length === 0 || performance.now() - begin < slice;) {
    encodings = null
    const pass = performance.now()
    encodings = await tokenizer.encodeBatch(lines)
    passes.push(performance.now() - pass)
  }
  let tokens = 0
  let sum = 0
  for (const encoding of encodings) for (const id of encoding.getIds()) { tokens++; sum += id }
  return { ms: median(passes), tokens, sum }
}

// What the binding itself takes: the same lines through a tokenizer that makes one token of a line. (Its own work is counted as the binding's, too.)
function emptyTokenizer() {
  return lib.Tokenizer.fromString(JSON.stringify({ version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null,
    decoder: null, model: { type: 'WordLevel', vocab: { '[UNK]': 0 }, unk_token: '[UNK]' } }))
}

function loadReference(directory) {
  const json = JSON.parse(fs.readFileSync(path.join(directory, 'tokenizer.json'), 'utf8'))
  return lib.Tokenizer.fromString(JSON.stringify(Object.assign(json, { truncation: null, padding: null })))
}

async function compare(name, textName, text, folder) {
  const directory = fs.existsSync(name) ? name : path.join(options.shared, 'data', 'tokenizers', name)
  const file = path.join(folder, textName + '.txt')
  const lines = text.split('\n')
  if (lines[lines.length - 1] === '') lines.pop()
  fs.writeFileSync(file, lines.join('\n') + '\n')
  const berth = new Berth(directory, file)
  await berth.next()
  const reference = loadReference(directory)
  const empty = emptyTokenizer()
  const rounds = []
  for (let i = 0; i <= Number(options.rounds); ++i) {
    const theirs = await runReference(reference, lines, Number(options.slice))
    const ours = await berth.run(options.slice)
    const binding = await runReference(empty, lines, Number(options.slice) / 4)
    if (theirs.tokens !== ours.tokens || theirs.sum !== ours.sum) throw new Error(`${name} on ${textName}: the tokens differ`)
    if (i > 0) rounds.push({ theirs: theirs.ms, ours: ours.ms, binding: binding.ms, tokens: ours.tokens })
  }
  berth.end()
  const of = (f) => median(rounds.map(f))
  const bytes = Buffer.byteLength(lines.join('\n')) + 1
  const ratio = of((r) => (r.theirs - r.binding) / r.ours)
  const cells = [path.basename(name), textName, (bytes / 1e6).toFixed(2), of((r) => r.theirs).toFixed(1), of((r) => r.binding).toFixed(1), of((r) => r.ours).toFixed(2),
    (bytes / 1e3 / of((r) => r.ours)).toFixed(0), of((r) => r.theirs / r.ours).toFixed(1), ratio.toFixed(1)]
  console.log('| ' + cells.join(' | ') + ' |')
}

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-bench-'))
  console.log('| tokenizer | text | MB | tokenizers, ms | of it the binding | berth, ms | berth, MB/s | ratio | ratio without the binding |')
  console.log('|---|---|---|---|---|---|---|---|---|')
  for (const name of tokenizers) for (const [textName, text] of Object.entries(texts())) await compare(name, textName, text, folder)
  fs.rmSync(folder, { recursive: true })
}
main().catch((error) => { console.error(error.message); process.exit(1) })
