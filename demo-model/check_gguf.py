#!/usr/bin/env python3
"""Compares a GGUF with libllama: token ids, logits, greedy text and the end token.

The reference is the PyTorch model in float64 with the file's own weights. The struct offsets below are those of
libllama v0.5.0; the defaults are checked before use.
"""
import argparse
import ctypes as C
import json
import os
import struct

import numpy as np

from export_gguf import read


THREADS, FLASH_ATTENTION, TYPE_K, TYPE_V = 28, 52, 104, 108


class ModelParams(C.Structure):
    _fields_ = [("raw", C.c_uint8 * 80)]


class ContextParams(C.Structure):
    _fields_ = [("raw", C.c_uint8 * 160)]


class Batch(C.Structure):
    _fields_ = [("raw", C.c_uint8 * 56)]


class Libllama:
    def __init__(self, lib_dir, model, n_ctx=4096):
        libs = os.listdir(lib_dir)
        find = lambda stem: os.path.join(lib_dir, next(f for f in libs if f.startswith(stem)))
        ggml = C.CDLL(find("libggml.v"), mode=C.RTLD_GLOBAL)
        lib = self.lib = C.CDLL(find("libllama.v"))
        ggml.ggml_backend_load_all_from_path(lib_dir.encode())
        self.silent = C.CFUNCTYPE(None, C.c_int, C.c_char_p, C.c_void_p)(lambda *_: None)
        lib.llama_log_set(self.silent, None)
        lib.llama_backend_init()
        lib.llama_model_default_params.restype = ModelParams
        lib.llama_context_default_params.restype = ContextParams
        for f, result, args in (("model_load_from_file", C.c_void_p, [C.c_char_p, ModelParams]),
                                ("init_from_model", C.c_void_p, [C.c_void_p, ContextParams]),
                                ("model_get_vocab", C.c_void_p, [C.c_void_p]), ("get_memory", C.c_void_p, [C.c_void_p]),
                                ("memory_clear", None, [C.c_void_p, C.c_bool]),
                                ("tokenize", C.c_int32, [C.c_void_p, C.c_char_p, C.c_int32, C.c_void_p, C.c_int32, C.c_bool, C.c_bool]),
                                ("batch_get_one", Batch, [C.c_void_p, C.c_int32]), ("decode", C.c_int32, [C.c_void_p, Batch]),
                                ("get_logits_ith", C.POINTER(C.c_float), [C.c_void_p, C.c_int32]),
                                ("vocab_n_tokens", C.c_int32, [C.c_void_p]), ("vocab_eos", C.c_int32, [C.c_void_p]),
                                ("vocab_eot", C.c_int32, [C.c_void_p]), ("vocab_bos", C.c_int32, [C.c_void_p]),
                                ("vocab_is_eog", C.c_bool, [C.c_void_p, C.c_int32]),
                                ("model_chat_template", C.c_char_p, [C.c_void_p, C.c_char_p]),
                                ("chat_apply_template", C.c_int32, [C.c_char_p, C.c_void_p, C.c_size_t, C.c_bool, C.c_char_p, C.c_int32])):
            fn = getattr(lib, "llama_" + f)
            fn.restype, fn.argtypes = result, args
        self.model = lib.llama_model_load_from_file(model.encode(), lib.llama_model_default_params())
        if not self.model:
            raise SystemExit("libllama refused " + model)
        p = lib.llama_context_default_params()
        ints = lambda at: struct.unpack_from("<i", p.raw, at)[0]
        if [ints(at) for at in (0, 4, 8, FLASH_ATTENTION, TYPE_K, TYPE_V)] != [512, 2048, 512, -1, 1, 1]:
            raise SystemExit("the context parameters are not laid out as in v0.5.0")
        # F32 cache and no flash attention: only then is F32 arithmetic kept throughout.
        sets = [(0, n_ctx), (4, n_ctx), (8, 512), (THREADS, 1), (THREADS + 4, 1), (FLASH_ATTENTION, 0), (TYPE_K, 0), (TYPE_V, 0)]
        for at, value in sets:
            struct.pack_into("<i", p.raw, at, value)
        self.ctx = lib.llama_init_from_model(self.model, p)
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.n_vocab = lib.llama_vocab_n_tokens(self.vocab)

    def tokenize(self, text):
        raw = text.encode()
        out = (C.c_int32 * (len(raw) + 16))()
        n = self.lib.llama_tokenize(self.vocab, raw, len(raw), out, len(out), True, True)
        return list(out[:n])

    def clear(self):
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.ctx), True)

    def feed(self, ids):
        """Logits after ids."""
        buffer = (C.c_int32 * len(ids))(*ids)
        if self.lib.llama_decode(self.ctx, self.lib.llama_batch_get_one(buffer, len(ids))) != 0:
            raise SystemExit("llama_decode failed")
        return np.ctypeslib.as_array(self.lib.llama_get_logits_ith(self.ctx, -1), (self.n_vocab,)).copy()

    def greedy(self, ids, limit):
        self.clear()
        first = logits = self.feed(ids)
        out = []
        while True:
            out.append(int(logits.argmax()))
            if len(out) == limit or self.lib.llama_vocab_is_eog(self.vocab, out[-1]):
                return first, out
            logits = self.feed(out[-1:])

    def template(self, turns, add):
        class Message(C.Structure):
            _fields_ = [("role", C.c_char_p), ("content", C.c_char_p)]
        messages = (Message * len(turns))(*[Message(r.encode(), t.encode()) for r, t in turns])
        out = C.create_string_buffer(1 << 16)
        n = self.lib.llama_chat_apply_template(self.lib.llama_model_chat_template(self.model, None), messages, len(turns), add, out, len(out))
        return out.raw[:n].decode()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--lib", required=True, help="directory with libllama and libggml of v0.5.0")
    p.add_argument("--gguf", default="baton-demo-3m-f32.gguf")
    p.add_argument("--goldens", default="goldens.json")
    args = p.parse_args()
    engine, model = Libllama(args.lib, args.gguf), read(args.gguf)
    v = engine.lib
    print("bos", v.llama_vocab_bos(engine.vocab), "eos", v.llama_vocab_eos(engine.vocab), "eot", v.llama_vocab_eot(engine.vocab))
    assert v.llama_vocab_is_eog(engine.vocab, 3)
    with open(args.goldens) as f:
        goldens = json.load(f)
    for g in goldens["prompts"]:
        if "turns" in g:
            assert engine.template(g["turns"], True) == g["prompt"], "chat template"
        assert engine.tokenize(g["prompt"]) == g["prompt_ids"], "token ids of " + g["name"]
        logits, out = engine.greedy(g["prompt_ids"], len(g["output_ids"]))
        reference, _ = model.logits_of(g["prompt_ids"])
        gap = float(np.abs(reference.numpy() - logits).max())
        assert out == g["output_ids"], "greedy ids of " + g["name"]
        print(f"{g['name']}: {len(g['prompt_ids'])} + {len(out)} tokens equal, largest logit difference {gap:.1e}, margin {g['min_margin']:.3f}")


if __name__ == "__main__":
    main()
