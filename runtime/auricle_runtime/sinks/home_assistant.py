"""What Home Assistant wants to read on MQTT to show each sound as a sensor, without a line of configuration there.

homeassistant/binary_sensor/NODE/LABEL/config    retained, one a sound; https://www.home-assistant.io/integrations/mqtt
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from auricle_shared import __version__

DISCOVERY_PREFIX = "homeassistant"
ONLINE, OFFLINE, ON, OFF = "online", "offline", "ON", "OFF"
"""Home Assistant's default payloads"""


@dataclass(frozen=True)
class Topics:
    """Names below one prefix, 'auricle/kitchen'."""

    prefix: str

    @property
    def node(self) -> str:
        return plain_name(self.prefix.replace("/", "_"))

    @property
    def availability(self) -> str:
        """retained: online or offline; offline also as last will, and while no audio comes"""
        return f"{self.prefix}/availability"

    def state(self, label: str) -> str:
        """retained: ON or OFF"""
        return f"{self.prefix}/{plain_name(label)}/state"

    def event(self, label: str) -> str:
        """each event as JSON, at its onset and at its end"""
        return f"{self.prefix}/{plain_name(label)}/event"

    def discovery(self, label: str) -> str:
        return f"{DISCOVERY_PREFIX}/binary_sensor/{self.node}/{plain_name(label)}/config"


def discovery_messages(topics: Topics, labels: Sequence[str], model: str) -> dict[str, str]:
    """Topic -> JSON, one a label; to be retained."""
    device = {
        "identifiers": [topics.node],
        "name": topics.prefix.replace("/", " "),
        "manufacturer": "Auricle",
        "model": model,
        "sw_version": __version__,
    }
    return {
        topics.discovery(label): json.dumps(
            {
                "name": label,
                "unique_id": f"{topics.node}_{plain_name(label)}",
                "device_class": "sound",
                "state_topic": topics.state(label),
                "json_attributes_topic": topics.event(label),
                "availability_topic": topics.availability,
                "device": device,
            }
        )
        for label in labels
    }


def plain_name(text: str) -> str:
    """Letters, digits, '_' and '-', as Home Assistant's topics and MQTT's levels need; two labels never become one."""
    plain = re.sub(r"[^a-zA-Z0-9_-]", "_", text)
    return plain if plain == text else f"{plain}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"
