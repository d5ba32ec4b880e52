"""The published code of some architectures, written down anew in float64: what derive.py calls the truth.

A run gives the states after the embeddings and after every layer of one row, whose tokens are `ids` and `types`.
"""
import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])

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

    def finish(self, x):  # what comes behind the layers
        return x

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


def outputs_of_pooler(model, x):
    return {"pooler_output": np.tanh(model.linear(x[0], "pooler.dense"))}


def classify(model, x, first, second, activation):
    logits = model.linear(activation(model.linear(x[0], first)), second)
    return {"logits": logits, "scores": softmax(logits) if len(logits) > 1 else 1 / (1 + np.exp(-logits))}
