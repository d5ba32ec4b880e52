// Records what each stage of stages.cjs makes of every code point in several neighbourhoods: writes ../expected/stage-sweeps.txt.
// Usage: node record_stages.cjs [NAME...]   (all stages, or only those named, which replace their rows)
'use strict'
const fs = require('fs')
const path = require('path')
const { isSurrogate, stageOf } = require('./common.cjs')
const { Fingerprint } = require('./fingerprint.cjs')
const { stages } = require('./stages.cjs')

const file = path.join(__dirname, '..', 'expected', 'stage-sweeps.txt')
const only = process.argv.slice(2)
const rows = new Map()
if (only.length > 0) for (const line of fs.readFileSync(file, 'utf8').trim().split('\n')) rows.set(line.split(' ')[1], line)

// The same texts are in stage_sweep_test.cpp.
const textOf = (c) => 'A' + c + 'b' + c + '\u0301 ' + c + c + '\u0316\u0301e' + c + '\u1161\u1100' + c + '\u11a8' + '\r' + c + '\u0600' + c + '\u00a9\u200d' + c
const wordsOf = (c) => 'A' + c + 'b ' + c + " 1" + c + c + "'" + c + '\n' + c + ' .' + c + '  ' + c

function unit(stage, tokenizer, page) {
  const fingerprint = new Fingerprint()
  for (let c = page * 256; c < page * 256 + 256; ++c) {
    if (isSurrogate(c)) continue
    const text = String.fromCodePoint(c)
    if (stage.normalizer) {
      fingerprint.addText(tokenizer.normalizeString(textOf(text)))
      continue
    }
    for (const [word, offsets] of tokenizer.preTokenizeString(wordsOf(text))) {
      fingerprint.addText(word)
      fingerprint.add(offsets[0])
      fingerprint.add(offsets[1])
    }
  }
  return fingerprint
}

for (const [name, stage] of Object.entries(stages)) {
  if (only.length > 0 && !only.includes(name)) continue
  const tokenizer = stage.normalizer ? stageOf(stage).getNormalizer() : stageOf(stage).getPreTokenizer()
  const all = new Fingerprint()
  let short = ''
  for (let page = 0; page < 0x1100; ++page) {
    const fingerprint = unit(stage, tokenizer, page)
    all.merge(fingerprint)
    short += fingerprint.short()
  }
  rows.set(name, [stage.normalizer ? 'normalizer' : 'pre_tokenizer', name, 0x1100, all.hex(), short].join(' '))
  console.log(name)
}
fs.writeFileSync(file, [...rows.values()].join('\n') + '\n')
