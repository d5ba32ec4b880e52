#!/usr/bin/env python3
"""Writes the cases whose source is "numpy": small models with random weights (derive_weights.py), and what the published code of their architectures gives
for them (derive_models.py).

    tests/reference/derive.py            all of them, beside this file
    tests/reference/derive.py roformer   those whose names begin so
"""
import json
import pathlib
import struct
import sys

import numpy as np

import derive_bart as bart
import derive_gemma as gemma
import derive_models as models
import derive_nomic as nomic
import derive_qwen as qwen
import derive_rms as rms
import derive_t5 as t5
import derive_weights as weights

HERE = pathlib.Path(__file__).parent
ROWS = (17, 23, 2, 9, 5)  # tokens of the rows of a batch
SPANS = ("start_logits", "end_logits")  # a number for each token
LONGEST = 160  # tokens of a row, where a model says nothing of it


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
        config=config_of("jina_embeddings_v3", "JinaEmbeddingsV3Model", **JINA), make=weights.make_jina, run=models.jina_embeddings_v3, prefix="", head=weights.pooler,
        outputs=models.outputs_of_pooler, notes="the names of tensors that transformers 5 has in memory"),
    "jina-embeddings-v3-seqcls": dict(
        config=config_of("jina_embeddings_v3", "JinaEmbeddingsV3ForSequenceClassification", **JINA, **labels("NO", "PERHAPS", "YES")), make=weights.make_jina,
        run=models.jina_embeddings_v3, prefix="roberta.", head=weights.two_layers, published=PUBLISHED_JINA,
        outputs=lambda model, x: models.classify(model, x, "classifier.dense", "classifier.out_proj", np.tanh), notes="the names of the published file"),
    "roformer-mlm": dict(
        config=config_of("roformer", "RoFormerForMaskedLM", embedding_size=20, rotary_value=False), make=weights.make_roformer, run=models.roformer, prefix="roformer.",
        head=weights.bert_masked_lm, outputs=lambda model, x: {"logits": model.masked_lm(x)}, notes="tables of a size of their own; the decoder is the embeddings"),
    "roformer-seqcls": dict(
        config=config_of("roformer", "RoFormerForSequenceClassification", embedding_size=None, rotary_value=True, hidden_act="gelu_new",
                         **labels("NO", "YES")), make=weights.make_roformer, run=models.roformer, prefix="roformer.", head=weights.two_layers,
        outputs=lambda model, x: models.classify(model, x, "classifier.dense", "classifier.out_proj", model.activation),
        notes="values are turned, too; the head has the layers' activation"),
    "ernie-seqcls": dict(
        config=config_of("ernie", "ErnieForSequenceClassification", hidden_act="relu", use_task_id=True, task_type_vocab_size=3, type_vocab_size=4,
                         **labels("A", "B", "C")), make=weights.make_ernie, run=models.ernie, prefix="ernie.", head=weights.pooled_classifier(True),
        outputs=lambda model, x: models.classify(model, x, "pooler.dense", "classifier", np.tanh), notes="every token has the first task type"),
    "bert-relative-key": dict(
        config=config_of("bert", "BertModel", position_embedding_type="relative_key", transformers_version="4.40.2"), make=weights.make_bert, run=models.bert, prefix="", head=weights.pooler,
        outputs=models.outputs_of_pooler, notes="transformers 4; the table of absolute positions is in the file, and nothing reads it"),
    "roberta-relative-key-query": dict(
        config=config_of("roberta", "RobertaForSequenceClassification", position_embedding_type="relative_key_query", pad_token_id=1, transformers_version="4.40.2",
                         **labels("NO", "YES")), make=weights.make_bert, run=models.bert, prefix="roberta.", head=weights.two_layers,
        outputs=lambda model, x: models.classify(model, x, "classifier.dense", "classifier.out_proj", np.tanh), notes="transformers 4"),
    "deberta-seqcls": dict(
        config=config_of("deberta", "DebertaForSequenceClassification", **DEBERTA, max_relative_positions=12, pos_att_type="c2p|p2c",
                         **labels("CONTRADICTION", "NEUTRAL", "ENTAILMENT")), make=weights.make_deberta, run=models.deberta, prefix="deberta.",
        head=weights.pooled_classifier(False), outputs=lambda model, x: models.classify(model, x, "pooler.dense", "classifier", models.ACTIVATIONS["gelu"]),
        notes="rows reach beyond max_relative_positions"),
    "deberta": dict(
        config=config_of("deberta", "DebertaModel", **{**DEBERTA, "position_biased_input": True}, max_relative_positions=-1, pos_att_type=["p2c"]),
        make=weights.make_deberta, run=models.deberta, prefix="", head=None, outputs=lambda model, x: {}, notes="p2c alone, absolute positions"),
    **bart.CASES,
    **gemma.CASES,
    **nomic.CASES,
    **qwen.CASES,
    **rms.CASES,
    **t5.CASES,
}

DESCRIPTIONS = {
    "input_ids": "token ids, padded on the right", "attention_mask": "1 for tokens, 0 for padding", "token_type_ids": "segment ids",
    "last_hidden_state": "[B,S,H]", "pooler_output": "[B,H]", "logits": "raw head output, before any softmax or sigmoid",
    "start_logits": "[B,S] of being an answer's first token", "end_logits": "[B,S] of being its last", "sentence_embedding": "what the modules give", "scores": "what the Hugging Face pipeline would report for these logits (see score_function)",
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


def write_case(name, config, make, run, prefix, head, outputs, notes, published=None, kind=models.Model, files=None, texts=(), seed=None,
               longest=LONGEST, ids=None):
    maker = weights.Maker(sum(name.encode()) if seed is None else seed, prefix)
    make(maker, config)
    if head:
        head(maker, config)
    model = kind(config, maker.tensors, prefix)
    expected, scales = {}, {}
    groups = [("", ROWS), ("long.", (config.get("max_position_embeddings", longest) - 2,))] + [("text.", [len(ids) for _, ids in texts])] * bool(texts)
    for group, lengths in groups:
        width = max(lengths)
        types_there = "type_vocab_size" in config
        inputs = {key: np.zeros((len(lengths), width), np.int64) for key in ("input_ids", "attention_mask") + ("token_type_ids",) * types_there}
        inputs["input_ids"][:] = config["pad_token_id"]
        values = {}
        for row, length in enumerate(lengths):
            random_ids = ids or (lambda random, config, length: random.integers(5, config["vocab_size"], length))
            row_ids, types = np.array(texts[row][1]) if group == "text." else random_ids(maker.random, config, length), None
            inputs["input_ids"][row, :length], inputs["attention_mask"][row, :length] = row_ids, 1
            if types_there:
                types = np.sort(maker.random.integers(0, config["type_vocab_size"], length))
                inputs["token_type_ids"][row, :length] = types
            states = run(model, row_ids, types)
            last = model.finish(states[-1])
            given = {"last_hidden_state": last, **outputs(model, last)}
            if group == "":
                given.update({f"hidden_states.{i}": state for i, state in enumerate(states)})
            for key, value in given.items():
                per_token = value.ndim == 2 or key in SPANS
                shape = (len(lengths), width) + value.shape[1:] if per_token else (len(lengths),) + value.shape
                whole = values.setdefault(key, np.zeros(shape))
                whole[(row, slice(length)) if per_token else row] = value
                scales[group + key] = max(scales.get(group + key, 0.0), float(np.abs(value).max()))
        expected.update({group + key: value for key, value in inputs.items()})
        expected.update({group + key: value.astype(np.float32) for key, value in values.items()})
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    beside = {}  # tensors of modules, which are in files of their own: "2_Dense/linear.weight"
    for key in [key for key in maker.tensors if "/" in key]:
        module, tensor = key.split("/")
        beside.setdefault(module, {})[tensor] = maker.tensors.pop(key)
    for path, value in (files or {}).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(value, indent=2) + "\n")
    for module, tensors in beside.items():
        save(folder / module / "model.safetensors", tensors)
    save(folder / "model.safetensors", publish(maker.tensors, published) if published else maker.tensors)
    save(folder / "expected.safetensors", expected)
    description = {
        "case": name, "class": config["architectures"][0], "source": "numpy: written by hand after the published code (derive.py)",
        "computed_in": "float64 from the stored weights, saved as float32", "notes": notes,
        "inputs": {"": "a batch of 5 right-padded rows of different lengths", "long.": "one row, close to the longest the positions allow"},
        "tensors": {},
    }
    if texts:
        description["inputs"]["text."] = f"the texts below, encoded with tokenizer.json by the Hugging Face tokenizers library, truncated to {max(lengths)} tokens"
        description["texts"] = [text for text, _ in texts]
    if "id2label" in config:
        description["score_function"] = "sigmoid" if len(config["id2label"]) == 1 else "softmax"
    for key in sorted(expected):
        plain = key.removeprefix("long.").removeprefix("text.")
        entry = {"dtype": "I64" if key not in scales else "F32", "shape": list(expected[key].shape),
                 "description": DESCRIPTIONS.get(plain, "[B,S,H] hidden state after the embeddings (0) or after layer i")}
        if key in scales:
            entry["scale"] = scales[key]
            if expected[key].ndim == 3 or plain in SPANS:
                entry["per_token"] = True
        description["tensors"][key] = entry
    (folder / "expected.json").write_text(json.dumps(description, indent=1) + "\n")


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, case in CASES.items():
        if name.startswith(wanted):
            write_case(name, **case)