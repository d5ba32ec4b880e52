"""Random weights for the models of derive.py, under the names that their files have."""
import math

import numpy as np


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
