// Writes the small tokenizers of tests/tokenizer/data whose stages are of interest, and their alphabets (see make_own_tokenizers.cjs). Their
// model knows single characters, so that offsets show where each came from.
'use strict'
const fs = require('fs')
const path = require('path')
const { wordPieceJson, addedToken, referenceLibrary } = require('./common.cjs')
const { gpt2, gpt4, map } = require('./stages.cjs')
const out = path.join(__dirname, '..', 'data')
const byteForms = referenceLibrary().byteLevelAlphabet().sort()

function vocabOf(alphabet, more) {
  const vocab = { '[UNK]': 0, '<s>': 1, '</s>': 2 }
  const add = (token) => { if (!(token in vocab)) vocab[token] = Object.keys(vocab).length }
  const chars = new Set(more)
  for (const part of alphabet) {
    for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD']) for (const c of part.normalize(form) + part.normalize(form).toLowerCase() + part) if (c !== '\0') chars.add(c)
  }
  for (const c of chars) { add(c); add('##' + c) }
  return vocab
}

// `vocabulary`: characters that stages make and that are in no form of the alphabet.
function write(name, options, alphabet, more = []) {
  const json = wordPieceJson(Object.assign({ vocab: vocabOf(alphabet, more) }, options))
  fs.writeFileSync(path.join(out, 'stages-' + name + '.json'), JSON.stringify(json) + '\n')
  fs.writeFileSync(path.join(out, 'stages-' + name + '.alphabet'), JSON.stringify(alphabet) + '\n')
}

const sequence = (key, ...parts) => ({ type: 'Sequence', [key]: parts })
const normalizers = (...parts) => sequence('normalizers', ...parts)
const words = (...parts) => sequence('pretokenizers', ...parts)
const replace = (kind, pattern, content) => ({ type: 'Replace', pattern: { [kind]: pattern }, content })
const metaspace = (options = {}) => Object.assign({ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }, options)
const byteLevel = (options = {}) => Object.assign({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }, options)
const split = (pattern, behavior, invert = false) => ({ type: 'Split', pattern, behavior, invert })
const whitespace = { type: 'WhitespaceSplit' }
const tokens = [
  addedToken('<s>', { id: 1, special: true }), addedToken('<m>', { id: 3, special: true, lstrip: true }), addedToken('<R>', { id: 3, rstrip: true }),
  addedToken('ÉA', { id: 3, normalized: true }), addedToken('a b', { id: 3, normalized: true, single_word: true }), addedToken('  ', { id: 3, normalized: true }),
]

// Composition, order and compatibility; Hangul; what decomposes to marks; marks after nothing.
const marks = ['e', 'A', 'é', 'É', 'É', 'ẹ́', 'Å', '\u212b', '각', '가', '\u1100', '\u1161', '\u11a8', '\u11a7', 'ﬁ', '㎏', '…', 'ﷺ', '½', 'ｶﾞ', '\uff9e', '\u3099', 'か', ' ', '\u00a0', '\u00a8',
  '\u0301', '\u0316', '\u0327', '\u0344', '\u0345', '\u0334', '\u0308', '\u{1d15e}', '\u{1d165}', '\u{1d16d}', '\u0f73', '\u0f75', '\u0958', '\u093c', '\u0915', '\u094d', 'ệ', 'ǭ', '<m>', 'a', ' b', 'ÉA', 'ÉA', '<R>', '中', '\u2126', '\u1e9b\u0323']
for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD']) write(form.toLowerCase(), { normalizer: { type: form }, pre_tokenizer: whitespace, added_tokens: tokens }, marks)
write('nfd-strip-accents', { normalizer: normalizers({ type: 'NFD' }, { type: 'Lowercase' }, { type: 'StripAccents' }), pre_tokenizer: { type: 'BertPreTokenizer' }, added_tokens: tokens }, marks)
write('nfc-nfd-nfkc', { normalizer: normalizers({ type: 'NFC' }, normalizers({ type: 'NFD' }, { type: 'StripAccents' }), { type: 'NFKC' }), pre_tokenizer: whitespace }, marks)

// sentencepiece: the map with deletions (also at the beginning), expansions, short and long clusters, line ends.
const mapped = ['a', 'b', 'bb', 'é', 'é', 'e', '\u0301', '\u0316', '\u00ad', '\u00ad', '\u200b', '\u3000', '\t', '\r\n', '\r', '\n', ' ', ' ', 'ﬁ', 'ﬁ\u0301', '㎏', '…', 'Ａ', '\u0958', '\u0600', '©', '©\u200d', '\u200d', '👩\u200d💻', '中', 'ﷺ', '가\u11a8', "''", '``', '<m>', '▁', '<R>', '\u0300\u0300\u0300', '🇩🇪🇫']
write('precompiled', { normalizer: { type: 'Precompiled', precompiled_charsmap: map }, pre_tokenizer: metaspace({ prepend_scheme: 'first' }), added_tokens: tokens }, mapped, [...'▁صلى لهعيوسمkg.(c)#'])
write('precompiled-twice', { normalizer: normalizers({ type: 'Lowercase' }, { type: 'Precompiled', precompiled_charsmap: map }, { type: 'NFC' }), pre_tokenizer: null }, mapped, [...'▁صلى لهعيوسمkg.(c)#'])
write('albert', { normalizer: normalizers(replace('String', '``', '"'), replace('String', "''", '"'), { type: 'NFKD' }, { type: 'StripAccents' }, { type: 'Lowercase' },
  { type: 'Precompiled', precompiled_charsmap: map }, replace('Regex', ' {2,}', ' ')), pre_tokenizer: words(whitespace, metaspace()), added_tokens: tokens,
  post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } } } },
  mapped, [...'▁صلى لهعيوسمkg.(c)#"'])

const plain = ['a', 'b', 'ab', 'aab', 'é', 'ü', '中', '😀', ' ', ' ', '  ', '\t', '\n', '\u00a0', '-', '--', '▁', 'x', 'xx', '1', '23', '456', "'s", "'LL", "'ſ", "n't", '.', '...', '\r\n', '³', '\u0301', '<m>', 'ÉA', '<R>', 'か', 'カ', 'ー', 'я', 'א', '\u200b', '_', '<s>']
write('llama', { normalizer: normalizers({ type: 'Strip', strip_left: true, strip_right: true }, { type: 'Prepend', prepend: '▁_' }, replace('String', ' ', '▁')), pre_tokenizer: null, added_tokens: tokens.slice(0, 2) }, plain)
write('strip-left', { normalizer: { type: 'Strip', strip_left: true, strip_right: false }, pre_tokenizer: metaspace({ prepend_scheme: 'first' }) }, plain)
write('nmt', { normalizer: normalizers({ type: 'Nmt' }, { type: 'ByteLevel' }), pre_tokenizer: null, added_tokens: tokens }, plain.concat(['\u0001', '\u007f', '\ufffd', '\ufeff']), byteForms)
write('replace-empty', { normalizer: replace('Regex', 'x*', '-'), pre_tokenizer: metaspace() }, plain)
write('replace-delete', { normalizer: normalizers(replace('Regex', 'a(?=b)|\\s+$', ''), replace('String', 'é', 'eee'), replace('String', '', '')), pre_tokenizer: whitespace }, plain)
for (const scheme of ['first', 'never', 'always']) {
  write('metaspace-' + scheme, { pre_tokenizer: metaspace({ prepend_scheme: scheme }), added_tokens: tokens }, plain)
  write('metaspace-' + scheme + '-whole', { pre_tokenizer: words(whitespace, metaspace({ prepend_scheme: scheme, split: false })), added_tokens: tokens }, plain)
}
write('metaspace-old', { pre_tokenizer: { type: 'Metaspace', replacement: '-', str_rep: '-', add_prefix_space: true } }, plain)
write('byte-level', { pre_tokenizer: byteLevel(), added_tokens: tokens, post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true } }, plain, byteForms)
write('byte-level-prefix', { pre_tokenizer: byteLevel({ add_prefix_space: true }), added_tokens: tokens,
  post_processor: { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 1], trim_offsets: true, add_prefix_space: true } }, plain, byteForms)
write('byte-level-whole', { normalizer: { type: 'NFC' }, pre_tokenizer: words(split({ Regex: gpt4 }, 'Isolated'), byteLevel({ use_regex: false })), added_tokens: tokens,
  post_processor: { type: 'Sequence', processors: [{ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } } }] } }, plain, byteForms)
write('byte-level-prefix-whole', { pre_tokenizer: words({ type: 'Digits', individual_digits: true }, byteLevel({ add_prefix_space: true, use_regex: false })), added_tokens: tokens }, plain, byteForms)
write('gpt2-regex', { pre_tokenizer: split({ Regex: '(?:' + gpt2 + ')' }, 'Isolated') }, plain)
write('gpt2', { pre_tokenizer: split({ Regex: gpt2 }, 'Isolated') }, plain)
write('gpt4-regex', { pre_tokenizer: split({ Regex: '(?:' + gpt4 + ')' }, 'Removed', true) }, plain)
for (const behavior of ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']) {
  write('split-' + behavior.toLowerCase(), { pre_tokenizer: words(split({ Regex: '\\s|x*' }, behavior), split({ String: '-' }, behavior)) }, plain)
  write('split-inverted-' + behavior.toLowerCase(), { pre_tokenizer: split({ Regex: '\\w+|[^\\w\\s]+' }, behavior, true) }, plain)
  write('punctuation-' + behavior.toLowerCase(), { pre_tokenizer: words({ type: 'Punctuation', behavior }, { type: 'Digits', individual_digits: false }) }, plain)
}
write('split-empty', { pre_tokenizer: split({ String: '' }, 'Isolated') }, plain)
write('scripts', { pre_tokenizer: words({ type: 'UnicodeScripts' }, { type: 'FixedLength', length: 3 }), added_tokens: tokens }, plain)
write('whitespace', { pre_tokenizer: words({ type: 'CharDelimiterSplit', delimiter: '-' }, { type: 'Whitespace' }) }, plain)
