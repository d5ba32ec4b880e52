// Writes the small tokenizers of tests/tokenizer/data, each made to reach one corner of the semantics, and beside each the alphabet from
// which the comparison draws random texts.
'use strict'
const fs = require('fs')
const path = require('path')
const { wordPieceJson, addedToken } = require('./common.cjs')
const out = path.join(__dirname, '..', 'data')

const bert = (options = {}) => Object.assign({ type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true }, options)
const bertWords = { type: 'BertPreTokenizer' }

function vocabOf(special, pieces, prefix = '##') {
  const vocab = {}
  const add = (token) => { if (!(token in vocab)) vocab[token] = Object.keys(vocab).length }
  special.forEach(add)
  for (const piece of pieces) { add(piece); add(prefix + piece) }
  return vocab
}

function write(name, json, alphabet) {
  fs.mkdirSync(out, { recursive: true })
  fs.writeFileSync(path.join(out, name + '.json'), JSON.stringify(json, null, 1) + '\n')
  fs.writeFileSync(path.join(out, name + '.alphabet'), JSON.stringify(alphabet) + '\n')
}

const letters = [...'abcdefghijklmnopqrstuvwxyz']

// Combining marks: canonical order, decomposition, marks that survive the stripping of accents (category Mc), Hangul, ideographs.
{
  const alphabet = ['e', 'A', 'é', 'İ', 'Å', 'K', 'Σ', 'ᾧ', '각', '한', '中', '﨎', '豈', ' ', ' ', '\u00a0', '\u3000', '!', '\u0000', '\ufffd', '\u200d', '\u00ad',
    '\u0301', '\u0316', '\u0327', '\u0344', '\u0345', '\u0334', '\u{1d165}', '\u{1d16d}', '\u302e', '\u0f71', '\u0f73', '\u0f75', '\u{1d15e}', '\u{1d1c0}',
    '\u0958', '\u093c', '\u094d', '\u0cca', '\u{110ab}', '\u{11938}', '\u0c3c', '\u{16ff0}', '\t', '\n', '\r', '\u000b', '\u0085', '\u2028']
  const pieces = new Set(letters)
  for (const part of alphabet) for (const form of [part, part.toLowerCase(), part.normalize('NFD'), part.normalize('NFD').toLowerCase()]) for (const c of form) if (c.trim() && c !== '\0') pieces.add(c)
  const vocab = vocabOf(['[UNK]'], pieces)
  write('marks', wordPieceJson({ vocab, normalizer: bert(), pre_tokenizer: bertWords }), alphabet)
  write('marks-kept', wordPieceJson({ vocab, normalizer: bert({ strip_accents: false }), pre_tokenizer: bertWords }), alphabet)
  write('marks-cased', wordPieceJson({ vocab, normalizer: bert({ strip_accents: true, lowercase: false, clean_text: false, handle_chinese_chars: false }), pre_tokenizer: bertWords }), alphabet)
  write('no-stages', wordPieceJson({ vocab }), alphabet)
}

// Added tokens: every flag, tokens within tokens, equal normalized forms, neighbours that are and are not word characters.
{
  const alphabet = ['[M]', '[L]', '[R]', '[W]', '<n>', 'Yes', 'yes', 'YÉZ', 'yez', 'ab', 'abc', 'b', 'word', '[', ']', 'm', ' ', ' ', '  ', '\u00a0', '\t', 'é', 'x', '_', '1', '.', '中', '\u0301', '\u200d',
    '٣', 'ª', '②', 'Ⓐ', '<n', '>', ' [S]', '[Z] ', '[B]', '\n', '\u0000']
  const tokens = [
    addedToken('[M]', { special: true }), addedToken('[L]', { special: true, lstrip: true }), addedToken('[R]', { special: true, rstrip: true }),
    addedToken('[W]', { special: true, single_word: true }), addedToken('[B]', { special: true, lstrip: true, rstrip: true }),
    addedToken('<n>', { normalized: false }), addedToken('Yes', { normalized: true }), addedToken('yéz', { normalized: true, lstrip: true }),
    addedToken('ab', { normalized: true }), addedToken('abc', { normalized: true, single_word: true }), addedToken('word', { single_word: true, rstrip: true }),
    addedToken(' [S]', { special: true, rstrip: true }), addedToken('[Z] ', { special: true, lstrip: true, single_word: true }), addedToken('M', { normalized: true, special: true }),
    addedToken('x1', { single_word: true, normalized: true, lstrip: true, rstrip: true }), addedToken('', { special: true }), addedToken('[M]', { special: true }),
  ]
  const vocab = vocabOf(['[UNK]', '[L]', 'ab'], [...letters, '1', '_', '.', '[', ']', '<', '>', '中'])
  write('added', wordPieceJson({ vocab, normalizer: bert(), pre_tokenizer: bertWords, added_tokens: tokens }), alphabet)
  write('added-cased', wordPieceJson({ vocab, normalizer: bert({ lowercase: false, clean_text: false, handle_chinese_chars: false }), pre_tokenizer: bertWords, added_tokens: tokens }), alphabet)
  write('added-no-normalizer', wordPieceJson({ vocab, pre_tokenizer: bertWords, added_tokens: tokens }), alphabet)
  const plain = ['a', 'b', 'c', 'ab', ' ', ' <m>', '<m>', '<m> ', 'Ġ', 'Ġa', 'aĠ', '  ', '[T]', '\u00a0', 'x']
  const roberta = (trim, prefix) => wordPieceJson({
    vocab: vocabOf(['[UNK]', '<s>', '</s>', '<m>'], [...letters, 'Ġ', 'Ġa', 'aĠ', 'ĠĠ']), normalizer: bert({ lowercase: false }), pre_tokenizer: bertWords,
    post_processor: { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 1], trim_offsets: trim, add_prefix_space: prefix },
    added_tokens: [addedToken('<m>', { special: true, lstrip: true, rstrip: true }), addedToken('[T]', { normalized: true, lstrip: true }), addedToken('x ', { normalized: true })],
  })
  write('roberta-trim', roberta(true, false), plain)
  write('roberta-trim-prefix', roberta(true, true), plain)
  write('roberta-no-trim', roberta(false, true), plain)
}

// Templates: type ids of their own, several ids for one special token, specials at both ends; a model without prefix and with a low limit.
{
  const alphabet = ['a', 'b', 'cd', 'efgh', ' ', ' ', '!', 'ijklmnop', '[A]']
  const piece = (id, type) => (id === 'A' || id === 'B' ? { Sequence: { id, type_id: type } } : { SpecialToken: { id, type_id: type } })
  const special = (id, ...ids) => ({ id, ids, tokens: ids.map(String) })
  const template = {
    type: 'TemplateProcessing', single: [piece('X', 3), piece('A', 5), piece('Y', 7)],
    pair: [piece('B', 2), piece('X', 4), piece('A', 6), piece('Y', 1), piece('X', 0)],
    special_tokens: { X: special('X', 1), Y: special('Y', 2, 3) },
  }
  const model = (options, prefix, limit) => {
    const json = wordPieceJson(Object.assign({ pre_tokenizer: bertWords, normalizer: bert(), vocab: vocabOf(['[UNK]', 'X', 'Y', 'Z', 'cd', 'ghi'], letters, prefix) }, options))
    json.model.continuing_subword_prefix = prefix
    json.model.max_input_chars_per_word = limit
    return json
  }
  write('template', model({ post_processor: template }, '##', 100), alphabet)
  write('no-prefix', model({ post_processor: { type: 'BertProcessing', sep: ['Y', 2], cls: ['X', 1] } }, '', 6), alphabet)
  write('no-post-processor', model({ added_tokens: [addedToken('[A]')] }, '@@', 4), alphabet)
}
