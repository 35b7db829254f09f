from __future__ import annotations

import pytest
import torch

from lvlm_eval.models.moe_llava.config import MoEConfig, NetworkConfig
from lvlm_eval.models.moe_llava.moe import MoELayer
from lvlm_eval.models.moe_llava.tuning.upcycle import sparse_layers, upcycle

from .conftest import MakeNetwork


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    "moe",
    [
        MoEConfig(layers=(0, 2), experts=(4, 3)),
        MoEConfig(layers=(1, 2, 3), experts=(2, 2, 5), residual=True),
    ],
)
def test_equal_experts_give_the_logits_of_the_dense_network(
    dense: NetworkConfig, make_network: MakeNetwork, moe: MoEConfig
) -> None:
    network = make_network(dense)
    network.requires_grad_(False)
    embeds = torch.randn(2, 7, dense.decoder.width, generator=_generator())
    sparse, config = upcycle(network, dense, moe, _generator())
    sparse.requires_grad_(False)
    torch.testing.assert_close(sparse(embeds).logits, network(embeds).logits, atol=2e-5, rtol=0)
    assert config.moe == moe


def test_experts_are_copies_that_share_no_memory(
    dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(dense)
    sparse, _ = upcycle(network, dense, MoEConfig((1,), (3,)), _generator())
    layer = sparse.get_submodule("decoder.blocks.1.mlp")
    assert isinstance(layer, MoELayer)
    weights = [expert.get_parameter("up.weight") for expert in layer.experts]
    origin = network.get_parameter("decoder.blocks.1.mlp.up.weight")
    assert all(torch.equal(weight, origin) for weight in weights)
    assert len({weight.data_ptr() for weight in (*weights, origin)}) == 4


def test_the_other_parts_come_along_unchanged(
    dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(dense)
    sparse, _ = upcycle(network, dense, MoEConfig((1,), (3,)), _generator())
    kept = dict(sparse.named_parameters())
    for name, parameter in network.named_parameters():
        if ".1.mlp." not in name:
            assert torch.equal(parameter, kept[name]), name


def test_routers_are_fresh_within_deepspeeds_bounds(
    dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    sparse, _ = upcycle(make_network(dense), dense, MoEConfig((1,), (3,)), _generator())
    router = sparse.get_parameter("decoder.blocks.1.mlp.router.weight")
    assert 0 < router.abs().max() <= dense.decoder.width**-0.5
    assert len(set(router.flatten().tolist())) == router.numel()


def test_a_network_with_experts_is_refused(
    config: NetworkConfig, make_network: MakeNetwork
) -> None:
    assert config.moe is not None
    with pytest.raises(ValueError, match="experts already"):
        upcycle(make_network(config), config, config.moe, _generator())


def test_sparse_mode_puts_experts_into_every_even_layer() -> None:
    moe = sparse_layers(5, 4)
    assert (moe.layers, moe.experts) == ((0, 2, 4), (4, 4, 4))
