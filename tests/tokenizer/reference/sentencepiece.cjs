// A sentencepiece model file as a tokenizer.json: what the converters of transformers make of it for a tokenizer class. Written apart from
// tokenizer/sentencepiece*.cpp, so that the two check each other.
'use strict'
const { addedToken } = require('./common.cjs')

// [[field, wire type, value]...] of one message.
function message(buffer) {
  const fields = []
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = buffer[at++]
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return Number(value)
    }
  }
  while (at < buffer.length) {
    const tag = varint()
    const wire = tag & 7
    const value = wire === 0 ? varint() : null
    const size = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0
    fields.push([tag >>> 3, wire, wire === 0 ? value : buffer.subarray(at, at + size)])
    at += size
  }
  return fields
}

function last(fields, number, otherwise) {
  const found = fields.filter((f) => f[0] === number)
  return found.length > 0 ? found[found.length - 1][2] : otherwise
}

function readModel(buffer) {
  const fields = message(buffer)
  const pieces = fields.filter((f) => f[0] === 1).map((f) => {
    const piece = message(f[2])
    const score = last(piece, 2, null)
    return { text: last(piece, 1, Buffer.alloc(0)).toString('utf8'), score: score === null ? 0 : score.readFloatLE(0), type: last(piece, 3, 1) }
  })
  const trainer = message(last(fields, 2, Buffer.alloc(0)))
  const normalizer = message(last(fields, 3, Buffer.alloc(0)))
  return { pieces, type: last(trainer, 3, 1), unkId: last(trainer, 40, 0), unkPiece: last(trainer, 45, Buffer.from('<unk>')).toString('utf8'),
    charsmap: last(normalizer, 2, Buffer.alloc(0)).toString('base64') }
}

const replace = (pattern, content) => ({ type: 'Replace', pattern, content })
const spaces = (content) => replace({ Regex: ' {2,}' }, content)
const zero = (...texts) => texts.map((text) => [text, 0])
const plainPieces = (m, from = 0) => m.pieces.slice(from).map((p) => [p.text, p.score])
const precompiled = (m) => (m.charsmap ? [{ type: 'Precompiled', precompiled_charsmap: m.charsmap }] : [])
const quotes = [replace({ String: '``' }, '"'), replace({ String: "''" }, '"')]
const accents = [{ type: 'NFKD' }, { type: 'StripAccents' }]
const plainNormalizer = (m) => [...precompiled(m), { type: 'Strip', strip_left: false, strip_right: true }, spaces('▁')]
const special = (text, lstrip = false) => addedToken(text, { special: true, lstrip })
const sTokens = [special('<s>'), special('</s>'), special('<unk>'), special('<pad>'), special('<mask>', true)]
const clsTokens = (unk, pad, lstrip) => [special('[CLS]'), special('[SEP]'), special(unk), special(pad), special('[MASK]', lstrip)]

const classes = {
  XLMRobertaTokenizer: { vocab: (m) => [...zero('<s>', '<pad>', '</s>', '<unk>'), ...plainPieces(m, 3), ['<mask>', 0]], unk: 3, tokens: sTokens, template: 's' },
  CamembertTokenizer: {
    vocab: (m) => [...zero('<s>NOTUSED', '<pad>', '</s>NOTUSED', '<unk>'), ['<unk>NOTUSED', -100], ...plainPieces(m, 1), ['<mask>', 0]], unk: 3,
    tokens: [...sTokens, special('<s>NOTUSED'), special('</s>NOTUSED'), special('<unk>NOTUSED')], template: 's',
  },
  BarthezTokenizer: { unk: 3, tokens: sTokens, template: 's' },
  AlbertTokenizer: {
    vocab: (m) => m.pieces.map((p) => [p.text, p.score - (/\p{Nd},$/u.test(p.text) ? 100 : 0)]),
    normalizer: (m) => [...quotes, ...accents, { type: 'Lowercase' }, ...precompiled(m), spaces(' ')], tokens: clsTokens('<unk>', '<pad>', true), template: 'bert',
  },
  DebertaV2Tokenizer: {
    normalizer: (m) => [{ type: 'Strip', strip_left: true, strip_right: true }, ...precompiled(m), spaces(' ')], tokens: clsTokens('[UNK]', '[PAD]', false), template: 'bert',
  },
  RemBertTokenizer: {
    normalizer: (m) => [...quotes, spaces(' '), ...accents, { type: 'Lowercase' }, ...precompiled(m)], tokens: clsTokens('<unk>', '<pad>', true), template: 'bert',
  },
  T5Tokenizer: {
    vocab: (m) => [...plainPieces(m), ...[...Array(100).keys()].reverse().map((i) => [`<extra_id_${i}>`, 0])],
    tokens: [special('</s>'), special('<unk>'), special('<pad>'), ...[...Array(100).keys()].map((i) => special(`<extra_id_${i}>`))], template: 't5',
  },
}

// A decimal that the reference's JSON reader (not correctly rounded, see tokenizer/model_reader.hpp) turns into just this number: in transformers the
// scores do not pass through JSON.
function decimal(value) {
  if (Number.isInteger(value)) return String(value)
  const size = Math.abs(value)
  for (let places = 18; places >= 8; --places) {
    const scaled = BigInt(size.toFixed(places).replace('.', ''))
    const grain = 1n << BigInt(Math.max(0, scaled.toString(2).length - 54))  // half of what a double tells apart
    for (let step = 0n; step <= 40n; ++step) {
      for (const digits of [scaled + step * grain, scaled - step * grain]) {
        if (digits < 2n ** 64n && Number(digits) / Number('1e' + places) === size) {
          const text = digits.toString().padStart(places + 1, '0')
          return (value < 0 ? '-' : '') + text.slice(0, -places) + '.' + text.slice(-places)
        }
      }
    }
  }
  return String(value)  // there is none for about one number in a thousand: off by the last bit
}

// Every cut of a piece into two pieces; higher scores first, then longer left parts, then longer right parts.
function merges(vocab) {
  const ids = new Map(vocab.map(([text], id) => [text, id]))
  const all = []
  for (const [text, score] of vocab) {
    const chars = [...text]
    const cuts = []
    for (let i = 1; i < chars.length; ++i) {
      const [left, right] = [chars.slice(0, i).join(''), chars.slice(i).join('')]
      if (ids.has(left) && ids.has(right)) cuts.push({ left, right, score, sizes: [i, chars.length - i] })
    }
    cuts.sort((a, b) => ids.get(a.left) - ids.get(b.left) || ids.get(a.right) - ids.get(b.right))
    all.push(...cuts)
  }
  all.sort((a, b) => b.score - a.score || b.sizes[0] - a.sizes[0] || b.sizes[1] - a.sizes[1])
  return all.map(({ left, right }) => [left, right])
}

function template(kind, idOf) {
  const text = (id, type_id) => ({ Sequence: { id, type_id } })
  const token = (id, type_id) => ({ SpecialToken: { id, type_id } })
  const known = (...names) => Object.fromEntries(names.map((name) => [name, { id: name, ids: [idOf(name)], tokens: [name] }]))
  if (kind === 't5') {
    const end = token('</s>', 0)
    return { type: 'TemplateProcessing', single: [text('A', 0), end], pair: [text('A', 0), end, text('B', 0), end], special_tokens: known('</s>') }
  }
  if (kind === 'bert') {
    const single = [token('[CLS]', 0), text('A', 0), token('[SEP]', 0)]
    return { type: 'TemplateProcessing', single, pair: [...single, text('B', 1), token('[SEP]', 1)], special_tokens: known('[CLS]', '[SEP]') }
  }
  const single = [token('<s>', 0), text('A', 0), token('</s>', 0)]
  return { type: 'TemplateProcessing', single, pair: [...single, token('</s>', 0), text('B', 0), token('</s>', 0)], special_tokens: known('<s>', '</s>') }
}

// The tokenizer.json with "@scores@" in the place of a list of scores, and that list: a number must not be parsed and printed again.
function sentencepieceJson(buffer, className) {
  const file = readModel(buffer)
  const rules = classes[className]
  const vocab = (rules.vocab || plainPieces)(file)
  const idOf = (text) => vocab.findIndex(([piece]) => piece === text)
  const unk = rules.unk === undefined ? file.unkId : rules.unk
  const bpe = () => ({ type: 'BPE', dropout: null, unk_token: file.unkPiece, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: true,
    byte_fallback: false, vocab: Object.fromEntries(vocab.map(([text], id) => [text, id])), merges: merges(vocab) })
  const own = file.pieces.filter((p) => p.type === 3 || p.type === 4).map((p) => addedToken(p.text, { special: p.type === 3 }))
  const tokens = [...own, ...rules.tokens].filter((token, i, all) => all.findIndex((t) => t.content === token.content) === i)
  const json = JSON.stringify({
    version: '1.0', truncation: null, padding: null, added_tokens: tokens.map((token) => Object.assign(token, { id: Math.max(0, idOf(token.content)) })),
    normalizer: { type: 'Sequence', normalizers: (rules.normalizer || plainNormalizer)(file) },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: template(rules.template, idOf), decoder: null,
    model: file.type === 2 ? bpe() : { type: 'Unigram', unk_id: unk, vocab: '@scores@', byte_fallback: false },
  })
  const list = vocab.map(([text, score]) => `[${JSON.stringify(text)},${decimal(score)}]`).join(',')
  return { json, scores: `[${list}]` }
}

module.exports = { sentencepieceJson }
