"""Models whose norms are RMSNorm, for derive.py: their weights, and their published code written down anew in float64."""
import numpy as np

import derive_models as models


class Model(models.Model):
    def norm(self, x, name):
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + self.epsilon)
        return x * self.tensor(name + ".weight")

    def heads_of(self, x, count):  # [tokens, count * size] to [heads, tokens, size], each of the `count` as often as heads read it
        return np.repeat(x.reshape(len(x), count, -1).transpose(1, 0, 2), self.heads // count, axis=0)

    def attend(self, q, k, v, scale, bias=0.0):
        mixed = models.softmax(q @ k.transpose(0, 2, 1) * scale + bias) @ v
        return mixed.transpose(1, 0, 2).reshape(mixed.shape[1], -1)


def linear(maker, name, out, size, bias=False):
    maker.linear(name, out, size, bias)


def norm(maker, name, size, mean=1.0):
    maker.put(name + ".weight", size, 0.2, mean)


def frequencies(theta, size):  # in float32, as the library has them
    return (1 / np.float32(theta) ** (np.arange(0, size, 2, dtype=np.float32) / np.float32(size))).astype(np.float32)


def angles(count, theta, size):
    return (np.arange(count, dtype=np.float32)[:, None] * frequencies(theta, size)).astype(np.float64)


# EuroBERT: transformers/models/eurobert/modeling_eurobert.py.


class EuroBert(Model):
    @property
    def epsilon(self):
        return self.config["rms_norm_eps"]

    @property
    def head_size(self):
        return self.config.get("head_dim") or self.config["hidden_size"] // self.heads

    def finish(self, x):
        return self.norm(x, "norm")


ACTIVATIONS = {**models.ACTIVATIONS, "silu": lambda x: x / (1 + np.exp(-x))}


def eurobert_config(name, **more):
    config = {"architectures": [name], "model_type": "eurobert", "vocab_size": 150, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 6,
              "num_key_value_heads": 2, "intermediate_size": 50, "hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 48, "pad_token_id": 1,
              "bos_token_id": 0, "eos_token_id": 1, "mask_token_id": 2, "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False,
              "rope_theta": 250000.0, "rope_scaling": None, "transformers_version": "4.48.0"}
    config.update(more)
    return config


def native(**more):  # as transformers 5 writes it
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}, "rope_theta": None, "transformers_version": "5.0.0", **more}


def make_eurobert(maker, config):
    hidden, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    size = config.get("head_dim") or hidden // heads
    keys = size * (config["num_key_value_heads"] or heads)
    maker.put("embed_tokens.weight", (config["vocab_size"], hidden), 0.7)
    for i in range(config["num_hidden_layers"]):
        for part, out in (("q", heads * size), ("k", keys), ("v", keys)):
            linear(maker, f"layers.{i}.self_attn.{part}_proj", out, hidden, config["attention_bias"])
        linear(maker, f"layers.{i}.self_attn.o_proj", hidden, heads * size, config["attention_bias"])
        for part in ("gate", "up"):
            linear(maker, f"layers.{i}.mlp.{part}_proj", inner, hidden, config["mlp_bias"])
        linear(maker, f"layers.{i}.mlp.down_proj", hidden, inner, config["mlp_bias"])
        norm(maker, f"layers.{i}.input_layernorm", hidden)
        norm(maker, f"layers.{i}.post_attention_layernorm", hidden)
    norm(maker, "norm", hidden)


def eurobert(model, ids, _):
    config = model.config
    theta = (config.get("rope_parameters") or config)["rope_theta"]
    turns = angles(len(ids), theta, model.head_size)
    keys = config["num_key_value_heads"] or model.heads
    activation = ACTIVATIONS[config["hidden_act"]]
    states = [model.tensor("embed_tokens.weight")[ids]]
    for i in range(config["num_hidden_layers"]):
        x, layer = states[-1], f"layers.{i}."
        read = model.norm(x, layer + "input_layernorm")
        q = model.heads_of(model.linear(read, layer + "self_attn.q_proj"), model.heads)
        k, v = (model.heads_of(model.linear(read, f"{layer}self_attn.{part}_proj"), keys) for part in "kv")
        q, k = models.turn_halves(q, turns), models.turn_halves(k, turns)
        x = x + model.linear(model.attend(q, k, v, model.head_size**-0.5), layer + "self_attn.o_proj")
        read = model.norm(x, layer + "post_attention_layernorm")
        inner = activation(model.linear(read, layer + "mlp.gate_proj")) * model.linear(read, layer + "mlp.up_proj")
        states.append(x + model.linear(inner, layer + "mlp.down_proj"))
    return states


def eurobert_classifier(maker, config):
    maker.linear("dense", config["hidden_size"], config["hidden_size"], prefix="")
    maker.linear("classifier", len(config["id2label"]), config["hidden_size"], prefix="")


def eurobert_classify(model, x):
    gelu = ACTIVATIONS["gelu"]
    pooling = model.config.get("clf_pooling") or model.config["classifier_pooling"]
    if pooling == "late":
        logits = model.linear(gelu(model.linear(x, "dense")), "classifier").mean(axis=0)
    else:
        logits = model.linear(gelu(model.linear(x[0] if pooling == "bos" else x.mean(axis=0), "dense")), "classifier")
    return {"logits": logits, "scores": models.softmax(logits)}


def eurobert_masked_lm(maker, config):
    if not config["tie_word_embeddings"]:
        maker.put("lm_head.weight", (config["vocab_size"], config["hidden_size"]), 0.3, prefix="")
    if config["mlp_bias"]:
        maker.put("lm_head.bias", config["vocab_size"], 0.2, prefix="")


def eurobert_logits(model, x):
    decoder = model.tensor("lm_head.weight") if not model.config["tie_word_embeddings"] else model.tensor("embed_tokens.weight")
    bias = model.tensor("lm_head.bias")
    return {"logits": x @ decoder.T + (0 if bias is None else bias)}


def labels(*names):
    return {"id2label": {str(i): name for i, name in enumerate(names)}, "label2id": {name: i for i, name in enumerate(names)}}


def eurobert_case(config, head, outputs, notes, prefix="model."):
    return dict(config=config, make=make_eurobert, run=eurobert, prefix=prefix, head=head, outputs=outputs, notes=notes, kind=EuroBert)


CASES = {
    "eurobert": eurobert_case(eurobert_config("EuroBertModel"), None, lambda model, x: {}, "three heads of queries read one of keys", prefix=""),
    "eurobert-mlm": eurobert_case(
        eurobert_config("EuroBertForMaskedLM", **native(head_dim=10, num_key_value_heads=1)), eurobert_masked_lm, eurobert_logits,
        "all heads read the same keys; heads are larger than the hidden size says; a decoder of its own"),
    "eurobert-mlm-tied": eurobert_case(
        eurobert_config("EuroBertForMaskedLM", num_hidden_layers=2, tie_word_embeddings=True, mlp_bias=True, rms_norm_eps=0.05), eurobert_masked_lm,
        eurobert_logits, "biases in the feed-forward block and of the decoder, which is the embeddings"),
    "eurobert-seqcls": eurobert_case(
        eurobert_config("EuroBertForSequenceClassification", **native(classifier_pooling="late", num_hidden_layers=2), **labels("NO", "PERHAPS", "YES")),
        eurobert_classifier, eurobert_classify, "the mean of every token's logits"),
    "eurobert-seqcls-bos": eurobert_case(
        eurobert_config("EuroBertForSequenceClassification", clf_pooling="bos", num_hidden_layers=2, attention_bias=True, **labels("A", "B", "C", "D", "E")),
        eurobert_classifier, eurobert_classify, "the key as the published code has it; biases in attention"),
    "eurobert-seqcls-mean": eurobert_case(
        eurobert_config("EuroBertForSequenceClassification", classifier_pooling="mean", num_hidden_layers=2, hidden_act="gelu",
                        num_key_value_heads=None, **labels("A", "B", "C")),
        eurobert_classifier, eurobert_classify, "every head has keys of its own"),
    "eurobert-tokencls": eurobert_case(
        eurobert_config("EuroBertForTokenClassification", **native(num_hidden_layers=2), **labels("O", "B-PER", "I-PER", "B-LOC", "I-LOC")),
        lambda maker, config: maker.linear("classifier", 5, config["hidden_size"], prefix=""),
        lambda model, x: {"logits": model.linear(x, "classifier")}, "one layer over every token"),
}
