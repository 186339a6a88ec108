"""The Llama architecture as small as it goes, in PyTorch. RoPE turns interleaved pairs, so weights go to GGUF unpermuted."""
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass(frozen=True)
class Config:
    vocab: int = 1024
    width: int = 256
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    ffn: int = 416
    eps: float = 1e-5
    rope_base: float = 10000.0


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.attn_norm = nn.Parameter(torch.ones(c.width))
        self.ffn_norm = nn.Parameter(torch.ones(c.width))
        self.attn_q = nn.Linear(c.width, c.heads * c.head_dim, bias=False)
        self.attn_k = nn.Linear(c.width, c.kv_heads * c.head_dim, bias=False)
        self.attn_v = nn.Linear(c.width, c.kv_heads * c.head_dim, bias=False)
        self.attn_output = nn.Linear(c.heads * c.head_dim, c.width, bias=False)
        self.ffn_gate = nn.Linear(c.width, c.ffn, bias=False)
        self.ffn_up = nn.Linear(c.width, c.ffn, bias=False)
        self.ffn_down = nn.Linear(c.ffn, c.width, bias=False)

    def forward(self, x, turn, cache=None):
        c = self.c
        b, n, _ = x.shape
        h = F.rms_norm(x, (c.width,), self.attn_norm, c.eps)
        q = rotate(self.attn_q(h).view(b, n, c.heads, c.head_dim), turn).transpose(1, 2)
        k = rotate(self.attn_k(h).view(b, n, c.kv_heads, c.head_dim), turn).transpose(1, 2)
        v = self.attn_v(h).view(b, n, c.kv_heads, c.head_dim).transpose(1, 2)
        past = 0
        if cache is not None:
            if "k" in cache:
                past = cache["k"].shape[2]
                k, v = torch.cat((cache["k"], k), 2), torch.cat((cache["v"], v), 2)
            cache["k"], cache["v"] = k, v
        if past and n > 1:
            raise ValueError("a cached context is continued by one token at a time")
        a = attend(q, k, v)
        x = x + self.attn_output(a.transpose(1, 2).reshape(b, n, -1))
        h = F.rms_norm(x, (c.width,), self.ffn_norm, c.eps)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


MASKS = {}


def attend(q, k, v):
    b, heads, n, d = q.shape
    kv_heads = k.shape[1]
    if 1 < n <= 512:
        # Written out, a short causal attention trains twice as fast on a CPU as the fused kernel.
        group = heads // kv_heads
        key = (n, group, q.dtype)
        if key not in MASKS:
            MASKS[key] = torch.full((n, n), float("-inf"), dtype=q.dtype).triu(1).repeat(group, 1)[None]
        q = (q * d ** -0.5).reshape(b * kv_heads, group * n, d)
        s = torch.baddbmm(MASKS[key], q, k.reshape(b * kv_heads, n, d).transpose(1, 2))
        return torch.bmm(torch.softmax(s, -1), v.reshape(b * kv_heads, n, d)).view(b, heads, n, d)
    k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=n > 1)


def rotate(x, turn):
    pairs = torch.view_as_complex(x.to(turn.real.dtype).unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * turn).flatten(-2).to(x.dtype)


class Llama(nn.Module):
    def __init__(self, c=Config()):
        super().__init__()
        self.c = c
        self.token_embd = nn.Embedding(c.vocab, c.width)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.output_norm = nn.Parameter(torch.ones(c.width))
        nn.init.normal_(self.token_embd.weight, std=0.02)
        for layer in self.layers:
            for name in ("attn_output", "ffn_down"):
                nn.init.zeros_(getattr(layer, name).weight)

    def hidden(self, ids, start=0, caches=None):
        dtype = self.output_norm.dtype
        freq = self.c.rope_base ** (-torch.arange(0, self.c.head_dim, 2, dtype=dtype) / self.c.head_dim)
        angle = torch.outer(torch.arange(start, start + ids.shape[1], dtype=dtype), freq)
        turn = torch.polar(torch.ones_like(angle), angle)[:, None, :]
        x = self.token_embd(ids)
        for i, layer in enumerate(self.layers):
            x = layer(x, turn, None if caches is None else caches[i])
        return F.rms_norm(x, (self.c.width,), self.output_norm, self.c.eps)

    def forward(self, ids, start=0, caches=None):
        return F.linear(self.hidden(ids, start, caches), self.token_embd.weight)

    @torch.no_grad()
    def logits_of(self, prompt):
        """Logits after the prompt, and the caches to go on with."""
        caches = [{} for _ in self.layers]
        return self(torch.tensor([prompt]), 0, caches)[0, -1], caches

    @torch.no_grad()
    def generate(self, prompt, limit, stop, temperature=0.0, generator=None):
        """New token ids up to and including stop, and the smallest gap between the best two logits."""
        logits, caches = self.logits_of(prompt)
        out, margin = [], float("inf")
        while True:
            best = logits.topk(2)
            margin = min(margin, (best.values[0] - best.values[1]).item())
            if temperature > 0:
                t = torch.multinomial(torch.softmax(logits / temperature, 0), 1, generator=generator).item()
            else:
                t = best.indices[0].item()
            out.append(t)
            if t == stop or len(out) == limit:
                return out, margin
            logits = self(torch.tensor([[t]]), len(prompt) + len(out) - 1, caches)[0, -1]
