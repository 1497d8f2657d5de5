"""Networks, one a file, and the classifier that joins one with the front end."""

from __future__ import annotations

from typing import Any

from auricle_shared.errors import SettingsError

from .conv_gru import ConvGRUNetwork
from .gru import GRUNetwork
from .heads import Heads
from .tcn import TCNNetwork

NETWORKS: dict[str, Any] = {"gru": GRUNetwork, "conv_gru": ConvGRUNetwork, "tcn": TCNNetwork}


def make_network(kind: str, features: int, classes: int, **settings: Any) -> Heads:
    """A network by its config name; `features` come in per frame, `classes` logits go out."""
    if kind not in NETWORKS:
        raise SettingsError(f"model.kind is {kind!r}; known networks: {', '.join(sorted(NETWORKS))}.")
    network: Heads = NETWORKS[kind](features, classes, **settings)
    return network
