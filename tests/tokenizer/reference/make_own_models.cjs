// Writes the small Unigram, BPE and WordLevel tokenizers of tests/tokenizer/data and their alphabets (see make_own_tokenizers.cjs).
'use strict'
const fs = require('fs')
const path = require('path')
const { wordPieceJson, addedToken } = require('./common.cjs')
const out = path.join(__dirname, '..', 'data')

function write(name, model, alphabet, options = {}) {
  const json = Object.assign(wordPieceJson(options), { model })
  fs.writeFileSync(path.join(out, name + '.json'), JSON.stringify(json, null, 1) + '\n')
  fs.writeFileSync(path.join(out, name + '.alphabet'), JSON.stringify(alphabet) + '\n')
}

const hex = (byte) => '<0x' + byte.toString(16).toUpperCase().padStart(2, '0') + '>'
const bytes = (keep = () => true) => [...Array(256).keys()].filter(keep).map(hex)
const words = { pre_tokenizer: { type: 'BertPreTokenizer' } }

// Unigram: ties (the same pieces in another order), pieces below the score of unknown characters, unknown runs that are a piece, the unknown
// token's own text, repeated pieces, byte tokens (all of them, or too few).
{
  const alphabet = ['a', 'b', 'c', 'd', 'aa', 'ab', 'abab', 'cd', 'dc', 'x', 'y', 'xy', 'é', '中', '中国', '😀', '\u0301', '<unk>', '<0x41>', ' ', '\u0000', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'xyxyxyxyxy']
  const pieces = [['<s>', 0], ['<unk>', 0], ['a', -2.1], ['b', -2.3], ['c', -2.7], ['aa', -3.3], ['aaa', -4.41], ['ab', -3.3], ['ba', -3.3], ['abab', -6.6], ['cd', -5.25],
    ['d', -2.55], ['é', -7.125], ['中国', -8], ['cdc', -7.95], ['aaaaaaaa', -9.5], [' ', -3]]
  write('unigram', { type: 'Unigram', unk_id: 1, vocab: pieces, byte_fallback: false }, alphabet)
  write('unigram-old', { unk_id: 1, vocab: pieces }, alphabet, { added_tokens: [addedToken('<s>', { special: true }), addedToken('dc', { normalized: true }), addedToken('new', {})] })
  write('unigram-low', { type: 'Unigram', unk_id: 1, vocab: [...pieces, ['xy', -1000], ['中', -999], ['', -3], ['yx', -990]] }, alphabet)
  write('unigram-repeated', { type: 'Unigram', unk_id: 0, vocab: [...pieces, ['a', -9], ['ab', -1], ['<unk>', -0.5], ['x', -1]] }, alphabet)
  write('unigram-bytes', { type: 'Unigram', unk_id: 1, vocab: [...pieces, ...bytes().map((t) => [t, 0])], byte_fallback: true }, alphabet)
  write('unigram-few-bytes', { type: 'Unigram', unk_id: 1, vocab: [...pieces, ...bytes((b) => b < 0x80 || b >= 0xe0 || b % 2 === 0).map((t) => [t, 0])], byte_fallback: true }, alphabet)
  write('unigram-equal', { type: 'Unigram', unk_id: 0, vocab: [['?', 0], ...['a', 'b', 'c', 'aa', 'ab', 'bc', 'abc', 'aab', 'cd', 'd', 'bab'].map((t) => [t, -1])] }, alphabet, words)
}

// BPE: both forms of merges, unknown characters (dropped, one by one, fused), byte tokens, prefix and suffix, ignored merges, words beyond the
// length where the implementation changes its way.
{
  const long = 'abcababcabababcbcabcabcaabbccabcbaabcabc'
  const alphabet = ['a', 'b', 'c', 'ab', 'bc', 'abc', 'aabb', 'd', 'z', 'é', '中', 'ü', '😀', ' ', ' ', long, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'zz', 'é中', '<unk>']
  const merges = [['a', 'b'], ['b', 'c'], ['ab', 'c'], ['a', 'a'], ['a', 'bc'], ['aa', 'aa'], ['abc', 'abc'], ['c', 'ab'], ['bc', 'ab'], ['ab', 'ab'], ['é', 'a'], ['aaaa', 'aaaa'], ['b', 'c'], ['中', '<unk>']]
  const vocabOf = (list, extra) => {
    const vocab = {}
    for (const token of [...extra, 'a', 'b', 'c', 'd', 'é', '中', ...list.map(([l, r]) => l + r)]) if (!(token in vocab)) vocab[token] = Object.keys(vocab).length
    return vocab
  }
  const bpe = (options, list = merges, extra = ['<unk>', 'abcd', 'zz']) =>
    Object.assign({ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, vocab: vocabOf(list, extra), merges: list }, options)
  const joined = merges.map((pair) => pair.join(' '))
  write('bpe', bpe({ unk_token: '<unk>', merges: ['#version: 0.2', ...joined] }), alphabet, words)
  write('bpe-fused', bpe({ unk_token: '<unk>', fuse_unk: true }), alphabet)
  write('bpe-dropped', bpe({ dropout: 0.0 }), alphabet)
  write('bpe-ignored', bpe({ unk_token: '<unk>', ignore_merges: true }), alphabet, words)
  write('bpe-bytes', bpe({ unk_token: '<unk>', fuse_unk: true, byte_fallback: true }, merges, ['<unk>', ...bytes()]), alphabet)
  write('bpe-few-bytes', bpe({ unk_token: '<unk>', fuse_unk: true, byte_fallback: true }, merges, ['<unk>', ...bytes((b) => b !== 0xbc && b !== 0x80)]), alphabet)
  write('bpe-old', (({ type, byte_fallback, ...rest }) => rest)(bpe({ unk_token: '<unk>', continuing_subword_prefix: '', end_of_word_suffix: '' })), alphabet, words)
  const suffixed = [['a', 'b'], ['b', 'c</w>'], ['a', 'bc</w>'], ['ab', 'ab'], ['c', 'a</w>'], ['ab', 'c</w>'], ['a', 'a'], ['aa', 'aa']]
  write('bpe-suffix', bpe({ unk_token: '<unk>', end_of_word_suffix: '</w>' }, suffixed, ['<unk>', 'a</w>', 'c</w>', 'd</w>', 'abc']), alphabet, words)
  const prefixed = [['a', '##b'], ['##b', '##c'], ['ab', '##c'], ['##a', '##a'], ['##aa', '##aa'], ['##c', '##a'], ['##a', '##b'], ['##ab', '##c']]
  const vocab = {}
  for (const token of ['<unk>', 'a', 'b', 'c', '##a', '##b', '##c', '##é', 'ab', '##bc', 'abc', '##aa', '##aaaa', '##ca', '##ab', '##abc']) vocab[token] = Object.keys(vocab).length
  write('bpe-prefix', bpe({ unk_token: '<unk>', continuing_subword_prefix: '##', vocab }, prefixed), alphabet, words)
}

write('wordlevel', { type: 'WordLevel', vocab: { '[UNK]': 3, hello: 0, 'é': 7, ',': 1, a: 9 }, unk_token: '[UNK]' }, ['hello', 'a', 'b', 'é', ',', ' ', ' ', '中', '!'], words)
write('wordlevel-old', { vocab: { '[UNK]': 3, hello: 0, a: 9 }, unk_token: '[UNK]' }, ['hello', 'a', 'b', ' ', ' '], words)
