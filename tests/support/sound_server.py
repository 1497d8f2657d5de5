"""A private sound server with a virtual microphone: a real peer, no sound card and no privileges needed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path


class SoundServer:
    """A PulseAudio of our own; what is played into `vmic` is what its only microphone hears."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        socket = folder / "native"
        self.env = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{socket}",
            "HOME": str(folder),  # no asoundrc and no cookie of whoever runs the tests
        }
        self._socket = socket
        self.start()

    def start(self) -> None:
        """Also again, after `kill`."""
        self._process = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes", "--use-pid-file=no",
             f"--load=module-native-protocol-unix socket={self._socket} auth-anonymous=1"],
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._wait_until_up()
        self.plug_in()

    def plug_in(self) -> None:
        self.control("load-module", "module-null-sink", "sink_name=vmic", "rate=48000", "channels=1")
        self.control("load-module", "module-remap-source", "source_name=vmic_in", "master=vmic.monitor", "channels=1")
        self.control("set-default-source", "vmic_in")
        self.control("set-default-sink", "vmic")

    def unplug(self) -> None:
        self.control("unload-module", "module-remap-source")
        self.control("unload-module", "module-null-sink")

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
        self._socket.unlink(missing_ok=True)

    def play(self, wav: Path, latency_ms: int = 1000) -> subprocess.Popen[bytes]:
        """So much of it waits in the server, so that a busy machine does not starve the player and tear the sound.

        The microphone gives its sound in pieces that are as long: for how soon it is heard, a short one.
        """
        return subprocess.Popen(["paplay", f"--latency-msec={latency_ms}", "--device=vmic", str(wav)], env=self.env)

    def control(self, *args: str) -> None:
        subprocess.run(["pactl", *args], env=self.env, check=True, stdout=subprocess.DEVNULL, timeout=10)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        self._process.wait(10)

    def _wait_until_up(self) -> None:
        for _ in range(100):
            if not subprocess.run(["pactl", "info"], env=self.env, capture_output=True, timeout=10).returncode:
                return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError("The private PulseAudio did not answer within 5 s.")
