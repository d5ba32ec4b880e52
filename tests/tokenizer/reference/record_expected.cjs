// Records what the reference library gives, as fingerprints, into tests/tokenizer/expected/. See README.md.
// Usage: node record_expected.cjs SHARED_FOLDER [--hostile] [NAME...]   (all parts, or only those named; --hostile: what the slow test compares)
'use strict'
const fs = require('fs')
const path = require('path')
const { referenceLibrary, isSurrogate, wordPieceJson, addedToken } = require('./common.cjs')
const { Fingerprint, Random } = require('./fingerprint.cjs')
const { hostileText } = require('./hostile.cjs')
const { sentencepieceJson } = require('./sentencepiece.cjs')
const lib = referenceLibrary()

const shared = process.argv[2]
const hostileOnly = process.argv[3] === '--hostile'
const only = process.argv.slice(hostileOnly ? 4 : 3)
const here = __dirname
const expected = path.join(here, '..', 'expected')
const own = path.join(here, '..', 'data')

const sharedFiles = {
  'bert-base-uncased': 'data/tokenizers/bert-base-uncased/tokenizer.json',
  'bert-base-multilingual-cased': 'data/tokenizers/bert-base-multilingual-cased/tokenizer.json',
  'bert-base-chinese': 'data/tokenizers/bert-base-chinese/tokenizer.json',
  'bge-small-en': 'data/tokenizers/bge-small-en/tokenizer.json',
  'bert-base-cased': 'data/tokenizers/bert-base-cased/tokenizer.json',
  'distilbert-base-uncased': 'data/tokenizers/distilbert-base-uncased/tokenizer.json',
  'all-mpnet-base-v2': 'data/tokenizers/all-mpnet-base-v2/tokenizer.json',
  'all-MiniLM-L6-v2': 'data/tokenizers/all-MiniLM-L6-v2/tokenizer.json',
  'koelectra-small': 'data/tokenizers/koelectra-small',
  'edge-added-token-order': 'data/tokenizers/edge-wordpiece/added-token-order.json',
  'edge-dont-strip-accents': 'data/tokenizers/edge-wordpiece/dont-strip-accents.json',
  'edge-minimal': 'data/tokenizers/edge-wordpiece/minimal.json',
  'edge-with-empty-token': 'data/tokenizers/edge-wordpiece/with-empty-token.json',
  'edge-dont-clean-text': 'data/tokenizers/edge-wordpiece/invalid/dont-clean-text.json',
  'edge-dont-handle-chinese-chars': 'data/tokenizers/edge-wordpiece/invalid/dont-handle-chinese-chars.json',
  'edge-missing-sep-in-vocab': 'data/tokenizers/edge-wordpiece/invalid/missing-sep-in-vocab.json',
  'edge-with-single-word-added-token': 'data/tokenizers/edge-wordpiece/invalid/with-single-word-added-token.json',
  'roberta-base': 'data/tokenizers/roberta-base/tokenizer.json',
  'ModernBERT-base': 'data/tokenizers/ModernBERT-base/tokenizer.json',
  't5-small': 'data/tokenizers/t5-small/tokenizer.json',
  'albert-base-v2': 'data/tokenizers/albert-base-v2/tokenizer.json',
  'barthez': 'data/tokenizers/barthez/tokenizer.json',
  // Folders without a tokenizer.json, or read without it: the folder, the tokenizer class, and its files under the names they are looked for by.
  'gpt2': 'data/tokenizers/gpt2 class=GPT2Tokenizer vocab.json=vocab.json merges.txt=merges.txt',
  'roberta-base-files': 'data/tokenizers/roberta-base class=RobertaTokenizer vocab.json=vocab.json merges.txt=merges.txt',
  't5-base': 'data/tokenizers/t5-base class=T5Tokenizer t5_tokenizer_base.model=spiece.model',
  'albert-base-v2-files': 'data/tokenizers/albert-base-v2 class=AlbertTokenizer spiece.model=spiece.model',
  'albert-as-deberta': 'data/tokenizers/albert-base-v2 class=DebertaV2Tokenizer spiece.model=spm.model',
  'albert-as-rembert': 'data/tokenizers/albert-base-v2 class=RemBertTokenizer spiece.model=tokenizer.model',
  'barthez-files': 'data/tokenizers/barthez class=BarthezTokenizer sentencepiece.bpe.model=sentencepiece.bpe.model',
  'sentencepiece-xlm-roberta': 'data/tokenizers/sentencepiece-small class=XLMRobertaTokenizer test_model.model=sentencepiece.bpe.model',
  'sentencepiece-camembert': 'data/tokenizers/sentencepiece-small class=CamembertTokenizer test_ja_model.model=sentencepiece.bpe.model',
  'sentencepiece-t5': 'data/tokenizers/sentencepiece-small class=T5Tokenizer test_ja_model.model=spiece.model',
  'weights-intent': 'weights/intent/tokenizer.json',
  'weights-sentiment': 'weights/sentiment/tokenizer.json',
  'weights-emotion': 'weights/emotion/tokenizer.json',
}

// Every tokenizer reads every line. The sweep over code points and the pairs are slower to record and depend on less, so some suffice.
const sweeps = { 'weights-intent': 'all', 'bert-base-uncased': 'assigned', 'bert-base-multilingual-cased': 'assigned' }
const pairs = ['weights-intent', 'bert-base-uncased', 'all-mpnet-base-v2', 'edge-added-token-order']

// vocab.txt as Python reads it in text mode, and the tokenizer the converter of transformers would build for class BERT.
function bertFromVocab(folder, options) {
  const lines = fs.readFileSync(path.join(shared, folder, 'vocab.txt'), 'utf8').replace(/\r\n?/g, '\n').split('\n')
  if (lines[lines.length - 1] === '') lines.pop()
  const vocab = {}
  lines.forEach((line, id) => { vocab[line] = id })
  const json = wordPieceJson({
    vocab,
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: options.lowercase },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', vocab['[SEP]']], cls: ['[CLS]', vocab['[CLS]']] },
    added_tokens: ['[UNK]', '[SEP]', '[PAD]', '[CLS]', '[MASK]'].map((t) => addedToken(t, { id: vocab[t], special: true })),
  })
  return JSON.stringify(json)
}

// vocab.json and merges.txt, as transformers' converters for GPT-2 and RoBERTa read them.
function byteLevelFromFiles(folder, className) {
  const vocab = JSON.parse(fs.readFileSync(path.join(folder, 'vocab.json'), 'utf8'))
  const lines = fs.readFileSync(path.join(folder, 'merges.txt'), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#version'))
  const special = (text, flags = {}) => addedToken(text, Object.assign({ id: vocab[text], special: true }, flags))
  const roberta = className === 'RobertaTokenizer'
  const json = wordPieceJson({
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: roberta ? { type: 'RobertaProcessing', sep: ['</s>', vocab['</s>']], cls: ['<s>', vocab['<s>']], trim_offsets: true, add_prefix_space: false } : null,
    added_tokens: roberta ? [...['<s>', '</s>', '<unk>', '<pad>'].map((t) => special(t)), special('<mask>', { lstrip: true })] : [special('<|endoftext|>')],
  })
  json.model = { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '', fuse_unk: false, byte_fallback: false, vocab,
    merges: lines.map((line) => line.split(' ')) }
  return JSON.stringify(json)
}

function tokenizerText(file) {
  const [place, ...options] = file.split(' ')
  if (place.endsWith('.json')) return fs.readFileSync(place, 'utf8')
  if (options.length === 0) return bertFromVocab(path.relative(shared, place), { lowercase: false })
  const className = options[0].slice('class='.length)
  const source = options[1].split('=')[0]
  if (source === 'vocab.json') return byteLevelFromFiles(place, className)
  return sentencepieceJson(fs.readFileSync(path.join(place, source)), className)
}

function load(file) {
  const found = tokenizerText(file)
  const { json: text, scores } = typeof found === 'string' ? { json: found, scores: '' } : found
  const build = (changes) => {
    const changed = JSON.stringify(Object.assign(JSON.parse(text), { truncation: null, padding: null }, changes))
    return lib.Tokenizer.fromString(changed.replace('"@scores@"', () => scores))
  }
  const typeOne = { type: 'TemplateProcessing', single: [{ Sequence: { id: 'A', type_id: 1 } }], pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: {} }
  return { full: build({}), first: build({ post_processor: null }), second: build({ post_processor: typeOne }) }
}

function corpusFiles() {
  const root = path.join(shared, 'data/text')
  const names = fs.readdirSync(root).filter((name) => name !== 'udhr').concat(fs.readdirSync(path.join(root, 'udhr')).map((name) => 'udhr/' + name))
  return names.sort().map((name) => ({ name, lines: fs.readFileSync(path.join(root, name), 'utf8').split('\n') }))
}

// One row: what, name, number of units, fingerprint of all, one character per unit.
class Row {
  constructor(kind, name) {
    Object.assign(this, { kind, name, all: new Fingerprint(), short: [] })
  }
  add(fingerprint) {
    this.all.merge(fingerprint)
    this.short.push(fingerprint.short())
  }
  text() { return [this.kind, this.name, this.short.length, this.all.hex(), this.short.join('')].join(' ') }
}

function fingerprintOf(encoding, sequences = true) {
  const fingerprint = new Fingerprint(sequences)
  fingerprint.addEncoding(encoding)
  return fingerprint
}

async function recordLines(tokenizer, corpus) {
  const row = new Row('lines', corpus.name)
  const encodings = await tokenizer.full.encodeBatch(corpus.lines)
  for (const encoding of encodings) row.add(fingerprintOf(encoding))
  return row.text()
}

// Settings for pair number i; the same rule is in tokenizer_differential_test.cpp. The reference aborts on a stride that leaves no room and
// fails when the one text cannot give way, so those settings fall back.
function pairSettings(i, first, second, added) {
  const maxLength = added + 6 + (i * 7) % 29
  const room = maxLength - added
  const stride = i % 3
  let strategy = ['LongestFirst', 'OnlyFirst', 'OnlySecond'][(i >> 1) % 3]
  if (strategy === 'OnlyFirst' && second + stride >= room) strategy = 'LongestFirst'
  if (strategy === 'OnlySecond' && first + stride >= room) strategy = 'LongestFirst'
  return { maxLength, stride, strategy, direction: i % 2 === 0 ? 'right' : 'left' }
}

// Truncation cuts the encodings of the whole texts, as in every version. (Since 0.23 encode() itself stops early when it is going to
// truncate, so that most of the overflow is missing; postProcess() on complete encodings is not affected.)
function encodePair(tokenizer, i, encodings, added) {
  const special = i % 5 !== 4
  const s = pairSettings(i, encodings[0].getLength(), encodings[1].getLength(), special ? added : 0)
  tokenizer.full.setTruncation(s.maxLength, { strategy: s.strategy, stride: s.stride, direction: s.direction })
  const result = tokenizer.full.postProcess(encodings[0], encodings[1], special)
  tokenizer.full.disableTruncation()
  return result
}

// The two texts without post-processing (they lose their sequence ids, which is why those are left out of the fingerprints of pairs); the second one has type 1, as it has inside encode().
async function rawPair(tokenizer, text, pair) {
  return [await tokenizer.first.encode(text), await tokenizer.second.encode(pair)]
}

async function recordPairs(tokenizer, corpus) {
  const row = new Row('pairs', corpus.name)
  const added = (await tokenizer.full.encode('', '')).getLength()
  for (let i = 0; i + 1 < corpus.lines.length; ++i) {
    const [text, pair] = [corpus.lines[i].slice(0, 2000), corpus.lines[i + 1].slice(0, 2000)].map((t) => t.replace(/[\ud800-\udbff]$/, ''))
    row.add(fingerprintOf(encodePair(tokenizer, i, await rawPair(tokenizer, text, pair), added), false))
  }
  return row.text()
}

// Every code point alone and between letters; a unit is 256 code points. The name says which: all, or only planes 0 to 3 and the tags, which is
// where characters are assigned.
async function recordSweep(tokenizer, name) {
  const row = new Row('sweep', name)
  for (let page = 0; page < 0x1100; ++page) {
    if (name === 'assigned' && page >= 0x340 && !(page >= 0xe00 && page < 0xe02)) continue
    const texts = []
    for (let c = page * 256; c < page * 256 + 256; ++c) {
      if (isSurrogate(c)) continue
      const text = String.fromCodePoint(c)
      texts.push(text, 'a' + text + 'b')
    }
    const fingerprint = new Fingerprint()
    for (const encoding of texts.length > 0 ? await tokenizer.full.encodeBatch(texts) : []) fingerprint.addEncoding(encoding)
    row.add(fingerprint)
  }
  return row.text()
}

// Random strings over a small alphabet.
async function recordRandom(tokenizer, alphabet) {
  const row = new Row('random', alphabet.name)
  const random = new Random(20240229)
  for (let unit = 0; unit < 400; ++unit) {
    const texts = []
    for (let i = 0; i < 10; ++i) {
      const parts = []
      for (let length = random.below(14); length > 0; --length) parts.push(alphabet.parts[random.below(alphabet.parts.length)])
      texts.push(parts.join(''))
    }
    const fingerprint = new Fingerprint()
    for (const encoding of await tokenizer.full.encodeBatch(texts)) fingerprint.addEncoding(encoding)
    row.add(fingerprint)
  }
  return row.text()
}

// Texts nobody would write.
async function recordHostile(tokenizer) {
  const row = new Row('hostile', 'hostile-text')
  const random = new Random(20261121)
  for (let unit = 0; unit < 1000; ++unit) {
    const fingerprint = new Fingerprint()
    const texts = Array.from({ length: 200 }, () => hostileText(random))
    for (const encoding of await tokenizer.full.encodeBatch(texts)) fingerprint.addEncoding(encoding)
    row.add(fingerprint)
  }
  return row.text()
}

// Random pairs with truncation.
async function recordRandomPairs(tokenizer, alphabet) {
  const row = new Row('random_pairs', alphabet.name)
  const random = new Random(19991231)
  const added = (await tokenizer.full.encode('', '')).getLength()
  const draw = () => {
    const parts = []
    for (let length = random.below(40); length > 0; --length) parts.push(alphabet.parts[random.below(alphabet.parts.length)])
    return parts.join('')
  }
  for (let i = 0; i < 600; ++i) row.add(fingerprintOf(encodePair(tokenizer, i, await rawPair(tokenizer, draw(), draw()), added), false))
  return row.text()
}

function recordNormalizers() {
  const rows = []
  for (let bits = 0; bits < 24; ++bits) {
    const accents = [undefined, true, false][bits >> 3]
    const normalizer = lib.bertNormalizer({ cleanText: (bits & 1) !== 0, handleChineseChars: (bits & 2) !== 0, lowercase: (bits & 4) !== 0, stripAccents: accents })
    const row = new Row('normalizer', 'bert-' + bits)
    for (let page = 0; page < 0x1100; ++page) {
      const fingerprint = new Fingerprint()
      for (let c = page * 256; c < page * 256 + 256; ++c) {
        if (!isSurrogate(c)) fingerprint.addText(normalizer.normalizeString('A' + String.fromCodePoint(c) + 'b'))
      }
      row.add(fingerprint)
    }
    rows.push(row.text())
  }
  const preTokenizer = lib.bertPreTokenizer()
  const row = new Row('pre_tokenizer', 'bert')
  for (let page = 0; page < 0x1100; ++page) {
    const fingerprint = new Fingerprint()
    for (let c = page * 256; c < page * 256 + 256; ++c) {
      if (isSurrogate(c)) continue
      const words = preTokenizer.preTokenizeString('A' + String.fromCodePoint(c) + 'b')
      for (const [word] of words) fingerprint.addText(word)
      fingerprint.add(words.length)
    }
    row.add(fingerprint)
  }
  rows.push(row.text())
  return rows
}

function write(name, rows, folder = expected) {
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, name + '.txt'), rows.join('\n') + '\n')
  console.log(name, rows.length)
}

async function main() {
  const wanted = (name) => only.length === 0 || only.includes(name)
  if (wanted('stages') && !hostileOnly) write('stages', recordNormalizers())
  const corpora = corpusFiles()
  for (const [name, file] of Object.entries(sharedFiles)) {
    if (!wanted(name)) continue
    const tokenizer = load(path.join(shared, file))
    if (hostileOnly) {
      write(name, ['tokenizer ' + file, await recordHostile(tokenizer)], path.join(expected, 'hostile'))
      continue
    }
    const rows = ['tokenizer ' + file]
    for (const corpus of corpora) rows.push(await recordLines(tokenizer, corpus))
    if (pairs.includes(name)) {
      for (const corpus of corpora.filter((c) => /^(udhr\/[a-c]|blns.txt)/.test(c.name))) rows.push(await recordPairs(tokenizer, corpus))
    }
    if (sweeps[name]) rows.push(await recordSweep(tokenizer, sweeps[name]))
    write(name, rows)
  }
  if (hostileOnly) return
  for (const name of fs.readdirSync(own).filter((n) => n.endsWith('.json')).sort()) {
    const part = 'own-' + path.basename(name, '.json')
    if (!wanted(part)) continue
    const tokenizer = load(path.join(own, name))
    const alphabet = JSON.parse(fs.readFileSync(path.join(own, path.basename(name, '.json') + '.alphabet'), 'utf8'))
    const drawn = { name: path.basename(name, '.json') + '.alphabet', parts: alphabet }
    write(part, ['tokenizer own/' + name, await recordRandom(tokenizer, drawn), await recordRandomPairs(tokenizer, drawn)])
  }
}
main()
