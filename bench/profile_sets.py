#!/usr/bin/env python3
"""Profiles and labelled texts out of public data sets, for the figures in docs/triage.md.
usage: profile_sets.py DATA OUT [MODEL]: DATA holds clinc150/, goemotions/ and indonesian/ (bench/README.md says where from); MODEL defaults to weights/intent.
Then: berth profile tune OUT/clinc150.json --data OUT/clinc150-tune.tsv --output OUT/clinc150-tuned.json
      berth profile eval OUT/clinc150-tuned.json --data OUT/clinc150-test.tsv"""
import csv
import json
import pathlib
import sys

DATA, OUT = map(pathlib.Path, sys.argv[1:3])
MODEL = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else pathlib.Path(__file__).parents[1] / "weights/intent").resolve()


def clean(text):
    return " ".join(text.split())


def write_rows(name, rows):
    with open(OUT / name, "w", encoding="utf-8") as out:
        out.write("text\tlabel\n")
        out.writelines(f"{clean(text)}\t{label}\n" for text, label in rows if clean(text))


def write_profile(name, rows, examples, **fields):
    """The first so many examples of every label; what is left of the rows."""
    labels, rest, seen = {}, [], set()
    for text, label in rows:
        own = labels.setdefault(label, {"examples": []})["examples"]
        text = clean(text)
        if len(own) < examples and text and text not in seen:
            own.append(text)
            seen.add(text)
        else:
            rest.append((text, label))
    profile = {"model": str(MODEL), "labels": labels, **fields}
    if "default" in fields:
        labels.setdefault(fields["default"], {"examples": []})
    (OUT / name).write_text(json.dumps(profile, ensure_ascii=False, indent=1), encoding="utf-8")
    return rest


def clinc():
    data = json.loads((DATA / "clinc150/data_full.json").read_text(encoding="utf-8"))
    names = sorted({label for _, label in data["train"]})
    unseen = set(names[2::5])  # whose labels weights/intent was not trained on
    for part, wanted in [("clinc150", set(names)), ("clinc120-seen", set(names) - unseen), ("clinc30-unseen", unseen)]:
        of = lambda split: [(text, label) for text, label in data[split] if label in wanted]
        write_profile(f"{part}.json", of("train"), 10, default="oos")
        write_rows(f"{part}-tune.tsv", of("val") + data["oos_val"])
        write_rows(f"{part}-test.tsv", of("test") + data["oos_test"])


def goemotions():
    names = (DATA / "goemotions/emotions.txt").read_text(encoding="utf-8").split()

    def rows(split):
        for line in (DATA / f"goemotions/{split}.tsv").read_text(encoding="utf-8").splitlines():
            text, labels = line.split("\t")[:2]
            if "," not in labels:  # one emotion alone
                yield text, names[int(labels)]
    write_profile("goemotions.json", rows("train"), 30)
    write_rows("goemotions-tune.tsv", rows("dev"))
    write_rows("goemotions-test.tsv", rows("test"))


def indonesian():
    def smsa(split):
        for line in (DATA / f"indonesian/smsa/{split}_preprocess.tsv").read_text(encoding="utf-8").splitlines():
            yield tuple(line.split("\t")[:2])

    def emot(split):
        with open(DATA / f"indonesian/emot/{split}_preprocess.csv", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield row["tweet"], row["label"]
    for name, rows in [("smsa", smsa), ("emot", emot)]:
        rest = write_profile(f"{name}.json", rows("train"), 50)
        write_rows(f"{name}-tune.tsv", rest[:1500])
        write_rows(f"{name}-test.tsv", rows("valid"))


OUT.mkdir(parents=True, exist_ok=True)
clinc()
goemotions()
indonesian()
