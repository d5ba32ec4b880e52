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
    decoder: options.decoder === undefined ? null : options.decoder,
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

// The bytes of a sentencepiece character map { text: form }: a double array of 4-byte units, in which every node has a block of 256 to itself,
// then the forms.
function charsmap(map) {
  const root = { children: new Map(), block: 1 }
  const nodes = [root]
  let forms = ''
  const places = new Map()
  for (const [text, form] of Object.entries(map)) {
    if (!places.has(form)) {
      places.set(form, Buffer.byteLength(forms))
      forms += form + '\0'
    }
    let node = root
    for (const byte of Buffer.from(text)) {
      if (!node.children.has(byte)) {
        const child = { children: new Map(), block: nodes.length + 1 }
        nodes.push(child)
        node.children.set(byte, child)
      }
      node = node.children.get(byte)
    }
    node.form = places.get(form)
  }
  const units = new Uint32Array(256 * (nodes.length + 1))
  units[0] = (256 << 10) >>> 0
  for (const node of nodes) {
    if (node.form !== undefined) units[256 * node.block] = (0x80000000 | node.form) >>> 0
    for (const [byte, child] of node.children) {
      const place = 256 * node.block + byte
      const offset = place ^ (256 * child.block)
      if (offset >= 1 << 21) throw new Error('the map is too large')
      units[place] = ((offset << 10) | (child.form !== undefined ? 256 : 0) | byte) >>> 0
    }
  }
  const head = Buffer.alloc(4 + units.length * 4)
  head.writeUInt32LE(units.length * 4, 0)
  units.forEach((value, i) => head.writeUInt32LE(value, 4 + i * 4))
  return Buffer.concat([head, Buffer.from(forms)])
}

module.exports = { referenceLibrary, isSurrogate, wordPieceJson, addedToken, stageOf, charsmap }
