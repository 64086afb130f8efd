"""Beginning with the weights of a bundle: what it has learned of sound need not be learned anew."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from earmark.models.bundle.load import load_bundle
from earmark.models.errors import UsageError
from earmark.models.tagger import Tagger, branches_of
from earmark.models.vocabulary import TagVocabulary

# Of a classifier's last layer: one row for each tag.
_BY_TAG = ("classifier.3.weight", "classifier.3.bias")

# A tag that the bundle does not know begins as unlikely as most tags are, as a logit.
_UNLIKELY = -5.0


def begin_with(tagger: Tagger, bundle: Path, vocabulary: TagVocabulary) -> None:
    """Give a tagger's branches the weights of a bundle, and the classifiers of the tags it knows.

    Args:
        tagger: Of the same sizes but for its tags, in which it is changed.
        bundle: Folder of the bundle.
        vocabulary: Tags of the tagger.

    Raises:
        BundleError: If the bundle cannot be loaded.
        UsageError: If it is a model of other sizes.
    """
    loaded = load_bundle(bundle, device="cpu")
    known = loaded.metadata.vocabulary
    pairs = [(i, known.index_of(tag)) for i, tag in enumerate(vocabulary) if tag in known]
    rows = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    for name, branch in branches_of(tagger).items():
        module = loaded.branches[name]
        if not isinstance(module, nn.Module):
            raise UsageError(f"{bundle}: {name} is no module that can be learned on from")
        _begin(branch, module.state_dict(), rows, f"{bundle}: {name}")


def _begin(branch: nn.Module, stored: Mapping[str, Tensor], rows: Tensor, where: str) -> None:
    wanted = branch.state_dict()
    if other := sorted(set(wanted) ^ set(stored)):
        raise UsageError(f"{where} is of another kind of model: {other[0]} is in one of them alone")
    for name, value in wanted.items():
        if name in _BY_TAG:
            if name.endswith("bias"):
                value.fill_(_UNLIKELY)
            else:
                value.zero_()
            value[rows[:, 0]] = stored[name][rows[:, 1]]
        elif value.shape == stored[name].shape:
            value.copy_(stored[name])
        else:
            raise UsageError(
                f"{where}: {name} has the shape {tuple(stored[name].shape)}, the recipe's model "
                f"{tuple(value.shape)}; begin with a bundle of the same sizes, or with none"
            )
