// Fingerprints of encodings: the same arithmetic as tests/tokenizer/fingerprint.hpp.
'use strict'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

class Fingerprint {
  // Without `sequences` the sequence ids are left out.
  constructor(sequences = true) {
    this.sequences = sequences
    this.a = 0x12345678
    this.b = 0x9abcdef0 | 0
  }
  add(value) {
    this.a = Math.imul(this.a ^ value, 0x9e3779b1)
    this.a ^= this.a >>> 15
    this.b = Math.imul(this.b ^ value, 0x85ebca77)
    this.b ^= this.b >>> 13
  }
  addText(text) {
    for (const c of text) this.add(c.codePointAt(0))
    this.add(-1)
  }
  addEncoding(encoding) {
    this.addFlat(encoding)
    const overflow = encoding.getOverflowing()
    this.add(overflow.length)
    for (const window of overflow) this.addFlat(window)
  }
  addFlat(encoding) {
    const ids = encoding.getIds()
    this.add(ids.length)
    for (const id of ids) this.add(id)
    for (const type of encoding.getTypeIds()) this.add(type)
    for (const mask of encoding.getSpecialTokensMask()) this.add(mask)
    for (const [begin, end] of encoding.getOffsets()) { this.add(begin); this.add(end) }
    if (this.sequences) for (const sequence of encoding.getSequenceIds()) this.add(sequence === null || sequence === undefined ? -1 : sequence)
    for (const word of encoding.getWordIds()) this.add(word === null || word === undefined ? -1 : word)
  }
  merge(other) {
    this.add(other.a)
    this.add(other.b)
  }
  // One character, to find the place; and 16 hexadecimal digits, to be sure.
  short() { return alphabet[(this.a ^ (this.a >>> 11) ^ this.b) & 63] }
  hex() { return (this.a >>> 0).toString(16).padStart(8, '0') + (this.b >>> 0).toString(16).padStart(8, '0') }
}

// xorshift32, the same in both languages.
class Random {
  constructor(seed) { this.state = seed >>> 0 }
  next() {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x >>> 0
    return this.state
  }
  below(limit) { return this.next() % limit }
}

module.exports = { Fingerprint, Random }
