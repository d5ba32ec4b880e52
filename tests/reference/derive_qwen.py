"""Qwen2 and Qwen3, for derive.py: their weights, and transformers/models/qwen3/modeling_qwen3.py and models/qwen2/modeling_qwen2.py in float64."""
import math

import numpy as np

import derive_models as models
import derive_rms as rms


class Qwen(rms.Model):
    @property
    def epsilon(self):
        return self.config["rms_norm_eps"]

    def finish(self, x):
        return self.norm(x, "norm")


def config_of(family, name, **more):
    config = {"architectures": [family + name], "model_type": family.lower(), "vocab_size": 150, "hidden_size": 32, "num_hidden_layers": 3,
              "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 50, "hidden_act": "silu", "rms_norm_eps": 1e-6,
              "max_position_embeddings": 48, "max_window_layers": 28, "use_sliding_window": False, "sliding_window": None, "attention_dropout": 0.0,
              "tie_word_embeddings": True, "rope_theta": 1000000.0, "rope_scaling": None, "bos_token_id": 3, "eos_token_id": 4, "pad_token_id": 3,
              "transformers_version": "4.51.3", "use_cache": True}
    if family == "Qwen3":
        config.update(head_dim=12, attention_bias=False)
    config.update(more)
    return config


def head_size(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def make(maker, config):
    hidden, inner, size = config["hidden_size"], config["intermediate_size"], head_size(config)
    is_qwen2 = config["model_type"] == "qwen2"
    queries, keys = size * config["num_attention_heads"], size * config["num_key_value_heads"]
    biases = is_qwen2 or config["attention_bias"]
    maker.put("embed_tokens.weight", (config["vocab_size"], hidden), 0.7)
    for i in range(config["num_hidden_layers"]):
        layer = f"layers.{i}."
        for part, out in (("q", queries), ("k", keys), ("v", keys)):
            maker.linear(f"{layer}self_attn.{part}_proj", out, hidden, biases)
        maker.linear(layer + "self_attn.o_proj", hidden, queries, biases and not is_qwen2)
        for name in ("q_norm", "k_norm") if not is_qwen2 else ():
            rms.norm(maker, f"{layer}self_attn.{name}", size)
        for part in ("gate", "up"):
            maker.linear(f"{layer}mlp.{part}_proj", inner, hidden, False)
        maker.linear(layer + "mlp.down_proj", hidden, inner, False)
        for name in ("input", "post_attention"):
            rms.norm(maker, f"{layer}{name}_layernorm", hidden)
    rms.norm(maker, "norm", hidden)


def kinds_of(config):
    if "layer_types" in config:
        return config["layer_types"]
    first = config["max_window_layers"] if config["use_sliding_window"] else config["num_hidden_layers"]
    return ["sliding_attention" if i >= first else "full_attention" for i in range(config["num_hidden_layers"])]


def mask_of(count, config, kind):
    distance = np.arange(count)[:, None] - np.arange(count)  # of a query (row) from a key (column)
    seen = distance >= 0 if config.get("is_causal", True) else np.full((count, count), True)
    if kind == "sliding_attention":
        seen &= distance < config["sliding_window"]
    return np.where(seen, 0.0, -np.inf)


def angles(count, config):
    parameters = config.get("rope_parameters") or config
    frequencies = rms.frequencies(parameters["rope_theta"], head_size(config)) / np.float32(parameters.get("factor", 1.0))
    return (np.arange(count, dtype=np.float32)[:, None] * frequencies).astype(np.float64)


def run(model, ids, _):
    config = model.config
    turns, keys = angles(len(ids), config), config["num_key_value_heads"]
    states = [model.tensor("embed_tokens.weight")[ids]]
    for i, kind in enumerate(kinds_of(config)):
        x, layer = states[-1], f"layers.{i}."
        read = model.norm(x, layer + "input_layernorm")
        q = model.heads_of(model.linear(read, layer + "self_attn.q_proj"), model.heads)
        k, v = (model.heads_of(model.linear(read, f"{layer}self_attn.{part}_proj"), keys) for part in "kv")
        if config["model_type"] == "qwen3":
            q, k = model.norm(q, layer + "self_attn.q_norm"), model.norm(k, layer + "self_attn.k_norm")
        q, k = models.turn_halves(q, turns), models.turn_halves(k, turns)
        mixed = model.attend(q, k, v, head_size(config) ** -0.5, mask_of(len(ids), config, kind))
        x = x + model.linear(mixed, layer + "self_attn.o_proj")
        read = model.norm(x, layer + "post_attention_layernorm")
        inner = rms.ACTIVATIONS[config["hidden_act"]](model.linear(read, layer + "mlp.gate_proj")) * model.linear(read, layer + "mlp.up_proj")
        states.append(x + model.linear(inner, layer + "mlp.down_proj"))
    return states


def score(labels, bias):
    def head(maker, config):
        maker.put("score.weight", (labels, config["hidden_size"]), 1 / math.sqrt(config["hidden_size"]), prefix="")
        if bias:
            maker.put("score.bias", labels, 0.2, prefix="")
    return head


def classify(model, x):
    logits = model.linear(x[-1], "score")
    return {"logits": logits, "scores": 1 / (1 + np.exp(-logits)) if len(logits) == 1 else models.softmax(logits)}


def answer(model, x):
    logits = model.linear(x, "qa_outputs")
    return {"start_logits": logits[:, 0], "end_logits": logits[:, 1]}


def sentence_embedding(_, x):
    return {"sentence_embedding": x[-1] / max(np.linalg.norm(x[-1]), 1e-12)}


def case(config, notes, prefix="model.", head=None, outputs=lambda model, x: {}, **more):
    return dict(config=config, make=make, run=run, prefix=prefix, head=head, outputs=outputs, notes=notes, kind=Qwen, **more)


# A small tokenizer of Qwen's kind, whose template appends a token, and what Hugging Face's tokenizers (0.23.2) gives for some texts, cut at 48 tokens.
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
END = "<|endoftext|>"
TOKENS = ["a", "b", "c", "s", "'", "1", "Ġ", "Ċ", "Ã", "©", ".", "S", "ab", "Ġab", "Ã©", "'s", "11", "ĠĠ", "ĊĊ", ".Ċ"]
TOKENIZER = {
    "added_tokens": [{"id": 20 + i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special}
                     for i, (content, special) in enumerate(((END, True), ("<|im_start|>", True), ("<think>", False)))],
    "normalizer": {"type": "NFC"},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False}, BYTES]},
    "post_processor": {"type": "Sequence", "processors": [BYTES, {
        "type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": END, "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": END, "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
                 {"SpecialToken": {"id": END, "type_id": 1}}],
        "special_tokens": {END: {"id": END, "ids": [20], "tokens": [END]}}}]},
    "decoder": BYTES,
    "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
              "byte_fallback": False, "ignore_merges": False, "vocab": {token: i for i, token in enumerate(TOKENS)},
              "merges": ["a b", "Ġ ab", "Ã ©", "' s", "1 1", "Ġ Ġ", "Ċ Ċ", ". Ċ"]},
}
TEXTS = [
    ("ab ab's c", [12, 13, 15, 6, 2, 20]),
    ("abe\u0301c \u00e9", [12, 14, 2, 6, 14, 20]),
    ("c'S 111  ab\n\nc.\nb", [2, 4, 11, 6, 5, 5, 5, 6, 13, 18, 2, 19, 1, 20]),
    ("a <think>b<|im_start|>c", [0, 6, 22, 1, 21, 2, 20]),
    ("", [20]),
    (" ".join(["ab ab c."] * 12), [12, 13, 6, 2, 10] + [13, 13, 6, 2, 10] * 8 + [13, 13, 20]),  # cut, but for the token that the template appends
]

SENTENCE_FILES = {
    "modules.json": [{"idx": i, "name": str(i), "path": f"{i}_{name}" if i else "", "type": "sentence_transformers.models." + name}
                     for i, name in enumerate(("Transformer", "Pooling", "Normalize"))],
    "config_sentence_transformers.json": {"prompts": {"query": "Instruct: Find what answers it\nQuery:", "document": ""}, "default_prompt_name": None,
                                          "similarity_fn_name": "cosine"},
    "tokenizer.json": TOKENIZER,
    "tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer", "model_max_length": 131072, "pad_token": END, "eos_token": "<|im_end|>", "add_bos_token": False},
    "1_Pooling/config.json": {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False,
                              "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False, "pooling_mode_weightedmean_tokens": False,
                              "pooling_mode_lasttoken": True, "include_prompt": True},
}

CASES = {
    "qwen3": case(config_of("Qwen3", "Model", num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=1, head_dim=10, attention_bias=True,
                            use_sliding_window=True, sliding_window=6, max_window_layers=2, rms_norm_eps=0.02, rope_theta=5000.0),
                  "the last two layers see six tokens each, themselves among them; all heads read the same keys; biases in attention", prefix=""),
    "qwen3-v5-config": case(
        config_of("Qwen3", "ForCausalLM", rope_theta=None, transformers_version="5.0.0", dtype="float32", use_sliding_window=True, sliding_window=9,
                  layer_types=["full_attention", "sliding_attention", "full_attention"],
                  rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}),
        "layer_types and rope_parameters as transformers 5 writes them; the decoder is the embeddings, and nothing reads it"),
    "qwen3-bidirectional": case(config_of("Qwen3", "Model", num_hidden_layers=2, is_causal=False, pad_token_id=0), "tokens see the whole row", prefix=""),
    "qwen3-seqcls": case(config_of("Qwen3", "ForSequenceClassification", **rms.labels("LABEL_0")), "a reranker: one label", head=score(1, False),
                         outputs=classify),
    "qwen3-tokencls": case(config_of("Qwen3", "ForTokenClassification", num_hidden_layers=2, **rms.labels("O", "B", "I")), "one layer over every token",
                           head=score(3, True), outputs=lambda model, x: {"logits": model.linear(x, "score")}),
    "st-qwen3": case(config_of("Qwen3", "ForCausalLM", head_dim=20), "the last token, normalised, as Qwen3-Embedding has it", prefix="",
                     outputs=sentence_embedding, files=SENTENCE_FILES, texts=TEXTS),
    "qwen2": case(config_of("Qwen2", "Model", num_attention_heads=4, num_key_value_heads=4), "biases of queries, keys and values alone", prefix=""),
    "qwen2-seqcls": case(config_of("Qwen2", "ForSequenceClassification", num_hidden_layers=2, **rms.labels("NO", "PERHAPS", "YES")), "three labels",
                         head=score(3, False), outputs=classify),
    "qwen2-qa": case(config_of("Qwen2", "ForQuestionAnswering", num_hidden_layers=2), "the body's names as this class has them", prefix="transformer.",
                     head=lambda maker, config: maker.linear("qa_outputs", 2, config["hidden_size"], prefix=""), outputs=answer),
}
