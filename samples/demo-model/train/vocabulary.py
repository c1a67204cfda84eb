"""
A word-level tokenizer in the form of Llama's tokenizer.json.

A word is "▁" and its letters. Every merge lengthens a piece that begins with "▁" by one character, so that byte-pair encoding walks
down a trie: a known word becomes one token, what follows its longest known beginning (punctuation, unknown letters) single characters.
"""

import json
import os
import re
import string

SPACE = "▁"
SPECIAL = ["<unk>", "<s>", "</s>", "<image>", "<pad>"]
UNKNOWN, BOS, EOS, PICTURE, PAD = range(5)
PUNCTUATION = ".,?!:;"


class Vocabulary:
    def __init__(self, texts):
        """texts: all that the model shall read or write; their words become tokens."""
        words = {SPACE + word for text in texts for word in re.split(f"[{PUNCTUATION} ]+", text) if word}
        pieces = {word[:length] for word in words for length in range(2, len(word) + 1)}
        self.merges = sorted(pieces, key=lambda piece: (len(piece), piece))
        characters = [SPACE, "\n"] + [c for c in string.printable if c.isprintable() and c != " "]
        self.tokens = SPECIAL + characters + self.merges
        self.ids = {token: i for i, token in enumerate(self.tokens)}

    def __len__(self):
        return len(self.tokens)

    def encode(self, text):
        """Ids of a text without special tokens, "▁" put in front as Llama's normalizer does."""
        ids, rest = [], SPACE + text.replace(" ", SPACE)
        while rest:
            length = 1
            while length < len(rest) and rest[0] == SPACE and rest[: length + 1] in self.ids:
                length += 1
            ids.append(self.ids.get(rest[:length], UNKNOWN))
            rest = rest[length:]
        return ids

    def decode(self, ids):
        text = "".join(self.tokens[i] for i in ids if i >= len(SPECIAL))
        return text.replace(SPACE, " ").strip()

    def save(self, folder):
        special = lambda i, text: {"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        tokenizer = {
            "version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [special(i, text) for i, text in enumerate(SPECIAL)],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": SPACE}, {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}]},
            "pre_tokenizer": None,
            "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                         {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}}},
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": False,
                      "vocab": self.ids, "merges": [f"{piece[:-1]} {piece[-1]}" for piece in self.merges]},
        }
        config = {
            "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "legacy": False,
            "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
            "clean_up_tokenization_spaces": False, "model_max_length": 2048, "padding_side": "right",
        }
        write_json(os.path.join(folder, "tokenizer.json"), tokenizer)
        write_json(os.path.join(folder, "tokenizer_config.json"), config)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")
