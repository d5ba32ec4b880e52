#!/usr/bin/python3
"""Writes the benchmark's models: Hugging Face directories of the usual shapes, with random weights that are the same on every run.

    models.py minilm-l6 --out build/bench/models/minilm-l6
    models.py multilingual-minilm-l12 --out DIR

The weights mean nothing, but their scale is that of trained models: products keep their variance and the softmax is neither flat nor a
single spike, so that an error anywhere shows in the output.
"""

import argparse
import json
import os
import zlib
from dataclasses import asdict, dataclass, replace

import numpy

import tensor_file
import xlmr_tokenizer

GENERATOR_VERSION = 2  # raise when the files below change: cached directories are then written again


@dataclass(frozen=True)
class Shape:
    model_type: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocab_size: int = 30522
    positions: int = 512
    type_vocab_size: int = 2  # DistilBERT has none
    pieces: int = 0  # of XLM-R's kind of tokenizer, in a sentence-transformers directory; 0: a plain one with WordPiece


SHAPES = {
    "minilm-l6": Shape("bert", 6, 384, 12, 1536),
    "minilm-l12": Shape("bert", 12, 384, 12, 1536),
    "distilbert": Shape("distilbert", 6, 768, 12, 3072),
    "bert-base": Shape("bert", 12, 768, 12, 3072),
    "multilingual-minilm-l12": Shape("bert", 12, 384, 12, 1536, vocab_size=250037, pieces=250002),  # paraphrase-multilingual-MiniLM-L12-v2
}


def config(shape):
    if shape.model_type == "distilbert":
        return {
            "architectures": ["DistilBertModel"], "model_type": "distilbert", "activation": "gelu",
            "dim": shape.hidden, "hidden_dim": shape.intermediate, "n_heads": shape.heads, "n_layers": shape.layers,
            "vocab_size": shape.vocab_size, "max_position_embeddings": shape.positions, "sinusoidal_pos_embds": False,
            "attention_dropout": 0.1, "dropout": 0.1, "initializer_range": 0.02, "pad_token_id": 0, "torch_dtype": "float32",
        }
    return {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu",
        "hidden_size": shape.hidden, "intermediate_size": shape.intermediate, "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers, "vocab_size": shape.vocab_size, "max_position_embeddings": shape.positions,
        "type_vocab_size": shape.type_vocab_size, "position_embedding_type": "absolute", "layer_norm_eps": 1e-12,
        "attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "pad_token_id": 0,
        "torch_dtype": "float32",
    }


def tensors(shape, seed=0):
    """(name, shape, make) of every tensor, as tensor_file.write takes them."""
    result = []

    def add(name, dims, scale, mean=0.0):
        def make():
            random = numpy.random.default_rng([seed, zlib.crc32(name.encode())])
            return (mean + scale * random.standard_normal(dims, dtype=numpy.float32)).astype(numpy.float32)
        result.append((name, dims, make))

    def linear(name, out, inner):
        add(f"{name}.weight", (out, inner), inner ** -0.5)
        add(f"{name}.bias", (out,), 0.02)

    def norm(name):
        add(f"{name}.weight", (shape.hidden,), 0.1, mean=1.0)
        add(f"{name}.bias", (shape.hidden,), 0.05)

    distil = shape.model_type == "distilbert"
    add("embeddings.word_embeddings.weight", (shape.vocab_size, shape.hidden), 0.05)
    add("embeddings.position_embeddings.weight", (shape.positions, shape.hidden), 0.02)
    if not distil:
        add("embeddings.token_type_embeddings.weight", (shape.type_vocab_size, shape.hidden), 0.02)
    norm("embeddings.LayerNorm")
    for index in range(shape.layers):
        names = layer_names(shape.model_type, index)
        for part in ("query", "key", "value", "attention_output"):
            linear(names[part], shape.hidden, shape.hidden)
        norm(names["attention_norm"])
        linear(names["up"], shape.intermediate, shape.hidden)
        linear(names["down"], shape.hidden, shape.intermediate)
        norm(names["output_norm"])
    if not distil:
        linear("pooler.dense", shape.hidden, shape.hidden)
    return result


def layer_names(model_type, index):
    """What the parts of an encoder layer are called in the file."""
    if model_type == "distilbert":
        base = f"transformer.layer.{index}"
        return {"query": f"{base}.attention.q_lin", "key": f"{base}.attention.k_lin", "value": f"{base}.attention.v_lin",
                "attention_output": f"{base}.attention.out_lin", "attention_norm": f"{base}.sa_layer_norm",
                "up": f"{base}.ffn.lin1", "down": f"{base}.ffn.lin2", "output_norm": f"{base}.output_layer_norm"}
    base = f"encoder.layer.{index}"
    return {"query": f"{base}.attention.self.query", "key": f"{base}.attention.self.key", "value": f"{base}.attention.self.value",
            "attention_output": f"{base}.attention.output.dense", "attention_norm": f"{base}.attention.output.LayerNorm",
            "up": f"{base}.intermediate.dense", "down": f"{base}.output.dense", "output_norm": f"{base}.output.LayerNorm"}


def vocabulary(size):
    """A WordPiece vocabulary with BERT's special tokens in BERT's places, single characters, and made-up words and word ends."""
    entries = ["[PAD]"] + [f"[unused{i}]" for i in range(99)] + ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    entries += characters + ["##" + c for c in characters]
    seen, onsets, vowels, codas = set(entries), "bcdfghjklmnprstvwz", "aeiou", ["", "n", "r", "s", "l", "t"]
    syllables = [o + v + c for c in codas for o in onsets for v in vowels]
    words = syllables + [a + b for a in syllables for b in syllables]
    for word in words:
        if len(entries) >= size:
            break
        entries += [entry for entry in (word, "##" + word) if entry not in seen]
    if len(entries) < size:
        raise ValueError(f"vocab_size {size}: the generator makes {len(entries)} entries at most")
    return entries[:size]


def write(shape, directory, seed=0):
    """Writes the directory unless it already holds exactly this model."""
    stamp_path = os.path.join(directory, ".generated.json")
    stamp = {"version": GENERATOR_VERSION, "seed": seed, "numpy": numpy.__version__, **asdict(shape)}
    try:
        with open(stamp_path, encoding="utf-8") as file:
            if json.load(file) == stamp:
                return
        os.remove(stamp_path)  # from here on the directory is incomplete
    except FileNotFoundError:
        pass
    os.makedirs(directory, exist_ok=True)

    def write_json(name, value):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
            file.write("\n")

    write_json("config.json", config(shape))
    if shape.pieces > 0:
        write_sentence_transformers(shape, directory, write_json, seed)
    else:
        write_wordpiece(shape, directory, write_json)
    tensor_file.write(os.path.join(directory, "model.safetensors"), tensors(shape, seed))
    write_json(".generated.json", stamp)


def write_wordpiece(shape, directory, write_json):
    write_json("tokenizer_config.json", {
        "do_lower_case": True, "model_max_length": shape.positions, "tokenizer_class": "BertTokenizer", "unk_token": "[UNK]",
        "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
        "tokenize_chinese_chars": True, "strip_accents": None})
    with open(os.path.join(directory, "vocab.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(vocabulary(shape.vocab_size)) + "\n")


def write_sentence_transformers(shape, directory, write_json, seed):
    """XLM-R's tokenizer and mean pooling: the files of paraphrase-multilingual-MiniLM-L12-v2 beside its weights."""
    roles = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    write_json("tokenizer_config.json", {"model_max_length": shape.positions, "tokenizer_class": "PreTrainedTokenizerFast", **roles})
    write_json("special_tokens_map.json", roles)
    write_json("modules.json", [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])
    write_json("sentence_bert_config.json", {"max_seq_length": 128, "do_lower_case": False})
    os.makedirs(os.path.join(directory, "1_Pooling"), exist_ok=True)
    write_json("1_Pooling/config.json", {
        "word_embedding_dimension": shape.hidden, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False})
    xlmr_tokenizer.write(os.path.join(directory, "tokenizer.json"), shape.pieces, seed)
    vocab = os.path.join(directory, "vocab.txt")
    if os.path.exists(vocab):  # an earlier version's
        os.remove(vocab)


def main():
    parser = argparse.ArgumentParser(description="Write a Hugging Face directory with random weights.")
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    for field in ("layers", "hidden", "heads", "intermediate", "vocab_size", "positions", "pieces"):
        parser.add_argument("--" + field.replace("_", "-"), type=int, help="instead of the shape's own")
    arguments = parser.parse_args()
    changes = {key: value for key, value in vars(arguments).items() if key not in ("name", "out", "seed") and value is not None}
    write(replace(SHAPES[arguments.name], **changes), arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
