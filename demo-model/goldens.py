#!/usr/bin/env python3
"""Writes goldens.json: prompts, their token ids and the greedy continuation, computed in float64 without libllama.

A prompt whose best two logits come closer than MARGIN is left out, so that an F32 engine must agree token for token.
"""
import argparse
import json

import sentencepiece as spm
import torch

from chat import IM_END, prompt_ids, render
from export_gguf import read
from generate_data import Writer

MARGIN = 0.005
LIMIT = 48
WANTED = {"chat": 4, "plain": 2, "qa": 2}


def candidates():
    yield "chat", [["user", "Tell me a story about a fox called Ruby who finds a lantern"]]
    yield "chat", [["user", "Please tell me a story about an owl called Hugo who loses a key."]]
    yield "chat", [["system", "You are a helpful assistant."], ["user", "Write a short story about a bear called Tomlin in the forest."]]
    yield "chat", [["user", "Tell me a story about a rabbit called Mabel who helps a frog called Pim"]]
    yield "chat", [["user", "Can you tell me a story about a dragon called Ember and a golden bell?"]]
    yield "plain", [["plain", "Once upon a time there was a small mouse called Nell. Nell lived under the bridge. One day Nell found"]]
    yield "plain", [["plain", "Long ago, a wolf called Bram lived by the lake."]]
    yield "plain", [["plain", "Once upon a time"]]
    w = Writer(9, "heldout")
    for people in (5, 18, 18, 18, 5, 18):
        yield "qa", w.long_qa(people, 1)["turns"][:-1]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--gguf", default="baton-demo-3m-f32.gguf")
    p.add_argument("--out", default="goldens.json")
    args = p.parse_args()
    torch.set_num_threads(1)
    sp, model = spm.SentencePieceProcessor(model_file=args.tokenizer), read(args.gguf)
    left, rows = dict(WANTED), []
    for kind, turns in candidates():
        ids = prompt_ids(sp, turns)
        plain = turns[0][0] == "plain"
        if plain:
            ids = ids[:-1]
        out, margin = model.generate(ids, LIMIT, IM_END)
        print(kind, len(ids), f"{margin:.4f}", sp.decode([t for t in out if t != IM_END]))
        if margin < MARGIN or not left[kind]:
            continue
        left[kind] -= 1
        row = dict(name=f"{kind}-{WANTED[kind] - left[kind]}", prompt=turns[0][1] if plain else render(turns))
        if not plain:
            row["turns"] = turns
        row.update(prompt_ids=ids, output_ids=out, output_text=sp.decode([t for t in out if t != IM_END]), min_margin=round(margin, 4))
        rows.append(row)
    head = dict(model="baton-demo-3m-f32.gguf", computed="PyTorch float64 from the F32 weights", sampling="greedy", max_new_tokens=LIMIT,
                note="prompt_ids begin with BOS, control tokens parsed; output_ids end early at <|im_end|> (3)")
    with open(args.out, "w") as f:
        f.write("{\n" + "".join(f" {json.dumps(k)}: {json.dumps(v)},\n" for k, v in head.items()) + ' "prompts": [\n'
                + ",\n".join("  " + json.dumps(r) for r in rows) + "\n ]\n}\n")
    if any(left.values()):
        raise SystemExit(f"still wanted: {left}")


if __name__ == "__main__":
    main()
