#!/usr/bin/env python3
"""Writes the cases whose source is "numpy": small models with random weights, and what the published code of their architectures gives for them, written
down anew in float64.

    tests/reference/derive.py            all of them, beside this file
    tests/reference/derive.py roformer   those whose names begin so
"""
import json
import math
import pathlib
import struct
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
ROWS = (17, 23, 2, 9, 5)  # tokens of the rows of a batch
erf = np.vectorize(math.erf, otypes=[float])


# The parts ---------------------------------------------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "gelu_new": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
}


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


class Model:
    """Tensors by name, and the layers that read them."""

    def __init__(self, config, tensors, prefix):
        self.config, self.prefix = config, prefix
        self.tensors = {name: value.astype(np.float64) for name, value in tensors.items()}
        self.heads = config["num_attention_heads"]

    def tensor(self, name):
        return self.tensors[self.prefix + name] if self.prefix + name in self.tensors else self.tensors.get(name)

    def linear(self, x, name):
        bias = self.tensor(name + ".bias")
        return x @ self.tensor(name + ".weight").T + (0 if bias is None else bias)

    def norm(self, x, name):
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        return x * self.tensor(name + ".weight") + self.tensor(name + ".bias")

    def activation(self, x):
        return ACTIVATIONS[self.config["hidden_act"]](x)

    def embed(self, ids, types, *more):
        x = self.tensor("embeddings.word_embeddings.weight")[ids]
        if self.tensor("embeddings.token_type_embeddings.weight") is not None:
            x = x + self.tensor("embeddings.token_type_embeddings.weight")[types]
        for rows in more:
            x = x + rows
        return x

    def split(self, x):  # [tokens, hidden] to [heads, tokens, head size]
        return x.reshape(len(x), self.heads, -1).transpose(1, 0, 2)

    def attend(self, q, k, v, bias=0.0, terms=1):
        scores = (q @ k.transpose(0, 2, 1)) / math.sqrt(q.shape[-1] * terms) + bias
        mixed = softmax(scores) @ v
        return mixed.transpose(1, 0, 2).reshape(mixed.shape[1], -1)

    def bert_block(self, x, mixed, layer):  # what follows attention in BERT's layers
        x = self.norm(x + self.linear(mixed, layer + "attention.output.dense"), layer + "attention.output.LayerNorm")
        inner = self.activation(self.linear(x, layer + "intermediate.dense"))
        return self.norm(x + self.linear(inner, layer + "output.dense"), layer + "output.LayerNorm")

    def masked_lm(self, x):  # BERT's
        x = self.norm(self.activation(self.linear(x, "cls.predictions.transform.dense")), "cls.predictions.transform.LayerNorm")
        return x @ self.tensor("embeddings.word_embeddings.weight").T + self.tensor("cls.predictions.bias")


def turn_halves(x, angles):  # a value and the one half a head further on
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], axis=-1)


def turn_neighbours(x, sines, cosines):
    turned = np.empty_like(x)
    turned[..., 0::2] = x[..., 0::2] * cosines - x[..., 1::2] * sines
    turned[..., 1::2] = x[..., 1::2] * cosines + x[..., 0::2] * sines
    return turned


# The architectures: states after the embeddings and after every layer ------------------------------------------------------------------------------

def jina_embeddings_v3(model, ids, types):
    size = model.config["hidden_size"] // model.heads
    theta = np.float32(model.config["rope_parameters"]["rope_theta"])
    frequencies = (1 / theta ** (np.arange(0, size, 2, dtype=np.float32) / np.float32(size))).astype(np.float32)
    angles = (np.arange(len(ids), dtype=np.float32)[:, None] * frequencies).astype(np.float64)  # float32, as in the library
    states = [model.norm(model.embed(ids, types), "embeddings.LayerNorm")]
    for i in range(model.config["num_hidden_layers"]):
        x, layer = states[-1], f"layers.{i}."
        q, k, v = (model.split(model.linear(x, f"{layer}self_attn.{part}_proj")) for part in "qkv")
        mixed = model.attend(turn_halves(q, angles), turn_halves(k, angles), v)
        x = model.norm(x + model.linear(mixed, layer + "self_attn.o_proj"), layer + "post_attention_layernorm")
        inner = model.activation(model.linear(x, layer + "mlp.fc1"))
        states.append(model.norm(x + model.linear(inner, layer + "mlp.fc2"), layer + "post_mlp_layernorm"))
    return states


def roformer(model, ids, types):
    size = model.config["hidden_size"] // model.heads
    angles = np.arange(len(ids))[:, None] / np.power(10000, np.arange(0, size, 2) / size)
    sines, cosines = (f(angles).astype(np.float32).astype(np.float64) for f in (np.sin, np.cos))  # a float32 table of float64 angles
    x = model.norm(model.embed(ids, types), "embeddings.LayerNorm")
    states = [model.linear(x, "embeddings_project") if model.tensor("embeddings_project.weight") is not None else x]
    for i in range(model.config["num_hidden_layers"]):
        x, layer = states[-1], f"encoder.layer.{i}."
        q, k, v = (model.split(model.linear(x, f"{layer}attention.self.{part}")) for part in ("query", "key", "value"))
        q, k = (turn_neighbours(part, sines, cosines) for part in (q, k))
        if model.config["rotary_value"]:
            v = turn_neighbours(v, sines, cosines)
        states.append(model.bert_block(x, model.attend(q, k, v), layer))
    return states


def ernie(model, ids, types):
    positions = model.tensor("embeddings.position_embeddings.weight")[: len(ids)]
    states = [model.norm(model.embed(ids, types, positions, model.tensor("embeddings.task_type_embeddings.weight")[0]), "embeddings.LayerNorm")]
    for i in range(model.config["num_hidden_layers"]):
        x, layer = states[-1], f"encoder.layer.{i}."
        q, k, v = (model.split(model.linear(x, f"{layer}attention.self.{part}")) for part in ("query", "key", "value"))
        states.append(model.bert_block(x, model.attend(q, k, v), layer))
    return states


def bert(model, ids, types):
    size = model.config["hidden_size"] // model.heads
    kind = model.config["position_embedding_type"]
    distance = np.arange(len(ids))[:, None] - np.arange(len(ids))  # of a query (row) from a key (column)
    states = [model.norm(model.embed(ids, types), "embeddings.LayerNorm")]  # no absolute positions
    for i in range(model.config["num_hidden_layers"]):
        x, layer = states[-1], f"encoder.layer.{i}."
        q, k, v = (model.split(model.linear(x, f"{layer}attention.self.{part}")) for part in ("query", "key", "value"))
        embedded = model.tensor(layer + "attention.self.distance_embedding.weight")[distance + model.config["max_position_embeddings"] - 1]
        bias = np.einsum("hld,lrd->hlr", q, embedded)
        if kind == "relative_key_query":
            bias = bias + np.einsum("hrd,lrd->hlr", k, embedded)
        states.append(model.bert_block(x, model.attend(q, k, v, bias / math.sqrt(size)), layer))
    return states


def deberta(model, ids, types):
    config = model.config
    terms = config["pos_att_type"]
    terms = [term.strip() for term in terms.lower().split("|")] if isinstance(terms, str) else terms
    absolute = [model.tensor("embeddings.position_embeddings.weight")[: len(ids)]] if config["position_biased_input"] else []
    states = [model.norm(model.embed(ids, types, *absolute), "embeddings.LayerNorm")]
    largest = config["max_relative_positions"] if config["max_relative_positions"] > 0 else config["max_position_embeddings"]
    span = min(len(ids), largest)
    relative = model.tensor("encoder.rel_embeddings.weight")[largest - span : largest + span]
    distance = np.arange(len(ids))[:, None] - np.arange(len(ids))  # of a query (row) from a key (column)
    index = np.broadcast_to(np.clip(distance + span, 0, 2 * span - 1), (model.heads, len(ids), len(ids)))
    for i in range(config["num_hidden_layers"]):
        x, layer = states[-1], f"encoder.layer.{i}."
        # One matrix: for each head its queries, its keys, its values.
        parts = model.linear(x, layer + "attention.self.in_proj").reshape(len(ids), model.heads, 3, -1).transpose(2, 1, 0, 3)
        q = parts[0] + model.split(model.tensor(layer + "attention.self.q_bias")[None])
        k, v = parts[1], parts[2] + model.split(model.tensor(layer + "attention.self.v_bias")[None])
        bias = np.zeros((model.heads, len(ids), len(ids)))
        if "c2p" in terms:
            keys = model.split(model.linear(relative, layer + "attention.self.pos_proj"))
            bias += np.take_along_axis(q @ keys.transpose(0, 2, 1), index, axis=-1)
        if "p2c" in terms:
            queries = model.split(model.linear(relative, layer + "attention.self.pos_q_proj"))
            of_keys = np.clip(span - distance, 0, 2 * span - 1)  # rows are keys now
            bias += np.take_along_axis(k @ queries.transpose(0, 2, 1), np.broadcast_to(of_keys, index.shape), axis=-1).transpose(0, 2, 1)
        count = 1 + len(terms)
        states.append(model.bert_block(x, model.attend(q, k, v, bias / math.sqrt(q.shape[-1] * count), count), layer))
    return states


# Random weights ------------------------------------------------------------------------------------------------------------------------------------

class Maker:
    def __init__(self, seed, prefix):
        self.random, self.prefix, self.tensors = np.random.default_rng(seed), prefix, {}

    def put(self, name, shape, deviation, mean=0.0, prefix=None):
        self.tensors[(self.prefix if prefix is None else prefix) + name] = self.random.normal(mean, deviation, shape).astype(np.float32)

    def linear(self, name, out, size, bias=True, prefix=None):
        self.put(name + ".weight", (out, size), 1 / math.sqrt(size), prefix=prefix)
        if bias:
            self.put(name + ".bias", out, 0.2, prefix=prefix)

    def norm(self, name, size, prefix=None):
        self.put(name + ".weight", size, 0.2, 1.0, prefix)
        self.put(name + ".bias", size, 0.2, prefix=prefix)

    def embeddings(self, config, *more):
        size = config.get("embedding_size") or config["hidden_size"]
        self.put("embeddings.word_embeddings.weight", (config["vocab_size"], size), 0.7)
        self.put("embeddings.token_type_embeddings.weight", (config["type_vocab_size"], size), 0.5)
        for name, rows in more:
            self.put(f"embeddings.{name}.weight", (rows, size), 0.5)
        self.norm("embeddings.LayerNorm", size)
        if size != config["hidden_size"]:
            self.linear("embeddings_project", config["hidden_size"], size)

    def bert_block(self, config, layer):
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        self.linear(layer + "attention.output.dense", hidden, hidden)
        self.norm(layer + "attention.output.LayerNorm", hidden)
        self.linear(layer + "intermediate.dense", inner, hidden)
        self.linear(layer + "output.dense", hidden, inner)
        self.norm(layer + "output.LayerNorm", hidden)

    def bert_layers(self, config):
        for i in range(config["num_hidden_layers"]):
            for part in ("query", "key", "value"):
                self.linear(f"encoder.layer.{i}.attention.self.{part}", config["hidden_size"], config["hidden_size"])
            self.bert_block(config, f"encoder.layer.{i}.")


def make_jina(maker, config):
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    maker.embeddings(config)
    for i in range(config["num_hidden_layers"]):
        for part in "qkvo":
            maker.linear(f"layers.{i}.self_attn.{part}_proj", hidden, hidden)
        maker.norm(f"layers.{i}.post_attention_layernorm", hidden)
        maker.linear(f"layers.{i}.mlp.fc1", inner, hidden)
        maker.linear(f"layers.{i}.mlp.fc2", hidden, inner)
        maker.norm(f"layers.{i}.post_mlp_layernorm", hidden)


def make_roformer(maker, config):
    maker.embeddings(config)
    maker.bert_layers(config)
    # The library stores its table of sines and cosines, which is always the same.
    size = config["hidden_size"] // config["num_attention_heads"]
    angles = np.arange(config["max_position_embeddings"])[:, None] / np.power(10000, np.arange(0, size, 2) / size)
    maker.tensors[maker.prefix + "encoder.embed_positions.weight"] = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def make_ernie(maker, config):
    maker.embeddings(config, ("position_embeddings", config["max_position_embeddings"]), ("task_type_embeddings", config["task_type_vocab_size"]))
    maker.bert_layers(config)


def make_bert(maker, config):
    maker.embeddings(config, ("position_embeddings", config["max_position_embeddings"]))  # which nothing reads
    maker.bert_layers(config)
    for i in range(config["num_hidden_layers"]):
        size = config["hidden_size"] // config["num_attention_heads"]
        maker.put(f"encoder.layer.{i}.attention.self.distance_embedding.weight", (2 * config["max_position_embeddings"] - 1, size), 0.5)


def make_deberta(maker, config):
    hidden = config["hidden_size"]
    maker.embeddings(config, *([("position_embeddings", config["max_position_embeddings"])] if config["position_biased_input"] else []))
    largest = config["max_relative_positions"] if config["max_relative_positions"] > 0 else config["max_position_embeddings"]
    maker.put("encoder.rel_embeddings.weight", (2 * largest, hidden), 0.7)
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}.attention.self."
        maker.linear(layer + "in_proj", 3 * hidden, hidden, bias=False)
        maker.put(layer + "q_bias", hidden, 0.2)
        maker.put(layer + "v_bias", hidden, 0.2)
        if "c2p" in config["pos_att_type"]:
            maker.linear(layer + "pos_proj", hidden, hidden, bias=False)
        if "p2c" in config["pos_att_type"]:
            maker.linear(layer + "pos_q_proj", hidden, hidden)
        maker.bert_block(config, f"encoder.layer.{i}.")


# Heads: what they add to the tensors, and what they give -------------------------------------------------------------------------------------------

def pooler(maker, config):
    maker.linear("pooler.dense", config["hidden_size"], config["hidden_size"])


def two_layers(maker, config):
    maker.linear("classifier.dense", config["hidden_size"], config["hidden_size"], prefix="")
    maker.linear("classifier.out_proj", len(config["id2label"]), config["hidden_size"], prefix="")


def pooled_classifier(in_body):
    def make(maker, config):
        maker.linear("pooler.dense", config["hidden_size"], config["hidden_size"], prefix=None if in_body else "")
        maker.linear("classifier", len(config["id2label"]), config["hidden_size"], prefix="")
    return make


def bert_masked_lm(maker, config):
    size = config.get("embedding_size") or config["hidden_size"]
    maker.linear("cls.predictions.transform.dense", size, config["hidden_size"], prefix="")
    maker.norm("cls.predictions.transform.LayerNorm", size, prefix="")
    maker.put("cls.predictions.bias", config["vocab_size"], 0.2, prefix="")


def outputs_of_pooler(model, x):
    return {"pooler_output": np.tanh(model.linear(x[0], "pooler.dense"))}


def classify(model, x, first, second, activation):
    logits = model.linear(activation(model.linear(x[0], first)), second)
    return {"logits": logits, "scores": softmax(logits) if len(logits) > 1 else 1 / (1 + np.exp(-logits))}


# The cases -----------------------------------------------------------------------------------------------------------------------------------------

def config_of(model_type, name, **more):
    config = {"architectures": [name], "model_type": model_type, "vocab_size": 150, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 50, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "max_position_embeddings": 48, "type_vocab_size": 2,
              "pad_token_id": 0, "transformers_version": "5.0.0"}
    config.update(more)
    return config


def labels(*names):
    return {"id2label": {str(i): name for i, name in enumerate(names)}, "label2id": {name: i for i, name in enumerate(names)}}


JINA = {"type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5, "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0}}
DEBERTA = {"layer_norm_eps": 1e-7, "relative_attention": True, "position_biased_input": False, "pooler_hidden_size": 32, "pooler_hidden_act": "gelu",
           "pooler_dropout": 0}
# Tensors of Jina v3 under the names of its published file: the library writes those, too.
PUBLISHED_JINA = [("embeddings.LayerNorm", "emb_ln"), ("layers.", "encoder.layers."), ("self_attn.o_proj", "mixer.out_proj"),
                  ("post_attention_layernorm", "norm1"), ("post_mlp_layernorm", "norm2")]

CASES = {
    "jina-embeddings-v3": dict(
        config=config_of("jina_embeddings_v3", "JinaEmbeddingsV3Model", **JINA), make=make_jina, run=jina_embeddings_v3, prefix="", head=pooler,
        outputs=outputs_of_pooler, notes="the names of tensors that transformers 5 has in memory"),
    "jina-embeddings-v3-seqcls": dict(
        config=config_of("jina_embeddings_v3", "JinaEmbeddingsV3ForSequenceClassification", **JINA, **labels("NO", "PERHAPS", "YES")), make=make_jina,
        run=jina_embeddings_v3, prefix="roberta.", head=two_layers, published=PUBLISHED_JINA,
        outputs=lambda model, x: classify(model, x, "classifier.dense", "classifier.out_proj", np.tanh), notes="the names of the published file"),
    "roformer-mlm": dict(
        config=config_of("roformer", "RoFormerForMaskedLM", embedding_size=20, rotary_value=False), make=make_roformer, run=roformer, prefix="roformer.",
        head=bert_masked_lm, outputs=lambda model, x: {"logits": model.masked_lm(x)}, notes="tables of a size of their own; the decoder is the embeddings"),
    "roformer-seqcls": dict(
        config=config_of("roformer", "RoFormerForSequenceClassification", embedding_size=None, rotary_value=True, hidden_act="gelu_new",
                         **labels("NO", "YES")), make=make_roformer, run=roformer, prefix="roformer.", head=two_layers,
        outputs=lambda model, x: classify(model, x, "classifier.dense", "classifier.out_proj", model.activation),
        notes="values are turned, too; the head has the layers' activation"),
    "ernie-seqcls": dict(
        config=config_of("ernie", "ErnieForSequenceClassification", hidden_act="relu", use_task_id=True, task_type_vocab_size=3, type_vocab_size=4,
                         **labels("A", "B", "C")), make=make_ernie, run=ernie, prefix="ernie.", head=pooled_classifier(True),
        outputs=lambda model, x: classify(model, x, "pooler.dense", "classifier", np.tanh), notes="every token has the first task type"),
    "bert-relative-key": dict(
        config=config_of("bert", "BertModel", position_embedding_type="relative_key", transformers_version="4.40.2"), make=make_bert, run=bert, prefix="", head=pooler,
        outputs=outputs_of_pooler, notes="transformers 4; the table of absolute positions is in the file, and nothing reads it"),
    "roberta-relative-key-query": dict(
        config=config_of("roberta", "RobertaForSequenceClassification", position_embedding_type="relative_key_query", pad_token_id=1, transformers_version="4.40.2",
                         **labels("NO", "YES")), make=make_bert, run=bert, prefix="roberta.", head=two_layers,
        outputs=lambda model, x: classify(model, x, "classifier.dense", "classifier.out_proj", np.tanh), notes="transformers 4"),
    "deberta-seqcls": dict(
        config=config_of("deberta", "DebertaForSequenceClassification", **DEBERTA, max_relative_positions=12, pos_att_type="c2p|p2c",
                         **labels("CONTRADICTION", "NEUTRAL", "ENTAILMENT")), make=make_deberta, run=deberta, prefix="deberta.",
        head=pooled_classifier(False), outputs=lambda model, x: classify(model, x, "pooler.dense", "classifier", ACTIVATIONS["gelu"]),
        notes="rows reach beyond max_relative_positions"),
    "deberta": dict(
        config=config_of("deberta", "DebertaModel", **{**DEBERTA, "position_biased_input": True}, max_relative_positions=-1, pos_att_type=["p2c"]),
        make=make_deberta, run=deberta, prefix="", head=None, outputs=lambda model, x: {}, notes="p2c alone, absolute positions"),
}

DESCRIPTIONS = {
    "input_ids": "token ids, padded on the right", "attention_mask": "1 for tokens, 0 for padding", "token_type_ids": "segment ids",
    "last_hidden_state": "[B,S,H]", "pooler_output": "[B,H]", "logits": "raw head output, before any softmax or sigmoid",
    "scores": "what the Hugging Face pipeline would report for these logits (see score_function)",
}


def publish(tensors, replacements):
    """Renamed, and queries, keys and values as one matrix."""
    result = {}
    for name, value in tensors.items():
        for old, new in replacements:
            name = name.replace(old, new)
        if "self_attn.q_proj" in name:
            stored = [tensors[name.replace("encoder.layers.", "layers.").replace("q_proj", f"{part}_proj")] for part in "qkv"]
            name, value = name.replace("self_attn.q_proj", "mixer.Wqkv"), np.concatenate(stored)
        elif "self_attn" in name:
            continue
        result[name] = value
    return result


def save(path, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, value in sorted(tensors.items()):
        raw = np.ascontiguousarray(value).tobytes()
        header[name] = {"dtype": {"float32": "F32", "int64": "I64"}[value.dtype.name], "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_case(name, config, make, run, prefix, head, outputs, notes, published=None):
    maker = Maker(sum(name.encode()), prefix)
    make(maker, config)
    if head:
        head(maker, config)
    model = Model(config, maker.tensors, prefix)
    expected, scales = {}, {}
    for group, lengths in (("", ROWS), ("long.", (config["max_position_embeddings"] - 2,))):
        width = max(lengths)
        inputs = {key: np.zeros((len(lengths), width), np.int64) for key in ("input_ids", "attention_mask", "token_type_ids")}
        inputs["input_ids"][:] = config["pad_token_id"]
        values = {}
        for row, length in enumerate(lengths):
            ids, types = maker.random.integers(5, config["vocab_size"], length), np.sort(maker.random.integers(0, config["type_vocab_size"], length))
            inputs["input_ids"][row, :length], inputs["token_type_ids"][row, :length], inputs["attention_mask"][row, :length] = ids, types, 1
            states = run(model, ids, types)
            given = {"last_hidden_state": states[-1], **outputs(model, states[-1])}
            if group == "":
                given.update({f"hidden_states.{i}": state for i, state in enumerate(states)})
            for key, value in given.items():
                per_token = value.ndim == 2
                shape = (len(lengths), width) + value.shape[1:] if per_token else (len(lengths),) + value.shape
                whole = values.setdefault(key, np.zeros(shape))
                whole[(row, slice(length)) if per_token else row] = value
                scales[group + key] = max(scales.get(group + key, 0.0), float(np.abs(value).max()))
        expected.update({group + key: value for key, value in inputs.items()})
        expected.update({group + key: value.astype(np.float32) for key, value in values.items()})
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save(folder / "model.safetensors", publish(maker.tensors, published) if published else maker.tensors)
    save(folder / "expected.safetensors", expected)
    description = {
        "case": name, "class": config["architectures"][0], "source": "numpy: written by hand after the published code (derive.py)",
        "computed_in": "float64 from the stored weights, saved as float32", "notes": notes,
        "inputs": {"": "a batch of 5 right-padded rows of different lengths", "long.": "one row, close to the longest the positions allow"},
        "tensors": {},
    }
    if "id2label" in config:
        description["score_function"] = "softmax"
    for key in sorted(expected):
        plain = key.removeprefix("long.")
        entry = {"dtype": "I64" if key not in scales else "F32", "shape": list(expected[key].shape),
                 "description": DESCRIPTIONS.get(plain, "[B,S,H] hidden state after the embeddings (0) or after layer i")}
        if key in scales:
            entry["scale"] = scales[key]
            if expected[key].ndim == 3:
                entry["per_token"] = True
        description["tensors"][key] = entry
    (folder / "expected.json").write_text(json.dumps(description, indent=1) + "\n")


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, case in CASES.items():
        if name.startswith(wanted):
            write_case(name, **case)
