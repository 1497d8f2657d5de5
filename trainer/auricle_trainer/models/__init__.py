"""Networks, one a file, and the classifier that joins one with the front end."""

from __future__ import annotations

from typing import Any

from torch import nn

from auricle_shared.errors import SettingsError

from .conv_gru import ConvGRUNetwork
from .gru import GRUNetwork
from .tcn import TCNNetwork

NETWORKS: dict[str, Any] = {"gru": GRUNetwork, "conv_gru": ConvGRUNetwork, "tcn": TCNNetwork}


def make_network(kind: str, features: int, classes: int, **settings: Any) -> nn.Module:
    """A network by its config name; `features` come in per frame, `classes` logits go out."""
    if kind not in NETWORKS:
        raise SettingsError(f"model.kind is {kind!r}; known networks: {', '.join(sorted(NETWORKS))}.")
    network: nn.Module = NETWORKS[kind](features, classes, **settings)
    return network
