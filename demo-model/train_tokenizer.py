#!/usr/bin/env python3
"""Trains the SentencePiece BPE vocabulary on generated text."""
import argparse
import itertools
import string

import sentencepiece as spm

from generate_data import Writer

CONTROL = ["<|im_start|>", "<|im_end|>"]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--out", required=True, help="prefix of the .model file")
    p.add_argument("--documents", type=int, default=20000)
    p.add_argument("--vocab", type=int, default=1024)
    args = p.parse_args()

    def lines():
        for doc in itertools.islice(Writer(77).documents("short"), args.documents):
            for _, text in doc["turns"]:
                yield from text.split("\n")

    # No dummy prefix: a chat text starts after a newline or a control token, where a space would be wrong.
    # No </s>: <|im_end|> is the one end token.
    spm.SentencePieceTrainer.train(
        sentence_iterator=lines(), model_prefix=args.out, vocab_size=args.vocab, model_type="bpe", byte_fallback=True,
        add_dummy_prefix=False, remove_extra_whitespaces=False, normalization_rule_name="identity", split_digits=True,
        unk_id=0, bos_id=1, eos_id=-1, pad_id=-1, control_symbols=CONTROL, character_coverage=1.0,
        required_chars=string.ascii_letters + string.digits + ".,!?'\":;-()", max_sentence_length=20000, num_threads=1,
        minloglevel=1)


if __name__ == "__main__":
    main()
