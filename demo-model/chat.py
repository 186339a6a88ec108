"""Token ids of a document. Control tokens are placed by id, so text that spells them stays text."""
BOS, IM_START, IM_END = 1, 2, 3
USER_WEIGHT = 0.1


def encode(sp, doc):
    """(ids, weights): weights[i] is how much the prediction of ids[i] counts in the loss."""
    ids, weights = [BOS], [0.0]
    for role, text in doc["turns"]:
        if role == "plain":
            body = sp.encode(text) + [IM_END]
            ids += body
            weights += [1.0] * len(body)
            continue
        head = [IM_START] + sp.encode(role + "\n")
        body, tail = sp.encode(text) + [IM_END], sp.encode("\n")
        ids += head + body + tail
        weights += [0.0] * len(head) + [1.0 if role == "assistant" else USER_WEIGHT] * len(body) + [0.0] * len(tail)
    return ids, weights


def prompt_ids(sp, turns):
    """The turns as the chat template renders them, with the assistant's header at the end."""
    ids, _ = encode(sp, {"turns": turns})
    return ids if turns[0][0] == "plain" else ids + [IM_START] + sp.encode("assistant\n")


def render(turns):
    """The same as text, without BOS."""
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns) + "<|im_start|>assistant\n"
