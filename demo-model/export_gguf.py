#!/usr/bin/env python3
"""Writes a checkpoint as GGUF, F32, and reads one back into the PyTorch model."""
import argparse

import gguf
import numpy as np
import sentencepiece as spm
import torch

from model import Config, Llama

NAME = "baton-demo-3m"
CONTEXT = 4096
TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
LAYER = ["attn_norm", "ffn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]


def names(config):
    """GGUF tensor name -> parameter name."""
    out = {"token_embd.weight": "token_embd.weight", "output_norm.weight": "output_norm"}
    for i in range(config.layers):
        for n in LAYER:
            out[f"blk.{i}.{n}.weight"] = f"layers.{i}.{n}" + ("" if n.endswith("norm") else ".weight")
    return out


def token_type(sp, i):
    if sp.is_unknown(i):
        return gguf.TokenType.UNKNOWN
    if sp.is_control(i):
        return gguf.TokenType.CONTROL
    return gguf.TokenType.BYTE if sp.is_byte(i) else gguf.TokenType.NORMAL


def write(path, state, sp, c):
    w = gguf.GGUFWriter(path, "llama")
    w.add_name(NAME)
    w.add_description("Tells short stories and answers questions about a given text. Trained by the Baton project on text of its own generator.")
    w.add_license("apache-2.0")
    w.add_languages(["en"])
    w.add_context_length(CONTEXT)
    w.add_embedding_length(c.width)
    w.add_block_count(c.layers)
    w.add_feed_forward_length(c.ffn)
    w.add_head_count(c.heads)
    w.add_head_count_kv(c.kv_heads)
    w.add_key_length(c.head_dim)
    w.add_value_length(c.head_dim)
    w.add_layer_norm_rms_eps(c.eps)
    w.add_rope_dimension_count(c.head_dim)
    w.add_rope_freq_base(c.rope_base)
    w.add_vocab_size(c.vocab)
    w.add_file_type(gguf.LlamaFileType.ALL_F32)
    w.add_tokenizer_model("llama")
    w.add_tokenizer_pre("default")
    ids = range(len(sp))
    w.add_token_list([sp.id_to_piece(i).encode() for i in ids])
    w.add_token_scores([sp.get_score(i) for i in ids])
    w.add_token_types([token_type(sp, i) for i in ids])
    w.add_bos_token_id(sp.bos_id())
    w.add_eos_token_id(sp.piece_to_id("<|im_end|>"))
    w.add_eot_token_id(sp.piece_to_id("<|im_end|>"))
    w.add_unk_token_id(sp.unk_id())
    w.add_add_bos_token(True)
    w.add_add_eos_token(False)
    w.add_add_space_prefix(False)
    w.add_remove_extra_whitespaces(False)
    w.add_chat_template(TEMPLATE)
    for tensor, parameter in names(c).items():
        w.add_tensor(tensor, state[parameter].float().numpy())
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def read(path, dtype=torch.float64):
    """The model in a GGUF file; its numbers are exact in float64."""
    r = gguf.GGUFReader(path)
    field = lambda key: r.fields["llama." + key].contents()
    c = Config(vocab=field("vocab_size"), width=field("embedding_length"), layers=field("block_count"),
               heads=field("attention.head_count"), kv_heads=field("attention.head_count_kv"),
               head_dim=field("attention.key_length"), ffn=field("feed_forward_length"),
               rope_base=field("rope.freq_base"))
    model = Llama(c)
    tensors = {t.name: torch.from_numpy(np.array(t.data)) for t in r.tensors}
    model.load_state_dict({p: tensors[t] for t, p in names(c).items()})
    return model.to(dtype).eval()


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--out", default=NAME + "-f32.gguf")
    args = p.parse_args()
    sp = spm.SentencePieceProcessor(model_file=args.tokenizer)
    write(args.out, torch.load(args.checkpoint)["model"], sp, Config(vocab=len(sp)))


if __name__ == "__main__":
    main()
