from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.moe import ARGMAX
from lvlm_eval.models.moe_llava.splice import IGNORED, IMAGE_TOKEN
from lvlm_eval.models.moe_llava.tuning.data import Batch, Example, share_stem
from lvlm_eval.models.moe_llava.tuning.loss import tuning_loss
from lvlm_eval.schema import Image

from .conftest import MakeNetwork

IDS = [torch.tensor([5, IMAGE_TOKEN, 7, 8, 9]), torch.tensor([11, 12, 13])]
LABELS = [torch.tensor([IGNORED, IGNORED, 7, IGNORED, 9]), torch.tensor([IGNORED, 12, 13])]
PIXELS = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def test_the_loss_is_the_mean_over_labelled_tokens_of_all_sequences(
    dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(dense)
    loss = tuning_loss(network, Batch(IDS, LABELS, PIXELS), 0.0, ARGMAX)
    patches = 9
    first = network(network.splice(IDS[:1], PIXELS).embeds).logits[0]
    second = network(network.splice(IDS[1:], None).embeds).logits[0]
    # the token at position t is predicted at t - 1; the image takes nine positions for one id
    rows = torch.stack([first[patches], first[patches + 2], second[0], second[1]])
    torch.testing.assert_close(loss, F.cross_entropy(rows, torch.tensor([7, 9, 12, 13])))


def test_the_balancing_losses_are_added_once_a_layer(
    config: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(config)
    batch = Batch(IDS[1:], LABELS[1:], None)
    stats = network(network.splice(IDS[1:], None).embeds).stats
    assert len(stats) == 2
    extra = tuning_loss(network, batch, 0.5, ARGMAX) - tuning_loss(network, batch, 0.0, ARGMAX)
    torch.testing.assert_close(extra, 0.5 * (stats[0].aux_loss + stats[1].aux_loss))


def test_the_tower_gets_no_gradient_and_the_projector_does(
    config: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(config)
    torch.autograd.backward(tuning_loss(network, Batch(IDS, LABELS, PIXELS), 0.01, ARGMAX))
    assert network.get_parameter("vision.patches.weight").grad is None
    gradient = network.get_parameter("projector.layers.0.weight").grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_the_router_learns_from_the_balancing_loss(
    config: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(config)
    torch.autograd.backward(tuning_loss(network, Batch(IDS, LABELS, PIXELS), 0.01, ARGMAX))
    gradient = network.get_parameter("decoder.blocks.0.mlp.router.weight").grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("place", [0, 1])
def test_sequences_of_a_batch_do_not_touch_each_other(
    place: int, dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(dense)
    pixels = PIXELS if place == 0 else None
    alone = tuning_loss(network, Batch([IDS[place]], [LABELS[place]], pixels), 0.0, ARGMAX)
    masked = list(LABELS)
    masked[1 - place] = torch.full_like(LABELS[1 - place], IGNORED)
    together = tuning_loss(network, Batch(IDS, masked, PIXELS), 0.0, ARGMAX)
    torch.testing.assert_close(alone, together)


def test_conversations_that_share_a_stem_are_learnt_as_if_each_stood_alone(
    dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(dense)
    picture = Image(data=b"not opened here")
    stem = [5, IMAGE_TOKEN, 7]
    alone = [
        Example(torch.tensor(stem + rest), torch.tensor([IGNORED] * 4 + rest[1:]), (picture,))
        for rest in ([8, 20, 21], [9, 30], [8, 22, 23, 24])
    ]
    together = share_stem(alone)
    assert together.branches is not None
    one = Batch([together.token_ids], [together.labels], PIXELS, [together.branches])
    pixels = PIXELS.repeat(3, 1, 1, 1)
    apart = Batch([e.token_ids for e in alone], [e.labels for e in alone], pixels)
    losses = [tuning_loss(network, batch, 0.0, ARGMAX) for batch in (one, apart)]
    torch.testing.assert_close(losses[0], losses[1])


def test_padding_beside_a_stem_with_branches_changes_nothing(
    dense: NetworkConfig, make_network: MakeNetwork
) -> None:
    network = make_network(dense)
    short = share_stem([Example(torch.tensor([5, 6, 7]), torch.tensor([IGNORED, IGNORED, 7]), ())])
    labels = torch.tensor([IGNORED] * 8 + [8])
    long = share_stem([Example(torch.arange(9), labels, ())])
    assert short.branches is not None
    assert long.branches is not None
    ignored = torch.full_like(long.labels, IGNORED)
    alone = Batch([short.token_ids], [short.labels], None, [short.branches])
    ids, branches = [short.token_ids, long.token_ids], [short.branches, long.branches]
    padded = Batch(ids, [short.labels, ignored], None, branches)
    losses = [tuning_loss(network, batch, 0.0, ARGMAX) for batch in (alone, padded)]
    torch.testing.assert_close(losses[0], losses[1])
