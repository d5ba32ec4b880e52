// The stages whose answer for every code point is recorded; written to ../stages.json, which the test reads, too.
'use strict'
const fs = require('fs')
const path = require('path')
const { charsmap } = require('./common.cjs')

const map = charsmap({ '\u00a0': ' ', '\u3000': ' ', '\t': ' ', '\u00ad': '', '\u200b': '', 'ﬁ': 'fi', '㎏': 'kg', 'ﷺ': 'صلى الله عليه وسلم', 'é': 'é', 'é': 'e\u0301',
  '\u0301': '', 'Ａ': 'A', '\u0958': '\u0915\u093c', '…': '...', '©': '(c)', '\r': ' ', '\n': ' ', 'b': 'bee', '\u0600': '#', '가': '가' }).toString('base64')
const split = (regex, behavior = 'Isolated', invert = false) => ({ pre_tokenizer: { type: 'Split', pattern: { Regex: regex }, behavior, invert } })
const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
const gpt4 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const normalizer = (type, options = {}) => ({ normalizer: Object.assign({ type }, options) })
const pre = (type, options = {}) => ({ pre_tokenizer: Object.assign({ type }, options) })

const stages = {
  nfc: normalizer('NFC'),
  nfd: normalizer('NFD'),
  nfkc: normalizer('NFKC'),
  nfkd: normalizer('NFKD'),
  'strip-accents': normalizer('StripAccents'),
  lowercase: normalizer('Lowercase'),
  strip: normalizer('Strip', { strip_left: true, strip_right: true }),
  nmt: normalizer('Nmt'),
  'byte-level': normalizer('ByteLevel'),
  precompiled: normalizer('Precompiled', { precompiled_charsmap: map }),
  albert: normalizer('Sequence', { normalizers: [{ type: 'NFKD' }, { type: 'StripAccents' }, { type: 'Lowercase' }] }),
  'byte-level-words': pre('ByteLevel', { add_prefix_space: true, trim_offsets: true }),
  metaspace: pre('Metaspace', { replacement: '▁', prepend_scheme: 'always' }),
  whitespace: pre('Whitespace'),
  'whitespace-split': pre('WhitespaceSplit'),
  punctuation: pre('Punctuation'),
  digits: pre('Digits', { individual_digits: true }),
  'unicode-scripts': pre('UnicodeScripts'),
  gpt2: split(gpt2),
  gpt4: split(gpt4),
  'regex-gpt2': split('(?:' + gpt2 + ')'),
  'regex-gpt4': split('(?:' + gpt4 + ')'),
  'regex-letters': split('\\p{L}'),
  'regex-numbers': split('\\p{N}'),
  'regex-words': split('\\w'),
  'regex-spaces': split('\\s', 'Contiguous', true),
}

module.exports = { stages, gpt2, gpt4, map }
if (require.main === module) fs.writeFileSync(path.join(__dirname, '..', 'stages.json'), JSON.stringify(stages, null, 1) + '\n')
