"""The decoder against Hugging Face's phi, weights copied over; cached against uncached."""

from __future__ import annotations

import torch
from transformers import PhiConfig, PhiForCausalLM

from lvlm_eval.models.moe_llava.attention import additive_mask
from lvlm_eval.models.moe_llava.backbones import PHI
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.config_file import decoder_config
from lvlm_eval.models.moe_llava.convert import network_table
from lvlm_eval.models.moe_llava.decoder import Context
from lvlm_eval.models.moe_llava.engine.kv_cache import KVCache
from lvlm_eval.models.moe_llava.fields import Fields
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.schema import JSON

SIZES: dict[str, JSON] = {
    "vocab_size": 70,
    "hidden_size": 48,
    "intermediate_size": 56,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "partial_rotary_factor": 0.5,
    "layer_norm_eps": 1e-4,
    "hidden_act": "gelu_new",
    "rope_theta": 500.0,
}


def hugging_face_phi() -> torch.nn.Module:
    torch.manual_seed(5)
    config = PhiConfig(
        **SIZES, bos_token_id=0, eos_token_id=0, pad_token_id=None, attn_implementation="eager"
    )
    # the share and base of rotation, wherever this version of the class keeps them
    config.rope_parameters = {
        "rope_type": "default",
        "rope_theta": SIZES["rope_theta"],
        "partial_rotary_factor": SIZES["partial_rotary_factor"],
    }
    model: torch.nn.Module = PhiForCausalLM(config).eval()
    for parameter in model.parameters():
        parameter.data += torch.randn_like(parameter) * 0.08
    head = model.get_submodule("lm_head")
    assert isinstance(head, torch.nn.Linear)
    head.bias.data.zero_()  # MoE-LLaVA's phi has none
    return model


def our_phi(theirs: torch.nn.Module) -> Network:
    config = NetworkConfig(decoder_config(Fields(SIZES, "config.json"), PHI))
    network = build_empty(config).to_empty(device="cpu")
    table, own = network_table(PHI, "linear"), network.state_dict()
    filled = set()
    for key, tensor in theirs.state_dict().items():
        if key != "lm_head.bias":
            name = table.ours(key)
            if name is not None:
                own[name].copy_(tensor)
                filled.add(name)
    assert filled == set(own)
    return network


def test_logits_equal_hugging_faces_phi_under_right_padding() -> None:
    theirs = hugging_face_phi()
    ours = our_phi(theirs)
    ids = torch.randint(70, (2, 13), generator=torch.Generator().manual_seed(6))
    valid = torch.ones(2, 13, dtype=torch.bool)
    valid[1, 9:] = False
    with torch.no_grad():
        expected = theirs(input_ids=ids, attention_mask=valid.long()).logits
        got = ours(ours.decoder.embedding(ids), valid).logits
    assert expected.std() > 0.3  # the comparison is not one of zeros
    torch.testing.assert_close(got[valid], expected[valid], atol=2e-5, rtol=1e-4)


def test_without_a_mask_attention_is_causal() -> None:
    ours = our_phi(hugging_face_phi())
    ids = torch.randint(70, (1, 9), generator=torch.Generator().manual_seed(7))
    other = ids.clone()
    other[0, 6] = (other[0, 6] + 1) % 70
    with torch.no_grad():
        one = ours(ours.decoder.embedding(ids)).logits
        two = ours(ours.decoder.embedding(other)).logits
    torch.testing.assert_close(one[:, :6], two[:, :6])
    assert not torch.allclose(one[:, 6:], two[:, 6:])


def test_a_token_at_a_time_equals_all_at_once() -> None:
    ours = our_phi(hugging_face_phi())
    embeds = ours.decoder.embedding(
        torch.randint(70, (2, 100), generator=torch.Generator().manual_seed(8))
    )
    cache = KVCache(3)
    steps = []
    with torch.no_grad():
        whole = ours(embeds).logits
        for start, end in [(0, 5), *((n, n + 1) for n in range(5, 100))]:
            valid = torch.ones(2, end, dtype=torch.bool)
            mask = additive_mask(valid, end - start, torch.float32)
            positions = torch.arange(start, end).expand(2, -1)
            hidden, _ = ours.decoder(embeds[:, start:end], Context(positions, mask, cache))
            steps.append(ours.decoder.logits(hidden))
    assert cache.length == 100
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=2e-5, rtol=1e-4)


def test_a_row_that_sees_nothing_attends_to_all_keys_alike() -> None:
    valid = torch.tensor([[False, False, True, True]])
    mask = additive_mask(valid, 4, torch.float32)
    weights = (torch.tensor([3.0, -2.0, 5.0, 1.0]) + mask[0, 0]).softmax(dim=-1)
    assert weights[0].tolist() == [0.25] * 4
    assert weights[2].tolist() == [0.0, 0.0, 1.0, 0.0]
    assert weights[3, :2].tolist() == [0.0, 0.0]
