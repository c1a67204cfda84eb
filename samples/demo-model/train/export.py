"""Writes a model as a folder in Hugging Face's layout of LLaVA-1.5, weights in fp16."""

import ctypes
import json
import os
import struct

import torch

from model import MEAN, QUICK_GELU, STD
from vocabulary import BOS, EOS, PAD, PICTURE, write_json

TOWER, DECODER = "vision_tower.vision_model.", "language_model.model."


def tensors(model):
    """Hugging Face's names and tensors."""
    state = {name: value.detach().float().cpu() for name, value in model.state_dict().items()}
    result = {}
    for name in ("class_embedding", "patch_embedding.weight"):
        result[f"{TOWER}embeddings.{name}"] = state["tower." + name]
    result[TOWER + "embeddings.position_embedding.weight"] = state["tower.position_embedding"]
    for norm in ("pre_layrnorm", "post_layernorm"):
        for kind in ("weight", "bias"):
            result[f"{TOWER}{norm}.{kind}"] = state[f"tower.{norm}.{kind}"]
    for i in range(model.shape.vision_layers):
        source, target = f"tower.layers.{i}.", f"{TOWER}encoder.layers.{i}."
        for kind in ("weight", "bias"):
            for name in ("layer_norm1", "layer_norm2"):
                result[f"{target}{name}.{kind}"] = state[f"{source}{name}.{kind}"]
            for name, part in zip("qkv", state[f"{source}qkv.{kind}"].chunk(3)):
                result[f"{target}self_attn.{name}_proj.{kind}"] = part
            result[f"{target}self_attn.out_proj.{kind}"] = state[f"{source}out_proj.{kind}"]
            result[f"{target}mlp.fc1.{kind}"] = state[f"{source}fc1.{kind}"] / QUICK_GELU
        result[target + "mlp.fc2.weight"] = state[source + "fc2.weight"] * QUICK_GELU
        result[target + "mlp.fc2.bias"] = state[source + "fc2.bias"]
    for name in ("linear_1", "linear_2"):
        for kind in ("weight", "bias"):
            result[f"multi_modal_projector.{name}.{kind}"] = state[f"{name}.{kind}"]
    result[DECODER + "embed_tokens.weight"] = state["embed_tokens.weight"]
    for i in range(model.shape.layers):
        source, target = f"layers.{i}.", f"{DECODER}layers.{i}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            result[f"{target}{name}.weight"] = state[f"{source}{name}.weight"]
        for name, part in zip("qkv", state[source + "qkv.weight"].chunk(3)):
            result[f"{target}self_attn.{name}_proj.weight"] = part
        result[target + "self_attn.o_proj.weight"] = state[source + "o_proj.weight"]
        for name, part in zip(("gate", "up"), state[source + "gate_up.weight"].chunk(2)):
            result[f"{target}mlp.{name}_proj.weight"] = part
        result[target + "mlp.down_proj.weight"] = state[source + "down_proj.weight"]
    result[DECODER + "norm.weight"] = state["norm.weight"]
    result["language_model.lm_head.weight"] = state["lm_head.weight"]
    return {name: value.half().contiguous() for name, value in result.items()}


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
