"""Writes a two-layer llama of random weights as a GGUF file, about half a megabyte.

It talks nonsense, but it is a model like any other to the servers that load it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType

CONTEXT_TOKENS = 4096

_LAYERS, _HEADS, _KV_HEADS = 2, 4, 2
_EMBEDDING, _FEED_FORWARD = 64, 128
_SEED = 7
_CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def prompt_tokens(text: str) -> int:
    """Tokens of a chat with one user message in plain ASCII: every character is one."""
    return len(f"<user>{text}\n<assistant>")


def write_tiny_model(path: Path) -> Path:
    """Write the model; the same bytes every time."""
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny random llama")
    writer.add_file_type(0)  # all tensors F32
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(_EMBEDDING)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_block_count(_LAYERS)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_rope_dimension_count(_EMBEDDING // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    words = _vocabulary()
    _add_tokenizer(writer, words)
    for name, values in _tensors(words).items():
        writer.add_tensor(name, values, raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _vocabulary() -> list[tuple[bytes, float, TokenType]]:
    """Control tokens, every byte, and every printable ASCII character: token, score, type."""
    control = [
        (b"<unk>", 0.0, TokenType.UNKNOWN),
        (b"<s>", 0.0, TokenType.CONTROL),
        (b"</s>", 0.0, TokenType.CONTROL),
    ]
    every_byte = [(f"<0x{value:02X}>".encode(), 0.0, TokenType.BYTE) for value in range(256)]
    # SentencePiece writes a space as U+2581.
    characters = ["\u2581", *map(chr, range(33, 127))]
    printable = [(character.encode(), -1.0, TokenType.NORMAL) for character in characters]
    return control + every_byte + printable


def _add_tokenizer(writer: GGUFWriter, words: list[tuple[bytes, float, TokenType]]) -> None:
    tokens, scores, types = zip(*words, strict=True)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(list(tokens))
    writer.add_token_scores(list(scores))
    writer.add_token_types([int(kind) for kind in types])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_CHAT_TEMPLATE)


def _tensors(words: list[tuple[bytes, float, TokenType]]) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(_SEED)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return draw.normal(0, columns**-0.5, (rows, columns)).astype(np.float32)

    ones = np.ones(_EMBEDDING, dtype=np.float32)
    kv = _EMBEDDING // _HEADS * _KV_HEADS
    output = matrix(len(words), _EMBEDDING) * 4
    # Only printable characters are ever said: random bytes would hardly be UTF-8, and a random end
    # would leave the length of an answer to chance.
    output[[kind is not TokenType.NORMAL for _, _, kind in words]] = 0
    tensors = {
        "token_embd.weight": matrix(len(words), _EMBEDDING) * 8,
        "output_norm.weight": ones,
        "output.weight": output,
    }
    for layer in range(_LAYERS):
        block = {
            "attn_norm": ones,
            "attn_q": matrix(_EMBEDDING, _EMBEDDING),
            "attn_k": matrix(kv, _EMBEDDING),
            "attn_v": matrix(kv, _EMBEDDING),
            "attn_output": matrix(_EMBEDDING, _EMBEDDING),
            "ffn_norm": ones,
            "ffn_gate": matrix(_FEED_FORWARD, _EMBEDDING),
            "ffn_up": matrix(_FEED_FORWARD, _EMBEDDING),
            "ffn_down": matrix(_EMBEDDING, _FEED_FORWARD),
        }
        tensors |= {f"blk.{layer}.{name}.weight": values for name, values in block.items()}
    return tensors
