"""T5 and its kin for derive.py: transformers/models/t5/modeling_t5.py and umt5/modeling_umt5.py, the encoder alone, in float64."""
import math

import numpy as np

import derive_models as models
import derive_rms as rms


class T5(rms.Model):
    def __init__(self, config, tensors, prefix):
        super().__init__({**config, "num_attention_heads": config["num_heads"]}, tensors, prefix)
        self.epsilon = config.get("layer_norm_epsilon", 1e-6)

    def finish(self, x):
        return self.norm(x, "encoder.final_layer_norm")


def config_of(model_type, name, **more):
    config = {"architectures": [name], "model_type": model_type, "vocab_size": 150, "d_model": 32, "d_kv": 5, "d_ff": 50, "num_layers": 3, "num_decoder_layers": 1,
              "num_heads": 4, "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128, "layer_norm_epsilon": 1e-6,
              "feed_forward_proj": "relu", "is_encoder_decoder": True, "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0,
              "transformers_version": "4.40.2"}
    config.update(more)
    return config


def is_gated(config):
    return config.get("feed_forward_proj", "gated-gelu").startswith("gated-")


def attention(maker, name, config):
    hidden, queries = config["d_model"], config["num_heads"] * config["d_kv"]
    maker.put(name + ".q.weight", (queries, hidden), 1 / math.sqrt(hidden * config["d_kv"]))  # as the library initialises it: scores are not scaled
    for part in "kv":
        maker.linear(f"{name}.{part}", queries, hidden, False)
    maker.linear(name + ".o", hidden, queries, False)


def make_stack(maker, config, stack, layers, every_layer=False):
    hidden, inner = config["d_model"], config["d_ff"]
    decodes = stack == "decoder"
    for i in range(layers):
        block = f"{stack}.block.{i}.layer."
        attention(maker, block + "0.SelfAttention", config)
        if i == 0 or every_layer:
            maker.put(block + "0.SelfAttention.relative_attention_bias.weight", (config["relative_attention_num_buckets"], config["num_heads"]), 0.7)
        rms.norm(maker, block + "0.layer_norm", hidden)
        if decodes:
            attention(maker, block + "1.EncDecAttention", config)
            rms.norm(maker, block + "1.layer_norm", hidden)
        last = block + ("2" if decodes else "1")
        for name in ("wi_0", "wi_1") if is_gated(config) else ("wi",):
            maker.linear(f"{last}.DenseReluDense.{name}", inner, hidden, False)
        maker.linear(last + ".DenseReluDense.wo", hidden, inner, False)
        rms.norm(maker, last + ".layer_norm", hidden)
    rms.norm(maker, stack + ".final_layer_norm", hidden)


def make(table, decoder=False, every_layer=False):
    def make_model(maker, config):
        maker.put(table + ".weight", (config["vocab_size"], config["d_model"]), 1.0)
        make_stack(maker, config, "encoder", config["num_layers"], every_layer)
        if decoder:
            make_stack(maker, config, "decoder", config["num_decoder_layers"])
            maker.put("lm_head.weight", (config["vocab_size"], config["d_model"]), 1.0)
    return make_model


def buckets(count, config):  # of every pair of a query (row) and a key (column)
    number, most = config["relative_attention_num_buckets"] // 2, config["relative_attention_max_distance"]
    distance = np.arange(count) - np.arange(count)[:, None]
    result = (distance > 0) * number
    distance = np.abs(distance)
    exact = number // 2
    with np.errstate(divide="ignore"):
        logarithm = np.log(distance.astype(np.float32) / np.float32(exact)) / np.float32(math.log(most / exact)) * np.float32(number - exact)
    large = np.minimum(exact + np.where(distance < exact, 0, logarithm).astype(np.int64), number - 1)
    return result + np.where(distance < exact, distance, large)


def run(model, ids, _):
    config = model.config
    table = model.tensor("shared.weight")
    states = [(model.tensor("encoder.embed_tokens.weight") if table is None else table)[ids]]
    projection = config.get("feed_forward_proj", "gated-gelu")
    activation = rms.ACTIVATIONS["gelu_new" if projection == "gated-gelu" else projection.split("-")[-1]]
    bias = None
    for i in range(config["num_layers"]):
        x, block = states[-1], f"encoder.block.{i}.layer."
        stored = model.tensor(block + "0.SelfAttention.relative_attention_bias.weight")
        if stored is not None:
            bias = stored[buckets(len(ids), config)].transpose(2, 0, 1)
        read = model.norm(x, block + "0.layer_norm")
        q, k, v = (model.heads_of(model.linear(read, f"{block}0.SelfAttention.{part}"), model.heads) for part in "qkv")
        x = x + model.linear(model.attend(q, k, v, 1.0, bias), block + "0.SelfAttention.o")
        read, dense = model.norm(x, block + "1.layer_norm"), block + "1.DenseReluDense."
        if is_gated(config):
            inner = activation(model.linear(read, dense + "wi_0")) * model.linear(read, dense + "wi_1")
        else:
            inner = activation(model.linear(read, dense + "wi"))
        states.append(x + model.linear(inner, dense + "wo"))
    return states


def case(config, table, outputs=lambda model, x: {}, prefix="", head=None, notes="", **more):
    built = {key: more.pop(key) for key in ("decoder", "every_layer") if key in more}
    return dict(config=config, make=make(table, **built), run=run, prefix=prefix, head=head, outputs=outputs, notes=notes, kind=T5, **more)


SENTENCE_SIZE = 20


def dense_module(maker, config):
    maker.put("linear.weight", (SENTENCE_SIZE, config["d_model"]), 1 / math.sqrt(config["d_model"]), prefix="2_Dense/")


def sentence_embedding(model, x):
    x = x.mean(axis=0) @ model.tensors["2_Dense/linear.weight"].T
    return {"sentence_embedding": x / max(np.linalg.norm(x), 1e-12)}


def modules(*names):
    return [{"idx": i, "name": str(i), "path": f"{i}_{name}" if i else "", "type": "sentence_transformers.models." + name} for i, name in enumerate(names)]


SENTENCE_FILES = {
    "modules.json": modules("Transformer", "Pooling", "Dense", "Normalize"),
    "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
    "1_Pooling/config.json": {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
                              "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False},
    "2_Dense/config.json": {"in_features": 32, "out_features": SENTENCE_SIZE, "bias": False, "activation_function": "torch.nn.modules.linear.Identity"},
}

CASES = {
    "t5": case(config_of("t5", "T5ForConditionalGeneration", n_positions=16), "shared", decoder=True,
               notes="with a decoder, which nothing reads; heads smaller than the hidden size says; rows longer than n_positions and than the buckets reach"),
    "t5-tokencls": case(
        config_of("t5", "T5ForTokenClassification", d_model=24, d_kv=8, feed_forward_proj="gated-gelu", dense_act_fn="gelu_new", is_gated_act=True,
                  **rms.labels("O", "B", "I")),
        "shared", prefix="transformer.", head=lambda maker, config: maker.linear("classifier", 3, config["d_model"], prefix=""),
        outputs=lambda model, x: {"logits": model.linear(x, "classifier")}, notes="heads larger than the hidden size says"),
    "mt5": case({key: value for key, value in config_of("mt5", "MT5EncoderModel", relative_attention_num_buckets=13, relative_attention_max_distance=20).items()
                 if key != "feed_forward_proj"}, "encoder.embed_tokens", notes="other buckets, an odd number of them; the table by its other name"),
    "umt5": case(config_of("umt5", "UMT5EncoderModel", d_kv=16, num_heads=2, d_model=40, layer_norm_epsilon=0.01), "shared", every_layer=True,
                 notes="a table of relative positions for each layer"),
    "st-t5": case(config_of("t5", "T5EncoderModel", num_layers=2, d_kv=8, feed_forward_proj="gated-silu"), "shared", head=dense_module, outputs=sentence_embedding,
                  files=SENTENCE_FILES, notes="mean, a dense layer without bias, normalised, as sentence-t5 and gtr-t5 have it"),
}
