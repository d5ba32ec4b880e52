"""Adapters of the model in weights/intent, for tests of the command line, the server and Python."""
import json
import math

from routers import write_tensors

SIZE, RANK = 192, 2  # of the model's hidden states; of the adapter


def peft_adapter(target, strength=4.0):
    """A directory as PEFT saves one: something for two matrices of the first layer."""
    target.mkdir()
    tensors = {}
    for layer, name, inputs in [(0, "attention.self.query", SIZE), (0, "attention.output.dense", SIZE)]:
        stem = f"base_model.model.encoder.layer.{layer}.{name}.lora_"
        tensors[stem + "A.weight"] = [RANK, inputs], [math.sin(i) / 8 for i in range(RANK * inputs)]
        tensors[stem + "B.weight"] = [SIZE, RANK], [strength * math.cos(i) / 8 for i in range(SIZE * RANK)]
    write_tensors(target / "adapter_model.safetensors", tensors)
    (target / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": RANK, "lora_alpha": 2 * RANK, "target_modules": ["query", "dense"]}))
    return target
