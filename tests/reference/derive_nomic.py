"""NomicBERT with a mixture of experts for derive.py: modeling_hf_nomic_bert.py of nomic-ai/nomic-bert-2048, as nomic-embed-text-v2-moe has it, in float64.

Which experts a token goes through is a choice: where two of them are nearly level, another rounding may make another one, and the result is another. So that
low precision can be held to these cases at all, the router reads directions that the embeddings have: every id has one expert's in full and another's in part.
`margin` is how far the last expert that is taken is from the first that is not; run() refuses a case where it is small.
"""
import numpy as np

import derive_models as models
import derive_rms as rms

LEAST_MARGIN = 0.08  # of two logits, whose standard deviation is 1.2


class Nomic(models.Model):
    def __init__(self, config, tensors, prefix):
        super().__init__({**config, "num_attention_heads": config["n_head"], "layer_norm_eps": config["layer_norm_epsilon"]}, tensors, prefix)

    def has_experts(self, layer):
        every = self.config["moe_every_n_layers"]
        return every > 0 and layer % every == 1

    def experts(self, x, layer):
        logits = x @ self.tensor(layer + "router.layer.weight").T
        order = np.argsort(-logits, axis=-1, kind="stable")
        taken = self.config["moe_top_k"]
        sorted_logits = np.take_along_axis(logits, order, axis=-1)
        margin = float((sorted_logits[:, taken - 1] - sorted_logits[:, taken]).min())
        assert margin >= LEAST_MARGIN, f"a margin of {margin}: too near a tie"
        weights = models.softmax(logits)  # over all of them, and left as they are
        out = np.zeros_like(x)
        w1, w2 = (self.tensor(f"{layer}experts.mlp.{name}").reshape(logits.shape[1], -1, x.shape[1]) for name in ("w1", "w2"))
        for token, row in enumerate(order[:, :taken]):
            for expert in row:
                out[token] += weights[token, expert] * (models.ACTIVATIONS["gelu"](x[token] @ w1[expert].T) @ w2[expert])
        return out + self.tensor(layer + "experts.bias")


def config_of(**more):
    config = {"architectures": ["NomicBertModel"], "model_type": "nomic_bert", "vocab_size": 150, "n_embd": 48, "n_layer": 4, "n_head": 4, "n_inner": 56,
              "n_positions": 48, "activation_function": "gelu", "layer_norm_epsilon": 1e-5, "type_vocab_size": 1, "pad_token_id": 1,
              "pad_vocab_size_multiple": 64, "qkv_proj_bias": True, "mlp_fc1_bias": True, "mlp_fc2_bias": True, "rotary_emb_fraction": 1.0,
              "rotary_emb_base": 10000.0, "rotary_emb_interleaved": False, "rotary_emb_scale_base": None, "rotary_scaling_factor": None,
              "max_trained_positions": 48, "prenorm": False, "parallel_block": False, "causal": False, "use_rms_norm": False, "scale_attn_weights": True,
              "scale_attn_by_inverse_layer_idx": False, "num_experts": 8, "moe_top_k": 2, "moe_every_n_layers": 2, "moe_impl": "megablocks",
              "moe_normalize_expert_weights": False, "moe_resid_pdrop": 0.0, "num_shared_experts": 0, "expert_choice_router": False, "ffn_div": 1,
              "router_aux_loss_coef": 0.1, "transformers_version": "4.44.2"}
    config.update(more)
    return config


def make(maker, config):
    hidden, inner, experts = config["n_embd"], config["n_inner"], config["num_experts"]
    vocabulary = -(-config["vocab_size"] // config["pad_vocab_size_multiple"]) * config["pad_vocab_size_multiple"]
    maker.put("embeddings.word_embeddings.weight", (vocabulary, hidden), 0.3)
    directions = np.linalg.qr(maker.random.normal(size=(hidden, hidden)))[0][:experts]
    words = maker.tensors[maker.prefix + "embeddings.word_embeddings.weight"]
    first = np.arange(vocabulary) % experts
    second = (first + 1 + np.arange(vocabulary) // experts % (experts - 1)) % experts
    words += (5 * directions[first] + 3.5 * directions[second]).astype(np.float32)
    maker.put("embeddings.token_type_embeddings.weight", (config["type_vocab_size"], hidden), 0.2)
    maker.norm("emb_ln", hidden)

    def residual(name, size, bias):  # what is added to the stream leaves the token its own
        maker.put(name + ".weight", (hidden, size), 0.35 * size**-0.5)
        if bias:
            maker.put(name + ".bias", hidden, 0.2)

    for i in range(config["n_layer"]):
        layer = f"encoder.layers.{i}."
        maker.linear(layer + "attn.Wqkv", 3 * hidden, hidden, config["qkv_proj_bias"])
        residual(layer + "attn.out_proj", hidden, config["qkv_proj_bias"])
        for norm in ("norm1", "norm2"):
            maker.norm(layer + norm, hidden)
        if i % config["moe_every_n_layers"] == 1:
            maker.put(layer + "mlp.router.layer.weight", (experts, hidden), 0.02)
            maker.tensors[maker.prefix + layer + "mlp.router.layer.weight"] += (0.8 * directions).astype(np.float32)
            maker.put(layer + "mlp.experts.mlp.w1", (experts * inner, hidden), hidden**-0.5)
            maker.put(layer + "mlp.experts.mlp.w2", (experts * inner, hidden), inner**-0.5)
            maker.put(layer + "mlp.experts.bias", hidden, 0.2)
        else:
            maker.linear(layer + "mlp.fc1", inner, hidden, config["mlp_fc1_bias"])
            residual(layer + "mlp.fc2", inner, config["mlp_fc2_bias"])


def run(model, ids, types):
    config = model.config
    turns = rms.angles(len(ids), config["rotary_emb_base"], config["n_embd"] // config["n_head"])
    states = [model.norm(model.embed(ids, types), "emb_ln")]
    for i in range(config["n_layer"]):
        x, layer = states[-1], f"encoder.layers.{i}."
        q, k, v = (model.split(part) for part in np.split(model.linear(x, layer + "attn.Wqkv"), 3, axis=-1))
        mixed = model.attend(models.turn_halves(q, turns), models.turn_halves(k, turns), v)
        x = model.norm(x + model.linear(mixed, layer + "attn.out_proj"), layer + "norm1")
        if model.has_experts(i):
            inner = model.experts(x, layer + "mlp.")
        else:
            inner = model.linear(models.ACTIVATIONS["gelu"](model.linear(x, layer + "mlp.fc1")), layer + "mlp.fc2")
        states.append(model.norm(x + inner, layer + "norm2"))
    return states


def case(config, notes, seed, prefix=""):
    return dict(config=config, make=make, run=run, prefix=prefix, head=None, outputs=lambda model, x: {}, notes=notes, kind=Nomic, seed=seed,
                longest=config["n_positions"])


CASES = {
    "nomic-bert-moe": case(config_of(), "two of 8 experts in every second layer, as nomic-embed-text-v2-moe has them", seed=362),
    "nomic-bert-moe-top-1": case(
        config_of(n_layer=3, n_head=3, n_inner=50, num_experts=3, moe_top_k=1, moe_every_n_layers=3, qkv_proj_bias=False, mlp_fc1_bias=False,
                  mlp_fc2_bias=False), "one of 3 experts, in the second layer alone; no biases but the experts'", seed=1, prefix="bert."),
}
