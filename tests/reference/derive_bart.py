"""BART, for derive.py: its weights, and transformers/models/bart/modeling_bart.py in float64."""
import math

import numpy as np

import derive_models as models
import derive_rms as rms

END = 7  # eos_token_id


class Bart(models.Model):
    def __init__(self, config, tensors, prefix):
        named = {"num_attention_heads": config["encoder_attention_heads"], "hidden_act": config["activation_function"], "layer_norm_eps": 1e-5}
        super().__init__({**config, **named}, tensors, prefix)

    def embed(self, ids, stack):
        scale = math.sqrt(self.config["d_model"]) if self.config["scale_embedding"] else 1.0
        x = self.tensor("shared.weight")[ids] * scale + self.tensor(stack + ".embed_positions.weight")[2 : 2 + len(ids)]
        return self.norm(x, stack + ".layernorm_embedding")

    def attention(self, x, seen, name, bias=0.0):
        q = self.split(self.linear(x, name + ".q_proj"))
        k, v = (self.split(self.linear(seen, f"{name}.{part}_proj")) for part in "kv")
        return self.norm(x + self.linear(self.attend(q, k, v, bias), name + ".out_proj"), name + "_layer_norm")

    def feed_forward(self, x, layer):
        return self.norm(x + self.linear(self.activation(self.linear(x, layer + "fc1")), layer + "fc2"), layer + "final_layer_norm")


def config_of(name, **more):
    config = {"architectures": [name], "model_type": "bart", "vocab_size": 150, "d_model": 48, "encoder_layers": 2, "decoder_layers": 2,
              "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 50, "decoder_ffn_dim": 50, "activation_function": "gelu",
              "max_position_embeddings": 48, "scale_embedding": False, "is_encoder_decoder": True, "normalize_before": False, "add_final_layer_norm": False,
              "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": END, "decoder_start_token_id": END, "forced_eos_token_id": END, "num_hidden_layers": 2,
              "transformers_version": "4.40.2", "use_cache": True}
    config.update(more)
    return config


def make(maker, config):
    hidden, inner = config["d_model"], config["encoder_ffn_dim"]
    maker.put("shared.weight", (config["vocab_size"], hidden), 0.7 / (math.sqrt(hidden) if config["scale_embedding"] else 1))
    for stack in ("encoder", "decoder"):
        maker.put(stack + ".embed_positions.weight", (config["max_position_embeddings"] + 2, hidden), 0.5)
        maker.norm(stack + ".layernorm_embedding", hidden)
        for i in range(config[stack + "_layers"]):
            layer = f"{stack}.layers.{i}."
            for name in ("self_attn", "encoder_attn")[: 1 if stack == "encoder" else 2]:
                for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    maker.linear(f"{layer}{name}.{part}", hidden, hidden)
                maker.norm(f"{layer}{name}_layer_norm", hidden)
            maker.linear(layer + "fc1", inner, hidden)
            maker.linear(layer + "fc2", hidden, inner)
            maker.norm(layer + "final_layer_norm", hidden)


def run(model, ids, _):
    """States after the encoder's embeddings and layers, then after each of the two attentions of the decoder's, the second with what follows it."""
    model.ids, config = ids, model.config
    states = [model.embed(ids, "encoder")]
    for i in range(config["encoder_layers"]):
        layer = f"encoder.layers.{i}."
        states.append(model.feed_forward(model.attention(states[-1], states[-1], layer + "self_attn"), layer))
    memory = states[-1]
    x = model.embed(np.concatenate([[config["decoder_start_token_id"]], ids[:-1]]), "decoder")
    earlier = np.where(np.tri(len(ids), dtype=bool), 0.0, -np.inf)
    for i in range(config["decoder_layers"]):
        layer = f"decoder.layers.{i}."
        states.append(model.attention(x, x, layer + "self_attn", earlier))
        x = model.feed_forward(model.attention(states[-1], memory, layer + "encoder_attn"), layer)
        states.append(x)
    return states


def one_end(random, config, length):
    """The end of a sentence once, as a classifier wants it: the last token, or with two behind it."""
    ids = random.integers(END + 1, config["vocab_size"], length)
    ids[-3 if length > 10 else -1] = END
    return ids


def head(labels):
    def put(maker, config):
        maker.linear("classification_head.dense", config["d_model"], config["d_model"], prefix="")
        maker.linear("classification_head.out_proj", labels, config["d_model"], prefix="")
    return put


def classify(model, x):
    last = x[np.flatnonzero(model.ids == END)[-1]]
    logits = model.linear(np.tanh(model.linear(last, "classification_head.dense")), "classification_head.out_proj")
    return {"logits": logits, "scores": models.softmax(logits)}


def answer(model, x):
    logits = model.linear(x, "qa_outputs")
    return {"start_logits": logits[:, 0], "end_logits": logits[:, 1]}


def case(config, notes, prefix="model.", head=None, outputs=lambda model, x: {}):
    return dict(config=config, make=make, run=run, prefix=prefix, head=head, outputs=outputs, notes=notes, kind=Bart, ids=one_end)


CASES = {
    "bart": case(config_of("BartModel", scale_embedding=True, activation_function="relu", encoder_layers=1, decoder_layers=3),
                 "embeddings are scaled; the decoder has more layers than the encoder", prefix=""),
    "bart-seqcls": case(config_of("BartForSequenceClassification", **rms.labels("contradiction", "neutral", "entailment")),
                        "natural-language inference, as BART is asked for zero-shot classification", head=head(3), outputs=classify),
    "bart-qa": case(config_of("BartForQuestionAnswering", d_model=32, activation_function="gelu_new", decoder_layers=1), "a decoder of one layer",
                    head=lambda maker, config: maker.linear("qa_outputs", 2, config["d_model"], prefix=""), outputs=answer),
}
