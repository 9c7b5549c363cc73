"""The tokenizer file as it is served: truncated at 256 tokens, padded to a multiple of 16."""

from __future__ import annotations

from tokenizers import Tokenizer

#: Longest text the checkpoint was fine-tuned on (its ``max_seq_length``); longer texts are cut.
MAX_TOKENS = 256
#: Lengths are rounded up to this, so that a text meets few different shapes.
PAD_MULTIPLE = 16


def serving_tokenizer(text: str) -> Tokenizer:
    """Build the tokenizer from ``tokenizer.json``, replacing its fixed padding to 128 tokens."""
    tokenizer = Tokenizer.from_str(text)
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]", pad_to_multiple_of=PAD_MULTIPLE)
    return tokenizer
