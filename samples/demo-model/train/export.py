"""Writes a model as a folder in Hugging Face's layout of LLaVA-1.5, weights in fp16."""

import ctypes
import json
import os
import struct

import torch

from model import MEAN, QUICK_GELU, STD
from vocabulary import BOS, EOS, PAD, PICTURE, write_json

TOWER, DECODER = "vision_tower.vision_model.", "language_model.model."


def parts(model):
    """Hugging Face's names, the parts of the model's parameters that they name, and by what the stored values differ from these."""
    tower = model.tower
    yield f"{TOWER}embeddings.class_embedding", tower.class_embedding, 1
    yield f"{TOWER}embeddings.patch_embedding.weight", tower.patch_embedding.weight, 1
    yield f"{TOWER}embeddings.position_embedding.weight", tower.position_embedding, 1
    for norm in ("pre_layrnorm", "post_layernorm"):
        for kind in ("weight", "bias"):
            yield f"{TOWER}{norm}.{kind}", getattr(getattr(tower, norm), kind), 1
    for i, layer in enumerate(tower.layers):
        target = f"{TOWER}encoder.layers.{i}."
        for kind in ("weight", "bias"):
            for name in ("layer_norm1", "layer_norm2"):
                yield f"{target}{name}.{kind}", getattr(getattr(layer, name), kind), 1
            for name, part in zip("qkv", getattr(layer.qkv, kind).chunk(3)):
                yield f"{target}self_attn.{name}_proj.{kind}", part, 1
            yield f"{target}self_attn.out_proj.{kind}", getattr(layer.out_proj, kind), 1
            yield f"{target}mlp.fc1.{kind}", getattr(layer.fc1, kind), 1 / QUICK_GELU
        yield target + "mlp.fc2.weight", layer.fc2.weight, QUICK_GELU
        yield target + "mlp.fc2.bias", layer.fc2.bias, 1
    for name in ("linear_1", "linear_2"):
        for kind in ("weight", "bias"):
            yield f"multi_modal_projector.{name}.{kind}", getattr(getattr(model, name), kind), 1
    yield DECODER + "embed_tokens.weight", model.embed_tokens.weight, 1
    for i, layer in enumerate(model.layers):
        target = f"{DECODER}layers.{i}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{target}{name}.weight", getattr(layer, name).weight, 1
        for name, part in zip("qkv", layer.qkv.weight.chunk(3)):
            yield f"{target}self_attn.{name}_proj.weight", part, 1
        yield target + "self_attn.o_proj.weight", layer.o_proj.weight, 1
        for name, part in zip(("gate", "up"), layer.gate_up.weight.chunk(2)):
            yield f"{target}mlp.{name}_proj.weight", part, 1
        yield target + "mlp.down_proj.weight", layer.down_proj.weight, 1
    yield DECODER + "norm.weight", model.norm.weight, 1
    yield "language_model.lm_head.weight", model.lm_head.weight, 1


def tensors(model):
    return {name: (value.detach().float().cpu() * factor).half().contiguous() for name, value, factor in parts(model)}


@torch.no_grad()
def restore(model, folder):
    """Sets a model to exported weights. Decoder layers that the export does not have begin as layers that add nothing."""
    with open(os.path.join(folder, "model.safetensors"), "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), file.read()
    for name, value, factor in parts(model):
        if name in header:
            start, end = header[name]["data_offsets"]
            stored = torch.frombuffer(bytearray(data[start:end]), dtype=torch.float16).view(header[name]["shape"])
            value.copy_(stored.float() / factor)
        elif name.startswith(DECODER + "layers."):
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                value.zero_()
        else:
            raise ValueError(f"{folder} has no {name}")


def write_safetensors(path, values):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, value in values.items():
        size = value.numel() * 2
        header[name] = {"dtype": "F16", "shape": list(value.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in values.values():
            file.write(ctypes.string_at(value.data_ptr(), value.numel() * 2))


def export(model, vocabulary, folder):
    os.makedirs(folder, exist_ok=True)
    values, shape = tensors(model), model.shape
    for name, value in values.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} does not fit fp16")
    write_safetensors(os.path.join(folder, "model.safetensors"), values)
    vocabulary.save(folder)
    write_json(os.path.join(folder, "config.json"), {
        "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "torch_dtype": "float16",
        "image_token_index": PICTURE, "pad_token_id": PAD, "projector_hidden_act": "gelu", "tie_word_embeddings": False,
        "vision_feature_layer": -1, "vision_feature_select_strategy": "default", "vocab_size": len(vocabulary),
        "text_config": {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "torch_dtype": "float16",
            "hidden_size": shape.width, "intermediate_size": shape.intermediate, "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads, "num_key_value_heads": shape.heads, "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "vocab_size": len(vocabulary), "bos_token_id": BOS, "eos_token_id": EOS},
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_act": "quick_gelu", "hidden_size": shape.vision_width,
            "intermediate_size": 4 * shape.vision_width, "num_hidden_layers": shape.vision_layers, "num_attention_heads": shape.vision_heads,
            "image_size": shape.image, "patch_size": shape.patch, "layer_norm_eps": 1e-05, "projection_dim": shape.vision_width}})
    write_json(os.path.join(folder, "generation_config.json"), {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD})
    write_json(os.path.join(folder, "preprocessor_config.json"), {
        "image_processor_type": "CLIPImageProcessor", "processor_class": "LlavaProcessor", "do_convert_rgb": True, "do_resize": True,
        "do_center_crop": True, "do_rescale": True, "do_normalize": True, "resample": 3, "rescale_factor": 1 / 255,
        "size": {"shortest_edge": shape.image}, "crop_size": {"height": shape.image, "width": shape.image},
        "image_mean": list(MEAN), "image_std": list(STD)})
