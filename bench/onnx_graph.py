#!/usr/bin/python3
"""Writes a BERT or DistilBERT directory as the ONNX graph that ONNX Runtime's CPU provider runs fastest.

The graph is built directly from ONNX Runtime's fused operators (EmbedLayerNormalization, Attention or MultiHeadAttention,
SkipLayerNormalization, BiasGelu; in INT8 DynamicQuantizeMatMul and QAttention, weights signed with one scale per output channel), so
nothing depends on an optimiser recognising a pattern. There is one weights file per precision; the graphs, a few kilobytes each, point into it.

    onnx_graph.py DIR --precision int8 --form mha --out graph.onnx
"""

import argparse
import hashlib
import json
import os

import numpy
from onnx import TensorProto, helper

import models
import tensor_file

MICROSOFT = "com.microsoft"
GRAPH_VERSION = 1  # raise when the files below change
ONNX_TYPES = {"float32": TensorProto.FLOAT, "int8": TensorProto.INT8, "int32": TensorProto.INT32, "int64": TensorProto.INT64}

# How attention is expressed. Which is fastest depends on precision and length; compare.py tries them (see README.md).
FORMS = {
    "fp32": ("attention", "mha", "mha-split"),
    "int8": ("qattention", "mha", "mha-split"),
}


class Weights:
    """The external data of a model's graphs: arrays appended to one file, each once, whatever the number of graphs."""

    def __init__(self, path):
        self.path, self.entries, self.file = path, {}, None
        index = path + ".json"
        if os.path.exists(index):
            with open(index, encoding="utf-8") as file:
                self.entries = json.load(file)
        self.begun = os.path.getsize(path) if self.entries else 0

    def add(self, name, make):
        if name not in self.entries:
            if self.file is None:
                self.file = open(self.path, "r+b" if self.begun else "wb")
                self.file.truncate(self.begun)
                self.file.seek(self.begun)
            array = numpy.ascontiguousarray(make())
            self.file.write(b"\0" * (-self.file.tell() % 4096))  # page-aligned, so that ONNX Runtime may map it
            self.entries[name] = {"offset": self.file.tell(), "length": array.nbytes, "type": array.dtype.name, "shape": list(array.shape)}
            self.file.write(array.tobytes())
        return self.entries[name]

    def close(self):
        if self.file is None:
            return
        self.file.close()
        partial = self.path + ".json.partial"
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(self.entries, file)
        os.replace(partial, self.path + ".json")


class Graph:
    def __init__(self, weights):
        self.weights, self.nodes, self.initializers, self.names = weights, [], [], set()

    def weight(self, name, make):
        """The name of an initializer in the weights file; make() gives the array when the file lacks it."""
        if name not in self.names:
            entry = self.weights.add(name, make)
            tensor = TensorProto(name=name, data_type=ONNX_TYPES[entry["type"]], dims=entry["shape"])
            tensor.data_location = TensorProto.EXTERNAL
            values = {"location": os.path.basename(self.weights.path), "offset": entry["offset"], "length": entry["length"]}
            for key, value in values.items():
                tensor.external_data.add(key=key, value=str(value))
            self.initializers.append(tensor)
            self.names.add(name)
        return name

    def constant(self, name, array):
        """A small initializer kept in the graph itself."""
        if name not in self.names:
            self.initializers.append(helper.make_tensor(name, ONNX_TYPES[array.dtype.name], array.shape, array.tobytes(), raw=True))
            self.names.add(name)
        return name

    def node(self, operator, inputs, outputs, domain="", **attributes):
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=f"{operator}_{len(self.nodes)}", domain=domain, **attributes))
        return outputs[0]


def quantize(matrix):
    """Symmetric signed 8 bits per column: matrix [in, out] -> (int8 [in, out], scale [out])."""
    scale = numpy.abs(matrix).max(axis=0) / numpy.float32(127)
    scale = numpy.where(scale == 0, numpy.float32(1), scale).astype(numpy.float32)
    return numpy.clip(numpy.rint(matrix / scale), -127, 127).astype(numpy.int8), scale


class Exporter:
    def __init__(self, directory, weights_path, precision, form, masked):
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        self.distil = config["model_type"] == "distilbert"
        self.model_type = config["model_type"]
        if self.model_type not in ("bert", "distilbert"):
            raise ValueError(f"{directory}: model_type {self.model_type} is not bert or distilbert")
        activation = config["activation"] if self.distil else config["hidden_act"]
        if activation != "gelu":
            raise ValueError(f"{directory}: activation {activation} is not gelu")
        self.layers = config["n_layers"] if self.distil else config["num_hidden_layers"]
        self.heads = config["n_heads"] if self.distil else config["num_attention_heads"]
        self.hidden = config["dim"] if self.distil else config["hidden_size"]
        self.epsilon = config.get("layer_norm_eps", 1e-12)
        self.tensors = tensor_file.read(os.path.join(directory, "model.safetensors"))
        # Heads and the like put the encoder under a prefix.
        self.prefix = next(name[:-len("embeddings.word_embeddings.weight")] for name in self.tensors
                           if name.endswith("embeddings.word_embeddings.weight"))
        self.precision, self.form, self.masked = precision, form, masked
        self.weights = Weights(weights_path)
        self.graph = Graph(self.weights)

    def tensor(self, name):
        return numpy.asarray(self.tensors[self.prefix + name], dtype=numpy.float32)

    def plain(self, name):
        return self.graph.weight(name, lambda: self.tensor(name))

    def joined(self, parts):
        """Weight [hidden, 3 hidden] and bias [3 hidden] of query, key and value side by side, as makers."""
        return (lambda: numpy.concatenate([self.tensor(f"{part}.weight").T for part in parts], axis=1),
                lambda: numpy.concatenate([self.tensor(f"{part}.bias") for part in parts]))

    def matmul(self, name, make, source, target, bias=None):
        """source [.., in] times the matrix [in, out] that make() gives; in INT8 the operator adds the bias (a weight's name) itself."""
        if self.precision == "fp32":
            return self.graph.node("MatMul", [source, self.graph.weight(f"{name}.t", make)], [target])
        values = self.graph.weight(f"{name}.q", lambda: quantize(make())[0])
        scale = self.graph.weight(f"{name}.scale", lambda: quantize(make())[1])
        inputs = [source, values, scale, "", bias or ""]
        return self.graph.node("DynamicQuantizeMatMul", inputs[:5 if bias else 3], [target], MICROSOFT)

    def linear(self, name, source, target):
        return self.matmul(name, lambda: self.tensor(f"{name}.weight").T, source, target)

    def embeddings(self):
        """The first hidden state [batch, sequence, hidden]; with a mask also the rows' lengths [batch]."""
        inputs = ["input_ids", "" if self.distil else "token_type_ids",
                  self.plain("embeddings.word_embeddings.weight"), self.plain("embeddings.position_embeddings.weight"),
                  "" if self.distil else self.plain("embeddings.token_type_embeddings.weight"),
                  self.plain("embeddings.LayerNorm.weight"), self.plain("embeddings.LayerNorm.bias")]
        if self.masked:
            inputs.append("attention_mask")
        self.graph.node("EmbedLayerNormalization", inputs, ["embedded", "lengths"], MICROSOFT, epsilon=self.epsilon)
        return "embedded"

    def attention(self, names, source, index):
        parts = [names["query"], names["key"], names["value"]]
        weight, bias = self.joined(parts)
        key, target = f"layer.{index}.qkv", f"context.{index}"
        lengths = ["lengths"] if self.masked else []
        joint_bias = self.graph.weight(f"{key}.bias", bias)
        if self.form == "attention":
            inputs = [source, self.graph.weight(f"{key}.t", weight), joint_bias] + lengths
            return self.graph.node("Attention", inputs, [target], MICROSOFT, num_heads=self.heads)
        if self.form == "qattention":
            self.graph.node("DynamicQuantizeLinear", [source], [f"{key}.in", f"{key}.in_scale", f"{key}.in_zero"])
            inputs = [f"{key}.in", self.graph.weight(f"{key}.q", lambda: quantize(weight())[0]), joint_bias, f"{key}.in_scale",
                      self.graph.weight(f"{key}.scale", lambda: quantize(weight())[1]), lengths[0] if lengths else "", f"{key}.in_zero"]
            return self.graph.node("QAttention", inputs, [target], MICROSOFT, num_heads=self.heads)
        if self.form == "mha-split":  # one product for the three, then cut
            self.matmul(key, weight, source, f"{key}.out")
            sizes = self.graph.constant("qkv_sizes", numpy.array([self.hidden] * 3, dtype=numpy.int64))
            outputs = [f"query.{index}", f"key.{index}", f"value.{index}"]
            self.graph.node("Split", [f"{key}.out", sizes], outputs, axis=2)
        else:
            outputs = [self.linear(part, source, f"{letter}.{index}") for part, letter in zip(parts, ("query", "key", "value"))]
        return self.graph.node("MultiHeadAttention", outputs + [joint_bias] + lengths, [target], MICROSOFT, num_heads=self.heads)

    def skip_norm(self, source, residual, norm, bias, target):
        inputs = [source, residual, self.plain(f"{norm}.weight"), self.plain(f"{norm}.bias"), self.plain(f"{bias}.bias")]
        return self.graph.node("SkipLayerNormalization", inputs, [target], MICROSOFT, epsilon=self.epsilon)

    def layer(self, source, index):
        names = models.layer_names(self.model_type, index)
        context = self.attention(names, source, index)
        projected = self.linear(names["attention_output"], context, f"projected.{index}")
        middle = self.skip_norm(projected, source, names["attention_norm"], names["attention_output"], f"middle.{index}")
        wide = self.linear(names["up"], middle, f"wide.{index}")
        active = self.graph.node("BiasGelu", [wide, self.plain(f"{names['up']}.bias")], [f"active.{index}"], MICROSOFT)
        narrow = self.linear(names["down"], active, f"narrow.{index}")
        last = index + 1 == self.layers
        return self.skip_norm(narrow, middle, names["output_norm"], names["down"], "last_hidden_state" if last else f"hidden.{index}")

    def export(self, path):
        state = self.embeddings()
        for index in range(self.layers):
            state = self.layer(state, index)
        shape = ["batch", "sequence"]
        inputs = ["input_ids"] + ([] if self.distil else ["token_type_ids"]) + (["attention_mask"] if self.masked else [])
        graph = helper.make_graph(
            self.graph.nodes, "encoder", [helper.make_tensor_value_info(name, TensorProto.INT32, shape) for name in inputs],
            [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, shape + [self.hidden])], self.graph.initializers)
        model = helper.make_model(graph, producer_name="berth-bench", ir_version=8,
                                  opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)])
        self.weights.close()
        partial = path + ".partial"
        with open(partial, "wb") as file:
            file.write(model.SerializeToString())
        os.replace(partial, path)


def export(directory, out, precision, form, masked):
    """Writes the graph under `out` if it is not there yet, and returns its path."""
    with open(os.path.join(directory, "config.json"), "rb") as file:
        digest = hashlib.sha256(file.read())
    weights = os.stat(os.path.join(directory, "model.safetensors"))
    digest.update(f"{GRAPH_VERSION} {os.path.realpath(directory)} {weights.st_size} {weights.st_mtime_ns}".encode())
    folder = os.path.join(out, digest.hexdigest()[:12])
    path = os.path.join(folder, f"{precision}-{form}{'-masked' if masked else ''}.onnx")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        Exporter(directory, os.path.join(folder, f"{precision}.bin"), precision, form, masked).export(path)
    return path


def main():
    parser = argparse.ArgumentParser(description="Write a model directory as an ONNX graph of fused operators.")
    parser.add_argument("directory")
    parser.add_argument("--precision", choices=FORMS, default="fp32")
    parser.add_argument("--form", default="mha")
    parser.add_argument("--masked", action="store_true", help="takes an attention_mask (padding on the right)")
    parser.add_argument("--out", required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.form not in FORMS[arguments.precision]:
        parser.error(f"--form for {arguments.precision}: one of {', '.join(FORMS[arguments.precision])}")
    print(export(arguments.directory, arguments.out, arguments.precision, arguments.form, arguments.masked))


if __name__ == "__main__":
    main()
