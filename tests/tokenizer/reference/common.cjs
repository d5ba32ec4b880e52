// Shared by the recording scripts: the reference library, and where the shared data lies.
'use strict'
const path = require('path')

function referenceLibrary() {
  const root = process.env.TOKENIZERS_PACKAGE
  try {
    return require(root ? path.resolve(root) : 'tokenizers')
  } catch (error) {
    console.error('The npm package "tokenizers" is needed: npm install --ignore-scripts tokenizers@0.23.2 in any folder, then set\n' +
      'TOKENIZERS_PACKAGE=FOLDER/node_modules/tokenizers\n' + error.message)
    process.exit(1)
  }
}

function isSurrogate(codePoint) {
  return codePoint >= 0xd800 && codePoint < 0xe000
}

// A tokenizer of single characters, to build small test tokenizers from.
function wordPieceJson(options = {}) {
  return {
    version: '1.0', truncation: null, padding: null,
    added_tokens: options.added_tokens || [],
    normalizer: options.normalizer === undefined ? null : options.normalizer,
    pre_tokenizer: options.pre_tokenizer === undefined ? null : options.pre_tokenizer,
    post_processor: options.post_processor === undefined ? null : options.post_processor,
    decoder: null,
    model: {
      type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100,
      vocab: options.vocab || { '[UNK]': 0, '[X]': 1 },
    },
  }
}

function addedToken(content, flags = {}) {
  return { id: flags.id || 0, content, single_word: !!flags.single_word, lstrip: !!flags.lstrip, rstrip: !!flags.rstrip,
    normalized: !!flags.normalized, special: !!flags.special }
}

// A tokenizer with one stage of interest: its getNormalizer() or getPreTokenizer() is that stage.
function stageOf(options) { return referenceLibrary().Tokenizer.fromString(JSON.stringify(wordPieceJson(options))) }

// A sentencepiece character map that maps one text to another: a double array of 4-byte units with one path, then the replacement.
function charsmap(from, to) {
  const bytes = Buffer.from(from)
  const size = 256 * (bytes.length + 1)
  const units = new Uint32Array(size)
  const unit = (label, offset, leaf) => ((offset << 10) | (leaf ? 256 : 0) | label) >>> 0
  let at = 0
  units[0] = unit(0, 256, false)
  let offset = 256
  for (let i = 0; i < bytes.length; ++i) {
    at = at ^ offset ^ bytes[i]
    const last = i + 1 === bytes.length
    offset = last ? 1 : (at ^ (256 * (i + 2))) & ~0xff
    units[at] = unit(bytes[i], offset, last)
  }
  units[at ^ 1] = 0x80000000
  const head = Buffer.alloc(4 + size * 4)
  head.writeUInt32LE(size * 4, 0)
  units.forEach((value, i) => head.writeUInt32LE(value, 4 + i * 4))
  return [...Buffer.concat([head, Buffer.from(to + '\0')])]
}

module.exports = { referenceLibrary, isSurrogate, wordPieceJson, addedToken, stageOf, charsmap }
