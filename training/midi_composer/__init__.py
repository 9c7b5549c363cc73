"""The composer: a decoder-only transformer over the tokens of symbolic music."""
