"""A tokenizer.json of the shape of XLM-R's, made of nothing but a seed: a Unigram model of some 250,000 pieces in many scripts, a sentencepiece
character map (NFKC), and the stages around them. The words mean nothing; their number, lengths, scripts and scores are like those of the real one.
"""

import base64
import json
import math
import random
import struct
import unicodedata

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]

# Per script: its share of the pieces, the characters that begin a syllable, those that follow, those that may end one.
SCRIPTS = [
    (0.54, "bcdfghjklmnpqrstvwxyzšžçñłß", "aeiouyáéíóúäöüàèêôãåøæıęạộ", ["", "", "", "n", "r", "s", "t", "l", "m", "k", "d", "ng"]),
    (0.15, "бвгджзклмнпрстфхцчшщ", "аеиоуыэюяієї", ["", "", "н", "р", "т", "с", "л", "й", "ь", "к"]),
    (0.07, "بتثجحخدذرزسشصضطظعغفقكلمنهپچگک", "اويىةئی", ["", "", "ن", "ر", "م", "ت"]),
    (0.05, "कखगचछजटडतथदधनपफबभमयरलवशषसह", ["ा", "ि", "ी", "ु", "ू", "े", "ै", "ो", ""], ["", "", "न", "र", "ं", "त"]),
    (0.03, "กขคงจชซดตถทนบปผพฟมยรลวสหอ", "ะาิีุูเแโใ", ["", "น", "ง", "ม", "่", "้"]),
    (0.03, "αβγδεζηθκλμνξπρστφχψ", "αεηιουωάέήίόύώ", ["", "", "ς", "ν", "ρ"]),
    (0.03, "בגדהוזחטכלמנסעפצקרשת", "אוי", ["", "ם", "ן", "ת", "ר"]),
    (0.02, "ბგდვზთკლმნპჟრსტფქღყშჩცძწჭხჯჰ", "აეიოუ", ["", "ს", "ნ", "რ"]),
    (0.02, "கஙசஞடணதநபமயரலவழளறன", ["ா", "ி", "ீ", "ு", "ூ", "ெ", "ே", ""], ["", "ம்", "ன்", "ர்"]),
]
CHARACTERS = [(0x21, 0x7F), (0xA1, 0x180), (0x386, 0x3CF), (0x400, 0x460), (0x5D0, 0x5EB), (0x621, 0x64B), (0x905, 0x93A), (0xE01, 0xE3B),
              (0x10D0, 0x10F1), (0x3041, 0x3097), (0x30A1, 0x30FB), (0x4E00, 0x6E00), (0xAC00, 0xB400), (0x1F600, 0x1F640)]
HAN, HANGUL = (0x4E00, 0x5E00), (0xAC00, 0xB000)


def text_maker(source):
    """A function that makes a word: in one of the scripts, or of ideographs, or of Hangul."""
    def pick(values):  # the first ones more often
        return values[int(source.random() ** 1.5 * len(values))]

    def word():
        choice = source.random()
        for share, onsets, vowels, codas in SCRIPTS:
            if choice < share:
                count = 1 + (source.random() < 0.75) + (source.random() < 0.35) + (source.random() < 0.1)
                return "".join(pick(onsets) + pick(vowels) + pick(codas) for _ in range(count))
            choice -= share
        block, longest = (HAN, 3) if choice < 0.04 else (HANGUL, 4)
        return "".join(chr(block[0] + int(source.random() * (block[1] - block[0]))) for _ in range(2 + int(source.random() * (longest - 1))))

    return word


def pieces(size, seed):
    """[text, score] of `size` pieces in order: the special ones, then texts at falling scores, the mask last."""
    source = random.Random(seed)  # its random() is the same in every version of Python
    characters = [chr(c) for begin, end in CHARACTERS for c in range(begin, end) if unicodedata.normalize("NFKC", chr(c)) == chr(c)]
    word = text_maker(source)
    texts = dict.fromkeys(["\u2581"])  # in order, each once
    for _ in range(min(size // 8, 2000)):  # frequent words come before rare characters
        texts[("\u2581" if source.random() < 0.6 else "") + word()] = None
    texts.update(dict.fromkeys(characters))
    while len(texts) < size:
        made = word()
        if source.random() < 0.1:
            made = made.capitalize()
        texts[("\u2581" if source.random() < 0.6 else "") + made] = None
    ordinary = list(texts)[:size - len(SPECIAL) - 1]
    # Scores of a real model fall with the logarithm of the rank; like them, these are floats written out as doubles.
    scores = (struct.unpack("f", struct.pack("f", -3.0 - 0.93 * math.log(rank + 1.5)))[0] for rank in range(len(ordinary)))
    return [[text, 0.0] for text in SPECIAL] + [[text, score] for text, score in zip(ordinary, scores)] + [["<mask>", 0.0]]


def character_forms():
    """What the character map replaces: text -> normal form."""
    forms = {}
    for code in range(1, 0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        text = chr(code)
        category = unicodedata.category(text)
        if code in (0x9, 0xA, 0xD) or category in ("Zs", "Zl", "Zp"):
            form = " "
        elif category == "Cc" or text in "\u200b\u200e\u200f\ufeff":
            form = ""
        else:
            form = unicodedata.normalize("NFKC", text)
            apart = unicodedata.normalize("NFD", text)
            if form == text and apart != text:
                forms[apart] = text  # a letter and its marks, composed
        if form != text:
            forms[text] = form
    return forms


def character_map(forms):
    """sentencepiece's precompiled_charsmap: the size of a Darts-clone double array, its units, then the forms, each ended by a NUL."""
    values, blob = {}, bytearray()
    for form in sorted(set(forms.values())):
        values[form] = len(blob)
        blob += form.encode() + b"\0"
    keys = sorted((text.encode() + b"\0", values[form]) for text, form in forms.items())  # the NUL's unit holds the value
    units, taken, used_bases, end_of_taken = {0: 0}, {0}, {0}, 1

    def find_base(labels):
        at = max(1, end_of_taken - 2048)  # places further back stay free: a search through all of them takes long
        while True:
            base = at ^ labels[0]
            if base not in used_bases and all(base ^ label not in taken for label in labels):
                return base
            at += 1

    open_nodes = [(0, 0, len(keys), 0)]  # unit, the keys that pass through it, their common length
    while open_nodes:
        unit, begin, end, depth = open_nodes.pop()
        groups = []
        for i in range(begin, end):
            if not groups or groups[-1][0] != keys[i][0][depth]:
                groups.append([keys[i][0][depth], i, i])
            groups[-1][2] = i + 1
        base = find_base([group[0] for group in groups])
        used_bases.add(base)
        units[unit] |= (unit ^ base) << 10 | (0x100 if groups[0][0] == 0 else 0)
        for label, group_begin, group_end in groups:
            child = base ^ label
            taken.add(child)
            end_of_taken = max(end_of_taken, child + 1)
            units[child] = keys[group_begin][1] | 1 << 31 if label == 0 else label
            if label != 0:
                open_nodes.append((child, group_begin, group_end, depth + 1))
    size = (max(units) | 0xFF) + 1
    array = [units.get(i, 0) for i in range(size)]
    return struct.pack("<I", 4 * size) + struct.pack(f"<{size}I", *array) + bytes(blob)


def added_token(token, number):
    return {"id": number, "special": True, "content": token, "single_word": False, "lstrip": token == "<mask>", "rstrip": False, "normalized": False}


def tokenizer(size, seed=0):
    """The document of tokenizer.json with a model of `size` pieces."""
    def special(name):
        return {"SpecialToken": {"id": name, "type_id": 0}}

    def sequence(name):
        return {"Sequence": {"id": name, "type_id": 0}}

    vocabulary = pieces(size, seed)
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added_token(token, i) for i, token in enumerate(SPECIAL)] + [added_token("<mask>", size - 1)],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(character_map(character_forms())).decode()},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True}]},
        "post_processor": {
            "type": "TemplateProcessing", "single": [special("<s>"), sequence("A"), special("</s>")],
            "pair": [special("<s>"), sequence("A"), special("</s>"), special("</s>"), sequence("B"), special("</s>")],
            "special_tokens": {token: {"id": token, "ids": [SPECIAL.index(token)], "tokens": [token]} for token in ("<s>", "</s>")}},
        "decoder": {"type": "Metaspace", "replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True},
        "model": {"type": "Unigram", "unk_id": SPECIAL.index("<unk>"), "vocab": vocabulary},
    }


def write(path, size, seed=0):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(tokenizer(size, seed), file, ensure_ascii=False, separators=(",", ":"))
