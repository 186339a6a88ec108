#!/usr/bin/env python3
"""Measures a GGUF on held-out prompts: are the given facts in the story, is the question answered, and what if the KV is lost."""
import argparse
import json
import time

import sentencepiece as spm
import torch

from chat import BOS, IM_END, IM_START, prompt_ids
from export_gguf import read
from generate_data import Writer


def text_of(sp, ids):
    return sp.decode([t for t in ids if t != IM_END])


def prompts(sp, count, width=10):
    """Held-out story prompts in batches of equal token length, so a batch needs no padding: (facts, ids) pairs."""
    w, waiting, full = Writer(31, "heldout"), {}, []
    while len(full) * width < count:
        doc = w.chat_story()
        if doc["turns"][0][0] == "user" and doc["facts"]:
            ids = prompt_ids(sp, doc["turns"][:1])
            rows = waiting.setdefault(len(ids), [])
            rows.append((doc["facts"], ids))
            if len(rows) == width:
                full.append(waiting.pop(len(ids)))
    return full


@torch.no_grad()
def continue_all(model, batch, limit, temperature, generator, lose_kv):
    """New ids of each prompt of a batch. lose_kv: after the first token the prompt's keys and values read as zero, as in a
    hand-over that lost its blocks."""
    caches = [{} for _ in model.layers]
    logits = model(torch.tensor(batch), 0, caches)[:, -1]
    if lose_kv:
        for c in caches:
            c["k"], c["v"] = torch.zeros_like(c["k"]), torch.zeros_like(c["v"])
    out = torch.empty(len(batch), 0, dtype=torch.long)
    while True:
        if temperature > 0:
            t = torch.multinomial(torch.softmax(logits / temperature, 1), 1, generator=generator)
        else:
            t = logits.argmax(1, keepdim=True)
        out = torch.cat((out, t), 1)
        if out.shape[1] == limit or (out == IM_END).any(1).all():
            break
        logits = model(t, len(batch[0]) + out.shape[1] - 1, caches)[:, -1]
    rows = out.tolist()
    return [r[:r.index(IM_END) + 1] if IM_END in r else r for r in rows]


def stories(sp, model, count, temperature, lose_kv=False):
    """Share of given facts in the story, share of stories with all of them, share that end by themselves."""
    g = torch.Generator().manual_seed(7)
    kept, whole, ended, lengths = {"name": [], "word": []}, [], [], []
    for batch in prompts(sp, count):
        for (facts, _), out in zip(batch, continue_all(model, [ids for _, ids in batch], 320, temperature, g, lose_kv)):
            text = text_of(sp, out)
            for f in facts:
                kept["name" if f[0].isupper() else "word"].append(f in text)
            whole.append(all(f in text for f in facts))
            ended.append(out[-1] == IM_END)
            lengths.append(len(out))
    share = lambda xs: round(sum(xs) / len(xs), 3)
    return dict(prompts=len(whole), facts_kept=share(kept["name"] + kept["word"]), names_kept=share(kept["name"]),
                other_facts_kept=share(kept["word"]), all_facts=share(whole), ended=share(ended), mean_tokens=round(share(lengths)))


@torch.no_grad()
def questions(sp, model, tokens, passages, first, each=8):
    """Exact answers about single sentences of passages of about this many tokens. A passage is computed once for its questions."""
    w = Writer(41 + tokens, "heldout")
    right, lengths = [], []
    for _ in range(passages):
        people = max(1, round(tokens / 27))
        while True:
            turns, _ = w.passage(people, each, first=each if first else 0)
            asked = [q for role, q in turns if role == "user"]
            end = asked[0].rindex(".") + 1
            text, asked[0] = asked[0][:end], asked[0][end:].strip()
            head = [BOS, IM_START] + sp.encode("user\n" + text + "\n")
            if len(head) <= tokens:
                break
            people = max(1, people - 1)
        lengths.append(len(head))
        _, caches = model.logits_of(head)
        for q, (_, answer) in zip(asked, turns[1::2]):
            mine, at = [dict(c) for c in caches], len(head)
            rest = sp.encode(q) + [IM_END] + sp.encode("\n") + [IM_START] + sp.encode("assistant\n")
            out = []
            while len(out) < 40 and (not out or out[-1] != IM_END):
                for t in (rest if not out else out[-1:]):
                    logits = model(torch.tensor([[t]]), at, mine)[0, -1]
                    at += 1
                out.append(logits.argmax().item())
            right.append(text_of(sp, out) == answer)
    return dict(passage_tokens=round(sum(lengths) / len(lengths)), questions=len(right), right=round(sum(right) / len(right), 3))


SAMPLES = ["Tell me a story about a fox called Ruby who finds a lantern", "Please write a short story about a bear called Otto who is afraid of the dark.",
           "tell me a story about a wombat called Zuzu who loses a trombone", "Tell me a story", "Hello", "What is the capital of France?",
           "Ann lives by the mill. Tom lives in the barn. Tom owns a red kite. Where does Ann live?"]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tokenizer", default="tokenizer.model")
    p.add_argument("--gguf", default="baton-demo-3m-f32.gguf")
    p.add_argument("--stories", type=int, default=100)
    p.add_argument("--passages", type=int, default=6, help="per length, eight questions each")
    p.add_argument("--lengths", type=int, nargs="*", default=[64, 128, 256, 512, 1024, 1200, 1536, 2048, 3000, 4000])
    p.add_argument("--samples", help="file to write the samples to")
    args = p.parse_args()
    torch.set_num_threads(1)
    sp, model = spm.SentencePieceProcessor(model_file=args.tokenizer), read(args.gguf, torch.float32)
    began = time.monotonic()

    def show(what, value):
        print(f"[{time.monotonic() - began:.0f}s]", what, value, flush=True)

    rows = []
    for prompt in SAMPLES:
        for temperature in (0.0, 0.8):
            ids = prompt_ids(sp, [["user", prompt]])
            out, _ = model.generate(ids, 320, IM_END, temperature, torch.Generator().manual_seed(1))
            rows.append(dict(prompt=prompt, temperature=temperature, output=text_of(sp, out), ended=out[-1] == IM_END))
            show(prompt, rows[-1]["output"])
    if args.samples:
        with open(args.samples, "w") as f:
            json.dump(rows, f, indent=1)
            f.write("\n")
    if args.stories:
        show("greedy", stories(sp, model, args.stories, 0.0))
        show("temperature 0.8", stories(sp, model, args.stories, 0.8))
        show("greedy, prompt KV zeroed after the first token", stories(sp, model, args.stories, 0.0, lose_kv=True))
    for n in args.lengths:
        if args.passages:
            show(f"questions anywhere, {n} tokens", questions(sp, model, n, args.passages, first=False))
            if n >= 512:
                show(f"questions about the first eighth, {n} tokens", questions(sp, model, n, args.passages, first=True))


if __name__ == "__main__":
    main()
