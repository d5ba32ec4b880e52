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

module.exports = { referenceLibrary, isSurrogate, wordPieceJson, addedToken }
