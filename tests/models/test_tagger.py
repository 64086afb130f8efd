import pytest
import torch

from earmark.models.branch import BRANCHES, n_blocks
from earmark.models.bundle.torchscript import script
from earmark.models.config import BRANCH_NAMES, EncoderConfig, TaggerConfig
from earmark.models.encoder import Encoder, sinusoidal_positions
from earmark.models.heads import N_SUBSETS, Head, subset_members
from earmark.models.mobilenet import MobileNetV1
from earmark.models.tagger import build_tagger


def n_parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_mobilenet_has_the_published_parameters() -> None:
    # Keras' MobileNet without its top: 3,206,976 trainable parameters for images of 3 channels.
    assert n_parameters(MobileNetV1(in_channels=3)) == 3_206_976


@pytest.mark.parametrize(("size", "wanted"), [(224, 7), (160, 5), (128, 4)])
def test_mobilenet_shrinks_images_as_published(size: int, wanted: int) -> None:
    network = MobileNetV1(in_channels=3, width=0.25).eval()
    with torch.inference_mode():
        image = torch.zeros(1, 3, size, size)
        assert network.layers(image).shape == (1, 256, wanted, wanted)
        assert network(image).shape == (1, 256)


def test_whole_model_has_the_published_four_million_parameters() -> None:
    # 200 tags as in FSD50K; the MobileNet is trained before and counted apart.
    tagger = build_tagger(TaggerConfig(), 200)
    mobilenet = n_parameters(tagger.branches["neuralogram"].front_end)
    subset_heads = n_parameters(tagger.head)
    head = 256 * 200 + 200
    count = n_parameters(tagger) - mobilenet - subset_heads + head
    assert round(count / 1e6) == 4


@pytest.mark.parametrize("head_dim", [5, 6, 8])
def test_heads_need_not_divide_the_width(head_dim: int) -> None:
    encoder = Encoder(EncoderConfig(head_dim=head_dim), n_features=7, n_tokens=40, normalize=True)
    assert encoder.eval()(torch.randn(2, 40, 7)).shape == (2, 64)


def test_last_token_of_an_odd_row_survives_pooling() -> None:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(dropout=0.0), n_features=3, n_tokens=5, normalize=False)
    encoder.layers = torch.nn.ModuleList(torch.nn.Identity() for _ in range(6))  # only pooling
    tokens = torch.randn(1, 5, 3)
    louder = tokens.clone()
    louder[:, 4] += 10
    assert not torch.equal(encoder(tokens), encoder(louder))


def test_positions_are_all_different_and_bounded() -> None:
    positions = sinusoidal_positions(40, 64)
    distances = torch.cdist(positions, positions) + torch.eye(40) * 9
    assert distances.min() > 0.5
    assert positions.abs().max() <= 1


def test_order_of_the_tokens_matters() -> None:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(), n_features=3, n_tokens=10, normalize=False).eval()
    tokens = torch.randn(1, 10, 3)
    assert not torch.allclose(encoder(tokens), encoder(tokens.flip(1)), atol=1e-4)


@pytest.mark.parametrize("name", BRANCH_NAMES)
def test_branch_gives_embedding_and_logits(tiny_tagger, noise, name: str) -> None:
    window = torch.from_numpy(noise())[None].repeat(2, 1)
    embedding, logits = tiny_tagger.branches[name](window)
    assert embedding.shape == (2, 64)
    assert logits.shape == (2, 5)


@pytest.mark.parametrize("name", BRANCH_NAMES)
def test_encoding_the_tokens_of_the_blocks_is_what_forward_does(tiny_tagger, noise, name) -> None:
    branch = tiny_tagger.branches[name]
    window = torch.from_numpy(noise())
    tokens = branch.tokens(window.view(n_blocks(branch), branch.block_samples))
    torch.testing.assert_close(
        branch.encode(tokens.flatten(0, 1)[None])[0], branch(window[None])[0], rtol=0, atol=1e-5
    )


def test_windows_of_a_batch_do_not_see_each_other(tiny_tagger, noise) -> None:
    windows = torch.stack(
        [torch.from_numpy(noise(seed=s, amplitude=a)) for s, a in ((0, 0.1), (1, 1))]
    )
    together, _ = tiny_tagger(windows)
    alone, _ = tiny_tagger(windows[:1])
    torch.testing.assert_close(together[:1], alone, rtol=0, atol=1e-5)


def test_tagger_scripts_to_the_same_numbers(tiny_tagger, noise) -> None:
    window = torch.from_numpy(noise())[None]
    scripted = script(tiny_tagger)
    with torch.inference_mode():
        outputs = zip(scripted(window), tiny_tagger(window), strict=True)
    for found, wanted in outputs:
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_there_are_fifteen_subsets_and_the_last_is_all() -> None:
    members = [tuple(subset_members(subset)) for subset in range(N_SUBSETS)]
    assert len(set(members)) == 15
    assert members[-1] == (True,) * 4


def test_subset_does_not_hear_the_other_branches() -> None:
    head = Head(2, 3)
    embeddings = torch.randn(5, 8)
    changed = embeddings.clone()
    changed[:, 2:4] += 1  # the second branch
    before, after = head.subsets(embeddings), head.subsets(changed)
    for subset in range(N_SUBSETS):
        assert torch.equal(before[subset], after[subset]) != subset_members(subset)[1]


def test_subset_of_all_is_the_head() -> None:
    head = Head(2, 3)
    embeddings = torch.randn(5, 8)
    torch.testing.assert_close(head.subsets(embeddings)[-1], head(embeddings))


def test_branches_are_built_in_the_order_of_the_names() -> None:
    assert tuple(BRANCHES) == BRANCH_NAMES
