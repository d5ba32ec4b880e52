// Records what the reference's decoders make of drawn lists of tokens: writes ../decoders.json.
'use strict'
const fs = require('fs')
const path = require('path')
const { stageOf } = require('./common.cjs')
const { Random } = require('./fingerprint.cjs')

const parts = ['hello', '##lo', '##', ' ', '', "'", "'s", "n't", 'do', 'not', ' do not', ',', '.', '?', '▁', '▁a', 'a▁b', 'Ġ', 'Ġthe', 'Ã©', 'Ã', 'ä¸Ń', 'å', 'Ċ', 'é', '中', '<0x61>', '<0xE4>', '<0xB8>', '<0xAD>', '<0xed>', '<0xA0>',
  '<0x+1>', '<0xG1>', '<0x1>', 'low</w>', '</w>', '<pad>', '<pad>', '|', 'a', 'a', 'aa', 'baab', '😀', 'ðŁĺĢ', 'ðŁ', 'x']
const decoders = {
  wordpiece: { type: 'WordPiece', prefix: '##', cleanup: true },
  'wordpiece-plain': { type: 'WordPiece', prefix: '', cleanup: false },
  'byte-level': { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  metaspace: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
  'metaspace-never': { type: 'Metaspace', replacement: '▁', prepend_scheme: 'never' },
  'byte-fallback': { type: 'ByteFallback' },
  fuse: { type: 'Fuse' },
  replace: { type: 'Replace', pattern: { String: 'a' }, content: '__' },
  'replace-regex': { type: 'Replace', pattern: { Regex: 'a+|$' }, content: '-' },
  strip: { type: 'Strip', content: 'a', start: 2, stop: 0 },
  bpe: { type: 'BPEDecoder', suffix: '</w>' },
  'bpe-empty': { type: 'BPEDecoder', suffix: '' },
  ctc: { type: 'CTC', pad_token: '<pad>', word_delimiter_token: '|', cleanup: true },
  'ctc-plain': { type: 'CTC', pad_token: 'a', word_delimiter_token: '|', cleanup: false },
  llama: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }] },
}
const random = new Random(42)
const result = {}
for (const [name, decoder] of Object.entries(decoders)) {
  const stage = stageOf({ decoder }).getDecoder()
  const cases = []
  for (let i = 0; i < 120; ++i) {
    const tokens = []
    for (let length = 1 + random.below(8); length > 0; --length) tokens.push(parts[random.below(parts.length)])
    cases.push([tokens, stage.decode(tokens)])
  }
  result[name] = { decoder, cases }
}
const lines = Object.entries(result).map(([name, { decoder, cases }]) =>
  JSON.stringify(name) + ': {"decoder": ' + JSON.stringify(decoder) + ', "cases": [\n' + cases.map((c) => JSON.stringify(c)).join(',\n') + ']}')
fs.writeFileSync(path.join(__dirname, '..', 'decoders.json'), '{' + lines.join(',\n') + '}\n')
