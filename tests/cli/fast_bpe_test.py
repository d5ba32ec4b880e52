"""PhoBERT's and BERTweet's tokenizers against what their published classes do, read independently here: made-up vocab.txt and bpe.codes, right and
wrong, and texts over the same few characters."""
import json
import random
import re
import unittest

from files import WithFolder

from binary import berth, jsonl, lines

FIRST_IDS = ["<s>", "<pad>", "</s>", "<unk>"]
CHARACTERS = ["a", "b", "c", "ế", "đ", "_", "@", "<", "/", "w", ">", "\U0001f642", "e\u0301", "s"]
SPACES = [" ", " ", "\n", "\n", "\t", "\r\n", "\u00a0", "\u3000", "\x1c", "\x85", "\u200b", " \n "]


class PublishedClass:
    """vocab.txt and bpe.codes as PhobertTokenizer reads them; dictionaries do here what they do there."""

    def __init__(self, vocab, codes):
        self.ids = {token: place for place, token in enumerate(FIRST_IDS)}
        for line in universal_lines(vocab):
            token, _, _ = line.strip().rpartition(" ")
            self.ids[token] = len(self.ids)
        # Added tokens are kept by id: of several with one id the last is found in texts.
        by_id = {self.ids.get(token, len(self.ids)): token for token in ["<s>", "</s>", "<unk>", "<pad>", "<mask>"]}
        self.added = {token: id for id, token in by_id.items()}
        # A last line that nothing ends is no merge, and of equal ones the last has the rank.
        merges = codes.read_text("utf-8").split("\n")[:-1]
        self.ranks = {tuple(line.split()[:-1]): rank for rank, line in enumerate(merges)}

    def pieces(self, word):
        """[(token, characters)]"""
        symbols = [[each, 1] for each in word]
        symbols[-1][0] += "</w>"
        while len(symbols) > 1:
            known = [(self.ranks[pair], pair) for pair in {(a[0], b[0]) for a, b in zip(symbols, symbols[1:])} if pair in self.ranks]
            if not known:
                break
            _, (left, right) = min(known)
            merged = []
            while symbols:
                first = symbols.pop(0)
                if first[0] == left and symbols and symbols[0][0] == right:
                    first = [left + right, first[1] + symbols.pop(0)[1]]
                merged.append(first)
            symbols = merged
        return [(text + "@@", size) for text, size in symbols[:-1]] + [(symbols[-1][0][:-4], symbols[-1][1])]

    def encode(self, text):
        """(ids, offsets) of the text alone."""
        ids, offsets = [], []
        begin = 0
        for part in re.split("(" + "|".join(map(re.escape, self.added)) + ")", text):
            if part in self.added:
                ids.append(self.added[part])
                offsets.append([begin, begin + len(part)])
            else:
                for word in re.finditer(r"\S+\n?", part):
                    at = begin + word.start()
                    for token, size in self.pieces(word.group()):
                        ids.append(self.ids.get(token, self.ids["<unk>"]))
                        offsets.append([at, at + size])
                        at += size
            begin += len(part)
        return ids, offsets


def universal_lines(path):
    with open(path, encoding="utf-8") as file:
        return file.readlines()


class FastBpe(WithFolder):
    def directory(self, vocab, codes, **config):
        self.write("vocab.txt", vocab)
        self.write("bpe.codes", codes)
        self.write("tokenizer_config.json", json.dumps({"tokenizer_class": "PhobertTokenizer", **config}))

    def compare(self, texts):
        published = PublishedClass(self.folder / "vocab.txt", self.folder / "bpe.codes")
        pairs = [{"text": text} for text in texts] + [{"text": text, "text_pair": pair} for text, pair in zip(texts, texts[1:])]
        rows = lines("tokenize", "--model", self.folder, "--input-format", "jsonl", stdin=jsonl(*pairs))
        self.assertEqual(len(rows), len(pairs))
        first, last = published.ids["<s>"], published.ids["</s>"]
        for pair, row in zip(pairs, rows):
            ids, offsets = published.encode(pair["text"])
            ids, offsets = [first, *ids, last], [[0, 0], *offsets, [0, 0]]
            if "text_pair" in pair:
                more, places = published.encode(pair["text_pair"])
                ids, offsets = [*ids, last, *more, last], [*offsets, [0, 0], *places, [0, 0]]
            self.assertEqual((row["ids"], row["offsets"]), (ids, offsets), (pair, (self.folder / "bpe.codes").read_text("utf-8")))
            self.assertEqual(set(row["type_ids"]), {0})

    def test_made_up_files(self):
        for seed in range(60):
            with self.subTest(seed=seed):
                made = random.Random(seed)
                # Of two letters merges meet so often that their order tells.
                characters = made.choice([CHARACTERS, ["a", "b"], ["a", "b", "c"]])
                self.directory(*made_files(made, characters))
                self.compare(made_texts(made, characters))

    def test_a_last_merge_without_an_end_is_none(self):
        self.directory("ab 3\na@@ 2\nb 1\n", "a b</w> 3")
        done = berth("tokenize", "--model", self.folder, "ab")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("bpe.codes: no line is a merge", done.stderr)
        self.directory("ab 3\na@@ 2\nb 1\n", "b a 4\na b</w> 3")
        self.compare(["ab"])


def made_files(made, characters):
    """Merges mostly of what earlier ones made, as fastBPE learns them, then spoilt; a vocabulary of most of the symbols and of things that are none."""
    symbols = [each for text in characters for each in text]
    symbols = list(dict.fromkeys(symbols + [each + "</w>" for each in symbols]))
    codes = []
    for _ in range(made.choice([3, 20, 60])):
        left, right = made.choice([s for s in symbols if not s.endswith("</w>")]), made.choice(symbols)
        codes.append(f"{left} {right} {made.randint(1, 999)}")
        symbols.append(left + right)
    if made.random() < 0.5:
        made.shuffle(codes)
        codes += made.sample(codes, 2) + ["", "a", "a b", "a b c 7", "#version: 0.2", "\u3000 a 3", "a\u00a0b 5", " c\ta  9 "]
    words = [s[:-4] if s.endswith("</w>") else s + "@@" for s in symbols]
    words = made.sample(words, len(words) * 3 // 4) + ["never reached", "<mask>" if made.random() < 0.2 else "madeup"]
    if made.random() < 0.5:
        words += made.sample(words, 3) + ["<s>" if made.random() < 0.5 else "x", "y", words[0], "\u00a0z"]
    end = made.choice(["\n", "\n", "\r\n"])
    return "".join(f"{word} {made.randint(0, 99)}{end}" for word in words), "".join(code + end for code in codes)


def made_texts(made, characters):
    def text():
        parts = [made.choice(SPACES) if made.random() < 0.1 else made.choice(characters) for _ in range(made.randint(1, 40))]
        if made.random() < 0.3:
            parts.insert(made.randrange(len(parts)), made.choice(["<mask>", "<s>", "</s>", "<unk>", "</w>", " <mask>\n"]))
        return "".join(parts)

    return [text() for _ in range(40)] + ["ab" * 300, "a" * 500 + "\n"]


if __name__ == "__main__":
    unittest.main()
