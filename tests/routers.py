"""Directories with sentence-transformers' Router, for tests of the command line, the server and Python. tests/cli/binary.py and tests/server/harness.py make
this folder one that scripts import from."""
import json
import pathlib
import shutil
import struct

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORDS = ["[UNK]", "play", "music", "some", "card"]
WEIGHTS = [0.25, 1.5, 2.0, 0.0, 0.5]  # of these words
LIMIT = 64  # of the tokens of a query of sparse_router


def word_tokenizer(vocabulary, unknown):
    """A tokenizer.json of whole words."""
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
            "model": {"type": "WordLevel", "unk_token": unknown, "vocab": vocabulary}}


def write_tensors(file, tensors):
    """A safetensors file of floats: {name: (shape, values)}."""
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(values)]}
        data += struct.pack(f"<{len(values)}f", *values)
    header = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header + data)


def write_queries(folder, tensor, shape, values):
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(word_tokenizer({word: i for i, word in enumerate(WORDS)}, "[UNK]")))
    write_tensors(folder / "model.safetensors", {tensor: (shape, values)})


def write_router(directory, model_type, structure, types):
    (directory / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Router"}]))
    (directory / "router_config.json").write_text(json.dumps({"types": types, "structure": structure, "parameters": {"default_route": "document"}}))
    (directory / "config_sentence_transformers.json").write_text(json.dumps({"model_type": model_type, "prompts": {}}))


def sparse_router(target, splade):
    """Documents through a masked-language model, a copy of `splade`; queries are WEIGHTS."""
    shutil.copytree(splade, target)
    (target / "1_SpladePooling").mkdir()
    (target / "1_SpladePooling" / "config.json").write_text("{}")
    write_queries(target / "queries", "weight", [len(WEIGHTS)], WEIGHTS)
    (target / "queries" / "tokenizer_config.json").write_text(json.dumps({"model_max_length": LIMIT}))
    package = "sentence_transformers.sparse_encoder.models."
    write_router(target, "SparseEncoder", {"query": ["queries"], "document": ["", "1_SpladePooling"]},
                 {"queries": package + "SparseStaticEmbedding", "": package + "MLMTransformer", "1_SpladePooling": package + "SpladePooling"})
    return target


def dense_router(target, size=192):
    """Documents through the model in weights/intent; the table's row of word i is i, i + 1, i + 2, ..."""
    shutil.copytree(ROOT / "weights" / "intent", target)
    write_queries(target / "queries", "embedding.weight", [len(WORDS), size], [float(i + j) for i in range(len(WORDS)) for j in range(size)])
    documents = {module["path"]: module["type"] for module in json.loads((target / "modules.json").read_text())}
    write_router(target, "SentenceTransformer", {"query": ["queries"], "document": list(documents)},
                 {"queries": "sentence_transformers.models.StaticEmbedding", **documents})
    return target
