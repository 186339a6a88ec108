#!/usr/bin/env python3
"""Trains the demo model on one CPU core for a given time of that core (pausing it costs nothing). Resumes from the newest checkpoint in --work."""
import argparse
import itertools
import json
import math
import os
import random
import time

import sentencepiece as spm
import torch
import torch.nn.functional as F

from chat import encode
from export_gguf import read
from generate_data import Writer
from model import Config, Llama


class Muon:
    """Momentum whose update is made orthogonal; equal shapes are stacked into one batched product."""

    def __init__(self, params, momentum=0.95, decay=0.02):
        self.groups = {}
        for p in params:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.momentum, self.decay = momentum, decay
        self.state = {shape: torch.zeros(len(ps), *shape) for shape, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, lr):
        for shape, ps in self.groups.items():
            g = torch.stack([p.grad for p in ps])
            m = self.state[shape].lerp_(g, 1 - self.momentum)
            x = g.lerp(m, self.momentum)
            tall = shape[0] > shape[1]
            x = x.mT if tall else x
            x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
            for _ in range(5):
                a = x @ x.mT
                x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
            x = (x.mT if tall else x).float()
            scale = lr * max(1.0, shape[0] / shape[1]) ** 0.5
            for p, u in zip(ps, x):
                p.mul_(1 - lr * self.decay).sub_(u, alpha=scale)


def batches(sp, writer, mix, tokens, shuffle):
    """Endless micro-batches of documents of about equal length, so little is padding. Each document starts at position 0."""
    docs = writer.documents(mix)
    while True:
        rows = sorted((encode(sp, d) for d in itertools.islice(docs, 1500)), key=lambda r: len(r[0]))
        packed, at = [], 0
        while at < len(rows):
            n = 1
            while at + n < len(rows) and (n + 1) * len(rows[at + n][0]) <= tokens:
                n += 1
            packed.append(rows[at:at + n])
            at += n
        shuffle.shuffle(packed)
        for part in packed:
            width = max(len(ids) for ids, _ in part)
            ids = torch.zeros(len(part), width, dtype=torch.long)
            weights = torch.zeros(len(part), width)
            for i, (t, w) in enumerate(part):
                ids[i, :len(t)], weights[i, :len(t)] = torch.tensor(t), torch.tensor(w)
            yield ids, weights


def loss_of(model, ids, weights):
    """Sum of weighted losses, and the sum of weights; only rows with a weight reach the vocabulary."""
    h = model.hidden(ids[:, :-1])
    w = weights[:, 1:]
    use = w > 0
    logits = F.linear(h[use], model.token_embd.weight).float()
    each = F.cross_entropy(logits, ids[:, 1:][use], reduction="none")
    return each, w[use]


@torch.no_grad()
def evaluate(model, sets):
    model.eval()
    out = {}
    for name, parts in sets.items():
        total = count = 0.0
        for ids, weights in parts:
            each, w = loss_of(model, ids, (weights == 1).float())
            total, count = total + each.sum().item(), count + len(each)
        out[name] = round(total / count, 4)
    model.train()
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", required=True)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--minutes", type=float, required=True)
    p.add_argument("--start-from", help="a GGUF file whose weights a new --work begins with")
    p.add_argument("--seed", type=int, default=1000, help="of the training text; another one for a second round")
    p.add_argument("--long-from", type=float, default=0.65, help="fraction of the time after which 1000-token documents come in")
    p.add_argument("--batch", type=int, default=4096, help="tokens of a micro-batch")
    p.add_argument("--accumulate", type=int, default=2)
    p.add_argument("--lr", type=float, default=0.02)
    p.add_argument("--adam-lr", type=float, default=0.003)
    p.add_argument("--bf16", action="store_true")
    p.add_argument("--steps", type=int, default=1 << 30, help="stop after this many, for measuring")
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    sp = spm.SentencePieceProcessor(model_file=args.tokenizer)
    model = read(args.start_from, torch.float32).train() if args.start_from else Llama(Config(vocab=len(sp)))
    matrices = [w for n, w in model.layers.named_parameters() if w.ndim == 2]
    others = [w for w in model.parameters() if not any(w is m for m in matrices)]
    muon, adam = Muon(matrices), torch.optim.AdamW(others, lr=args.adam_lr, betas=(0.9, 0.98), weight_decay=0.0)
    print(sum(w.numel() for w in model.parameters()), "parameters", flush=True)
    held = {}
    for mix in ("short", "long"):
        held[mix] = list(itertools.islice(batches(sp, Writer(5, "heldout"), mix, args.batch, random.Random(2)), 6))

    os.makedirs(args.work, exist_ok=True)
    path = os.path.join(args.work, "checkpoint.pt")
    done = step = tokens = 0
    if os.path.exists(path):
        saved = torch.load(path)
        model.load_state_dict(saved["model"])
        adam.load_state_dict(saved["adam"])
        muon.state = saved["muon"]
        done, step, tokens = saved["seconds"], saved["step"], saved["tokens"]
    began, budget = time.process_time() - done, args.minutes * 60
    log = open(os.path.join(args.work, "log.jsonl"), "a")
    streams = {mix: batches(sp, Writer(args.seed + step, "train"), mix, args.batch, random.Random(step)) for mix in ("short", "long")}
    running, last_eval, last_save = [], 0.0, time.process_time()
    while True:
        seconds = time.process_time() - began
        at = min(seconds / budget, 1.0)
        if at >= 1.0 or step >= args.steps:
            break
        # Warm up, hold, then fall to nothing over the last half.
        factor = min(1.0, (step + 1) / 40) * min(1.0, max(0.01, (1 - at) / 0.5))
        mix = "long" if at >= args.long_from else "short"
        parts = [next(streams[mix]) for _ in range(args.accumulate)]
        weight = sum(w[:, 1:].sum() for _, w in parts)
        total = 0.0
        for ids, weights in parts:
            with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
                each, w = loss_of(model, ids, weights)
            loss = (each * w).sum() / weight
            loss.backward()
            total += loss.item()
            tokens += ids.numel()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for group in adam.param_groups:
            group["lr"] = args.adam_lr * factor
        adam.step()
        muon.step(args.lr * factor)
        model.zero_grad(set_to_none=True)
        step += 1
        running.append(total)
        if step % 20 == 0:
            now = time.process_time() - began
            print(f"step {step} {tokens / 1e6:.2f}M tokens {now:.0f}s {mix} loss {sum(running) / len(running):.4f}", flush=True)
            running.clear()
            if now - last_eval > 180:
                row = dict(step=step, tokens=tokens, seconds=round(now), mix=mix, train=round(total, 4), **evaluate(model, held))
                print(row, flush=True)
                log.write(json.dumps(row) + "\n")
                log.flush()
                last_eval = now
        if time.process_time() - last_save > 120:
            save(path, model, adam, muon, time.process_time() - began, step, tokens)
            last_save = time.process_time()
    save(path, model, adam, muon, time.process_time() - began, step, tokens)
    row = dict(step=step, tokens=tokens, seconds=round(time.process_time() - began), mix="end", **evaluate(model, held))
    print(row, flush=True)
    log.write(json.dumps(row) + "\n")


def save(path, model, adam, muon, seconds, step, tokens):
    torch.save(dict(model=model.state_dict(), adam=adam.state_dict(), muon=muon.state, seconds=seconds, step=step, tokens=tokens),
               path + ".new")
    os.replace(path + ".new", path)


if __name__ == "__main__":
    main()
