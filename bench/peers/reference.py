"""The same two models in double precision and NumPy, written for obviousness: what check.py holds the peers against."""
import numpy as np


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def layer_norm(x, gain, bias, epsilon=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * gain + bias


def rms_norm(x, gain, epsilon):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * gain


def attention(q, k, v, heads, causal):
    """q, k, v [tokens, hidden]"""
    tokens, hidden = q.shape
    size = hidden // heads
    mixed = np.empty_like(q)
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        scores = q[:, part] @ k[:, part].T / np.sqrt(size)
        if causal:
            scores[np.triu_indices(tokens, 1)] = -np.inf
        mixed[:, part] = softmax(scores) @ v[:, part]
    return mixed


def clip(pixels, w, s):
    """pixels [3, image, image], w: name -> array -> [patches, hidden]"""
    grid = s.image // s.patch
    patches = [
        pixels[:, r * s.patch : (r + 1) * s.patch, c * s.patch : (c + 1) * s.patch].ravel()
        for r in range(grid)
        for c in range(grid)
    ]
    embedded = np.stack(patches) @ w["patch_embedding"].reshape(s.hidden, -1).T
    x = np.concatenate((w["class_embedding"], embedded)) + w["position_embedding"]
    x = layer_norm(x, w["pre.weight"], w["pre.bias"])
    for i in range(s.layers):
        def linear(y, name):
            return y @ w[f"{i}.{name}.weight"].T + w[f"{i}.{name}.bias"]

        qkv = linear(layer_norm(x, w[f"{i}.norm1.weight"], w[f"{i}.norm1.bias"]), "qkv")
        x = x + linear(attention(*np.split(qkv, 3, axis=1), s.heads, causal=False), "out")
        h = linear(layer_norm(x, w[f"{i}.norm2.weight"], w[f"{i}.norm2.bias"]), "fc1")
        x = x + linear(h / (1 + np.exp(-1.702 * h)), "fc2")
    return x[1:]


def rotate(x, s):
    """x [tokens, hidden]: pair (j, j + head size / 2) of each head turns by position * theta^(-2j / head size)"""
    tokens, half = x.shape[0], s.head_size // 2
    y = x.reshape(tokens, s.heads, s.head_size)
    out = np.empty_like(y)
    for j in range(half):
        angle = np.arange(tokens)[:, None] * s.theta ** (-2 * j / s.head_size)
        a, b = y[:, :, j], y[:, :, j + half]
        out[:, :, j] = a * np.cos(angle) - b * np.sin(angle)
        out[:, :, j + half] = b * np.cos(angle) + a * np.sin(angle)
    return out.reshape(x.shape)


def decoder(x, layers, s):
    """x [tokens, hidden], layers: prefill_torch.random_layer's as arrays"""
    for w in layers:
        q, k, v = np.split(rms_norm(x, w["norm1"], s.epsilon) @ w["qkv"].T, 3, axis=1)
        x = x + attention(rotate(q, s), rotate(k, s), v, s.heads, causal=True) @ w["out"].T
        gate, up = np.split(rms_norm(x, w["norm2"], s.epsilon) @ w["gate_up"].T, 2, axis=1)
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w["down"].T
    return x
