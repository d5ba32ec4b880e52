// Texts nobody would write, the same as tests/tokenizer/hostile_text.hpp: eight kinds, from random code points to long runs.
'use strict'

const scripts = [[0x41, 26], [0x61, 26], [0xc0, 0x100], [0x370, 0x80], [0x400, 0x100], [0x5d0, 27], [0x620, 0x50], [0x904, 0x40], [0xe01, 0x3a], [0x1100, 0x100],
  [0x1e00, 0x100], [0x2000, 0x100], [0x2460, 0xa0], [0x3041, 0xc0], [0x4e00, 0x800], [0xac00, 0x800], [0xf900, 0x100], [0xff00, 0xf0], [0x1d400, 0x200], [0x20000, 0x100]]
const controls = [[0, 0x20], [0x7f, 0x21], [0x200b, 5], [0x2028, 7], [0x2060, 16], [0xfff9, 7], [0xfeff, 1], [0xd7ff, 1], [0xe000, 1], [0xfffe, 2], [0x10ffff, 1], [0xa0, 1], [0x1680, 1], [0x3000, 1]]
const rightToLeft = [[0x590, 0x70], [0x600, 0x100], [0xfb1d, 0x2b0], [0x660, 10], [0x202a, 5], [0x2066, 4], [0x1e900, 0x40], [0x20, 1]]
const words = ["don't", "'s", "I'LL", "we've", '1234', '3.14', '``', "''", '<s>', '</s>', '[CLS]', '[MASK]', '<mask>', '<unk>', '<pad>', '\u2581', '\u0120', '\u0120the', '<0x0A>',
  '  ', '\n', '\t', '\r\n', ' \n ', 'the', 'The', 'THE', 'unaffable', 'https://a.b/c?d=e&f', '##ing', '...', '\u2026', '--', '\u2014', '$5', '\u20ac5', 'a,b', '1,', '<extra_id_7>', '<|endoftext|>']

function pick(random, ranges) {
  const [first, size] = ranges[random.below(ranges.length)]
  return String.fromCodePoint(first + random.below(size))
}

function anyCodePoint(random) {
  const c = random.below(0x110000)
  return String.fromCodePoint(c >= 0xd800 && c < 0xe000 ? (c % 2 === 0 ? 0xd7ff : 0xe000) : c)
}

function emoji(random) {
  let text = String.fromCodePoint(0x1f300 + random.below(0x300))
  for (let i = random.below(4); i > 0; --i) {
    const kind = random.below(5)
    if (kind === 0) text += String.fromCodePoint(0x1f3fb + random.below(5))
    if (kind === 1) text += '\u200d' + String.fromCodePoint(0x1f466 + random.below(4))
    if (kind === 2) text += '\ufe0f\u20e3'
    if (kind === 3) text += String.fromCodePoint(0x1f1e6 + random.below(26))
    if (kind === 4) text += String.fromCodePoint(0xe0020 + random.below(0x60))
  }
  return text
}

function marked(random) {
  let text = pick(random, scripts)
  for (let i = random.below(6); i > 0; --i) text += String.fromCodePoint(random.below(8) === 0 ? 0x1dc0 + random.below(0x40) : 0x300 + random.below(0x70))
  return text
}

function run(random) {
  const one = random.below(2) === 0 ? pick(random, scripts) : random.below(2) === 0 ? words[random.below(words.length)] : pick(random, controls)
  return one.repeat(1 + random.below(one.length > 2 ? 40 : 400))
}

function hostileText(random) {
  const kind = random.below(8)
  let pieces = kind === 6 ? 1 + random.below(2) : 1 + random.below(24)
  let text = ''
  for (; pieces > 0; --pieces) {
    if (kind === 0) text += anyCodePoint(random)
    if (kind === 1) text += pick(random, scripts)
    if (kind === 2) text += marked(random)
    if (kind === 3) text += emoji(random)
    if (kind === 4) text += pick(random, random.below(2) === 0 ? controls : scripts)
    if (kind === 5) text += pick(random, rightToLeft)
    if (kind === 6) text += run(random)
    if (kind === 7) text += words[random.below(words.length)]
    if (random.below(4) === 0) text += ' '
  }
  return text
}

module.exports = { hostileText }
