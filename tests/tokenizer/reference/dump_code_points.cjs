// Asks the reference library about every code point and prints what is not trivial, one line each:
//   code point (hex), flags as in tokenizer/unicode.hpp (decimal), combining class, then decomposition, lower case and compatibility
//   decomposition (each - when it is the code point itself; hex, commas)
// make_unicode_tables turns that into tokenizer/unicode_tables.cpp. Usage: node dump_code_points.cjs > code_points.txt (about a minute)
'use strict'
const { referenceLibrary, isSurrogate, wordPieceJson, addedToken, stageOf, charsmap } = require('./common.cjs')
const lib = referenceLibrary()

const bert = (clean, chinese, accents, lower) =>
  lib.bertNormalizer({ cleanText: clean, handleChineseChars: chinese, stripAccents: accents, lowercase: lower })
const clean = bert(true, false, false, false)
const ideograph = bert(false, true, false, false)
const accents = bert(false, false, true, false)
const lower = bert(false, false, false, true)
const nfd = lib.nfdNormalizer()
const nfkd = lib.nfkdNormalizer()
const preTokenizer = lib.bertPreTokenizer()
const marks = lib.stripAccentsNormalizer()
const digits = lib.digitsPreTokenizer(true)
const regex = (pattern) => stageOf({ pre_tokenizer: { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false } }).getPreTokenizer()
const letters = regex('\\p{L}')
const numbers = regex('\\p{N}')
const joinsSign = lib.precompiled([...charsmap({ '\u00a9': 'b' })])
const joinsA = lib.precompiled([...charsmap({ a: 'b' })])

// Grapheme clusters, as the normalizer Precompiled shows them: a cluster of less than six bytes whose first character is in the map is replaced whole.
function graphemeFlags(text, c) {
  let flags = 0
  if (joinsA.normalizeString('a' + text) === 'b') flags |= 4096
  if (joinsSign.normalizeString('\u00a9\u200d' + text) === 'b\u200d' + (c === 0xa9 ? 'b' : text) && (flags & 4096) === 0) flags |= 32768
  if (c < 0x80) return flags | (c < 0x20 || c === 0x7f ? 16384 : 0)
  const self = lib.precompiled([...charsmap({ [text]: 'b' })])
  if (self.normalizeString(text + 'a') === 'b') flags |= 8192
  // (Four bytes and a mark are over the limit: whether such a character is a control never matters.)
  if (Buffer.byteLength(text) < 4 && self.normalizeString(text + '\u0300') !== 'b') flags |= 16384
  return flags
}

// Where characters are assigned at all.
function assignedPage(page) { return page < 0x324 || page === 0xe00 || page === 0xe01 }

// One character of each canonical combining class, all of them older than any table in use.
const classes = [
  [1, 0x334], [7, 0x93c], [8, 0x3099], [9, 0x94d], [10, 0x5b0], [11, 0x5b1], [12, 0x5b2], [13, 0x5b3], [14, 0x5b4], [15, 0x5b5], [16, 0x5b6],
  [17, 0x5b7], [18, 0x5b8], [19, 0x5b9], [20, 0x5bb], [21, 0x5bc], [22, 0x5bd], [23, 0x5bf], [24, 0x5c1], [25, 0x5c2], [26, 0xfb1e],
  [27, 0x64b], [28, 0x64c], [29, 0x64d], [30, 0x64e], [31, 0x64f], [32, 0x650], [33, 0x651], [34, 0x652], [35, 0x670], [36, 0x711],
  [84, 0xc55], [91, 0xc56], [103, 0xe38], [107, 0xe48], [118, 0xeb8], [122, 0xec8], [129, 0xf71], [130, 0xf72], [132, 0xf74], [202, 0x321],
  [214, 0x1dce], [216, 0x31b], [218, 0x302a], [220, 0x316], [222, 0x59a], [224, 0x302e], [226, 0x1d16d], [228, 0x5ae], [230, 0x300],
  [232, 0x302c], [233, 0x35c], [234, 0x35d], [240, 0x345],
]

function combiningClass(text) {
  const swaps = (first, second) => {
    const both = nfd.normalizeString(first + second)
    return both !== first + second && both === second + first
  }
  const after = (mark) => swaps(text, String.fromCodePoint(mark))
  const before = (mark) => swaps(String.fromCodePoint(mark), text)
  if (!after(0x334) && !before(0x345)) return text === '\u0334' ? 1 : 0
  for (const [value, mark] of classes) {
    const known = String.fromCodePoint(mark)
    if (text === known) return value
    if (!after(mark) && !before(mark)) return value
  }
  throw new Error('a combining class that is not in the list: U+' + text.codePointAt(0).toString(16))
}

const points = (text) => [...text].map((c) => c.codePointAt(0).toString(16)).join(',')

async function wordCharacters() {
  const tokenizer = lib.Tokenizer.fromString(JSON.stringify(wordPieceJson({ added_tokens: [addedToken('[X]', { id: 1, single_word: true })] })))
  const word = new Uint8Array(0x110000)
  for (let first = 0; first < 0x110000; first += 0x1000) {
    if (isSurrogate(first)) continue
    const texts = []
    for (let c = first; c < first + 0x1000; ++c) texts.push(String.fromCodePoint(isSurrogate(c) ? 0x20 : c) + '[X]')
    const encodings = await tokenizer.encodeBatch(texts)
    encodings.forEach((encoding, i) => { word[first + i] = encoding.getIds().includes(1) ? 0 : 1 })
  }
  return word
}

async function main() {
  const word = await wordCharacters()
  const lines = []
  for (let c = 0; c < 0x110000; ++c) {
    if (isSurrogate(c)) continue
    const text = String.fromCodePoint(c)
    let flags = 0
    const words = preTokenizer.preTokenizeString('a' + text + 'b').length
    if (words === 2) flags |= 1
    if (clean.normalizeString('a' + text + 'b') === 'ab' && c !== 0xfffd) flags |= 2
    if (ideograph.normalizeString(text) === ' ' + text + ' ') flags |= 4
    if (words === 3) flags |= 8
    const decomposed = nfd.normalizeString(text)
    if (decomposed === text && accents.normalizeString(text) === '') flags |= 16
    if (decomposed !== text) flags |= 32
    const lowered = lower.normalizeString(text)
    if (lowered !== text) flags |= 64
    if (word[c]) flags |= 128
    if (assignedPage(c >> 8)) {
      if (marks.normalizeString(text) === '') flags |= 256
      if (digits.preTokenizeString('a' + text + 'b').length === 3) flags |= 512
      if (letters.preTokenizeString('-' + text + '-').length === 3) flags |= 1024
      if (numbers.preTokenizeString('-' + text + '-').length === 3) flags |= 2048
      flags |= graphemeFlags(text, c)
    }
    const compatible = nfkd.normalizeString(text)
    const combining = decomposed === text ? combiningClass(text) : 0
    if (flags !== 0 || combining !== 0 || compatible !== text) {
      lines.push([c.toString(16), flags, combining, decomposed === text ? '-' : points(decomposed), lowered === text ? '-' : points(lowered),
        compatible === text ? '-' : points(compatible)].join(' '))
    }
  }
  console.log(lines.join('\n'))
}
main()
