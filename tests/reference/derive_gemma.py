"""EmbeddingGemma for derive.py: transformers/models/gemma3/modeling_gemma3.py with "use_bidirectional_attention", in float64."""
import math

import numpy as np

import derive_models as models
import derive_rms as rms


class Gemma(rms.Model):
    def __init__(self, config, tensors, prefix):
        super().__init__(config, tensors, prefix)
        self.epsilon = config["rms_norm_eps"]

    def norm(self, x, name):
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + self.epsilon)
        return x * (1 + self.tensor(name + ".weight"))

    def finish(self, x):
        return self.norm(x, "norm")


def config_of(**more):
    config = {"architectures": ["Gemma3TextModel"], "model_type": "gemma3_text", "vocab_size": 150, "hidden_size": 32, "num_hidden_layers": 4,
              "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 12, "intermediate_size": 50, "hidden_activation": "gelu_pytorch_tanh",
              "rms_norm_eps": 1e-6, "max_position_embeddings": 48, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1, "attention_bias": False,
              "query_pre_attn_scalar": 10, "sliding_window": 9, "use_bidirectional_attention": True, "attn_logit_softcapping": None,
              "final_logit_softcapping": None, "transformers_version": "4.57.0"}
    config.update(more)
    return config


def make(maker, config):
    hidden, inner, heads, size = (config[key] for key in ("hidden_size", "intermediate_size", "num_attention_heads", "head_dim"))
    keys = size * config["num_key_value_heads"]
    maker.put("embed_tokens.weight", (config["vocab_size"], hidden), 0.15)
    for i in range(config["num_hidden_layers"]):
        layer = f"layers.{i}."
        for part, out in (("q", heads * size), ("k", keys), ("v", keys)):
            maker.linear(f"{layer}self_attn.{part}_proj", out, hidden, config["attention_bias"])
        maker.linear(layer + "self_attn.o_proj", hidden, heads * size, config["attention_bias"])
        for name in ("q_norm", "k_norm"):
            rms.norm(maker, f"{layer}self_attn.{name}", size, 0.0)
        for part in ("gate", "up"):
            maker.linear(f"{layer}mlp.{part}_proj", inner, hidden, False)
        maker.linear(layer + "mlp.down_proj", hidden, inner, False)
        for name in ("input", "post_attention", "pre_feedforward", "post_feedforward"):
            rms.norm(maker, f"{layer}{name}_layernorm", hidden, 0.0)
    rms.norm(maker, "norm", hidden, 0.0)


def kinds_of(config):
    if "layer_types" in config:
        return config["layer_types"]
    every = config["sliding_window_pattern"]
    return ["sliding_attention" if (i + 1) % every else "full_attention" for i in range(config["num_hidden_layers"])]


def angles(count, config, kind):
    parameters = config["rope_parameters"][kind] if "rope_parameters" in config else {
        "rope_theta": config["rope_theta"] if kind == "full_attention" else config["rope_local_base_freq"]}
    frequencies = rms.frequencies(parameters["rope_theta"], config["head_dim"]) / np.float32(parameters.get("factor", 1.0))
    return (np.arange(count, dtype=np.float32)[:, None] * frequencies).astype(np.float64)


def run(model, ids, _):
    config = model.config
    keys = config["num_key_value_heads"]
    window = config["sliding_window"] // 2 + 1  # exclusive
    distance = np.abs(np.arange(len(ids))[:, None] - np.arange(len(ids)))
    masks = {"full_attention": 0.0, "sliding_attention": np.where(distance < window, 0.0, -np.inf)}
    states = [model.tensor("embed_tokens.weight")[ids] * float(np.float32(math.sqrt(config["hidden_size"])))]
    for i, kind in enumerate(kinds_of(config)):
        x, layer = states[-1], f"layers.{i}."
        turns = angles(len(ids), config, kind)
        read = model.norm(x, layer + "input_layernorm")
        q = model.heads_of(model.linear(read, layer + "self_attn.q_proj"), model.heads)
        k, v = (model.heads_of(model.linear(read, f"{layer}self_attn.{part}_proj"), keys) for part in "kv")
        q = models.turn_halves(model.norm(q, layer + "self_attn.q_norm"), turns)
        k = models.turn_halves(model.norm(k, layer + "self_attn.k_norm"), turns)
        mixed = model.attend(q, k, v, config["query_pre_attn_scalar"] ** -0.5, masks[kind])
        x = x + model.norm(model.linear(mixed, layer + "self_attn.o_proj"), layer + "post_attention_layernorm")
        read = model.norm(x, layer + "pre_feedforward_layernorm")
        inner = rms.ACTIVATIONS["gelu_new"](model.linear(read, layer + "mlp.gate_proj")) * model.linear(read, layer + "mlp.up_proj")
        states.append(x + model.norm(model.linear(inner, layer + "mlp.down_proj"), layer + "post_feedforward_layernorm"))
    return states


INNER_SIZE = 52


def dense_modules(maker, config):
    for i, out, size in ((2, INNER_SIZE, config["hidden_size"]), (3, config["hidden_size"], INNER_SIZE)):
        maker.put("linear.weight", (out, size), 1 / math.sqrt(size), prefix=f"{i}_Dense/")


def sentence_embedding(model, x):
    x = x.mean(axis=0)
    for i in (2, 3):
        x = x @ model.tensors[f"{i}_Dense/linear.weight"].T
    return {"sentence_embedding": x / max(np.linalg.norm(x), 1e-12)}


def dense_config(out, size):
    return {"in_features": size, "out_features": out, "bias": False, "activation_function": "torch.nn.modules.linear.Identity"}


SENTENCE_FILES = {
    "modules.json": [{"idx": i, "name": str(i), "path": f"{i}_{name}" if i else "", "type": "sentence_transformers.models." + name}
                     for i, name in enumerate(("Transformer", "Pooling", "Dense", "Dense", "Normalize"))],
    "sentence_bert_config.json": {"max_seq_length": 48, "do_lower_case": False},
    "1_Pooling/config.json": {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
                              "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False},
    "2_Dense/config.json": dense_config(INNER_SIZE, 32),
    "3_Dense/config.json": dense_config(32, INNER_SIZE),
}


def case(config, notes, prefix="", head=None, outputs=lambda model, x: {}, **more):
    return dict(config=config, make=make, run=run, prefix=prefix, head=head, outputs=outputs, notes=notes, kind=Gemma, **more)


THETAS = {"rope_theta": 1000000.0, "rope_local_base_freq": 10000.0}

CASES = {
    "gemma3": case(config_of(**THETAS, rope_scaling=None, layer_types=["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
                             _sliding_window_pattern=6),
                   "heads larger than the hidden size says, all of which read the same keys; rows beyond the window"),
    "gemma3-v5-config": case(
        config_of(num_attention_heads=4, num_key_value_heads=2, head_dim=16, attention_bias=True, sliding_window=12, sliding_window_pattern=2,
                  query_pre_attn_scalar=24, rms_norm_eps=0.02, transformers_version="5.0.0",
                  rope_parameters={"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                                   "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0}}),
        "positions by kind of layer, as transformers 5 writes them; every other layer sees the whole row; biases in attention", prefix="model."),
    "st-gemma3": case(config_of(**THETAS, num_hidden_layers=2, sliding_window=4, layer_types=["sliding_attention", "full_attention"]),
                      "mean, two dense layers without bias, normalised, as embeddinggemma-300m has it", head=dense_modules, outputs=sentence_embedding,
                      files=SENTENCE_FILES),
}
