"""The device's part on 64-bit ARM without such a device: `make test-arm`.

Debian's own aarch64 Python is unpacked into a folder, the real aarch64 wheels and ours are installed beside it, and the
tests run under qemu's user emulation. That shows that it works there and gives the same scores; it says nothing about
speed. Neither root nor a chroot is needed: packages are only downloaded and unpacked.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEBIAN = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg arch=arm64] {mirror} bookworm main"
PACKAGES = ("python3", "libstdc++6", "libsndfile1")  # bookworm is also what Raspberry Pi OS stands on
WHEELS = ("numpy", "onnxruntime", "soxr", "soundfile", "sounddevice", "flask", "paho-mqtt")
TEST_TOOLS = ("pytest", "pytest-timeout", "pytest-rerunfailures", "hypothesis", "psutil")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
ABIS = ("cp311", "abi3", "none")
# ONNX Runtime reads which instructions the processor has; qemu shows it the x86 host's file, and it dies of it.
CPUINFO = """processor\t: 0
BogoMIPS\t: 100.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
"""
TESTS = (
    "tests/shared/test_metadata.py",
    "tests/shared/test_spectrogram.py",
    "tests/shared/test_stream.py",
    "tests/shared/test_audio.py",
    "tests/shared/test_events.py",
    "tests/shared/test_event_vectors.py",
    "tests/runtime/test_onnx_scorer.py",
    "tests/runtime/test_file_and_stdin.py",
    "tests/runtime/test_listen.py",
)
VERSIONS = """
import platform, sys
from importlib.metadata import version
names = ["numpy", "onnxruntime", "soxr", "soundfile", "click", "auricle-shared", "auricle-runtime"]
print(f"{platform.machine()}, Python {platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in names))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="Where Python and the wheels are unpacked, and found again.")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian", help="A Debian mirror.")
    parser.add_argument("tests", nargs="*", help="Test files instead of the usual ones.")
    given = parser.parse_args()
    missing = [name for name in ("qemu-aarch64-static", "apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"{', '.join(missing)} missing. On Debian or Ubuntu: apt install qemu-user-static")
    folder = given.folder.resolve()
    if not (folder / "complete").exists():
        unpack_debian(folder, given.mirror)
        install_wheels(folder / "site")
        (folder / "complete").touch()
    python = write_python(folder)
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([python, "-c", VERSIONS], check=True, env=environment)
    tests = given.tests or TESTS
    raise SystemExit(subprocess.run([python, "-m", "pytest", "-q", *tests], cwd=REPOSITORY, env=environment).returncode)


def unpack_debian(folder: Path, mirror: str) -> None:
    """An aarch64 Python with the libraries it needs, as Debian builds it, into folder/root."""
    print("  [1/2] Debian's Python for aarch64 (17 MB)", flush=True)
    apt = folder / "apt"
    for name in ("state/lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(DEBIAN.format(mirror=mirror) + "\n")
    options = {
        "Dir::State": apt / "state", "Dir::State::status": apt / "status", "Dir::Cache": apt / "cache",
        "Dir::Etc::SourceList": apt / "sources.list", "Dir::Etc::SourceParts": "-", "APT::Architecture": "arm64",
        "APT::Architectures": "arm64", "APT::Sandbox::User": "",
    }  # fmt: skip
    apt_get = ["apt-get", "-qq", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]
    subprocess.run([*apt_get, "update"], check=True)
    install = ["install", "--yes", "--no-install-recommends", "--download-only"]
    subprocess.run([*apt_get, *install, *PACKAGES], check=True, stdout=subprocess.DEVNULL)
    for package in sorted((apt / "cache" / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True)
    (folder / "root" / "proc").mkdir(exist_ok=True)
    (folder / "root" / "proc" / "cpuinfo").write_text(CPUINFO)


def install_wheels(site: Path) -> None:
    """The wheels that pip would take on a 64-bit ARM, and the two of ours; nothing is built for this machine."""
    print("  [2/2] the aarch64 wheels, and our own two", flush=True)
    pip = [sys.executable, "-m", "pip", "-q"]
    wheels = site.parent / "wheels"
    subprocess.run([*pip, "wheel", "--no-deps", "-w", wheels, "./shared", "./runtime"], cwd=REPOSITORY, check=True)
    target = ["--target", site, "--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11"]
    target += [part for name in PLATFORMS for part in ("--platform", name)]
    target += [part for name in ABIS for part in ("--abi", name)]
    names = [*WHEELS, *TEST_TOOLS, *wheels.glob("*.whl")]
    subprocess.run([*pip, "install", "--upgrade", *target, *names], cwd=REPOSITORY, check=True)


def write_python(folder: Path) -> Path:
    """A program that is the emulated Python; tests that start another Python start this one again."""
    python = folder / "python"
    root = folder / "root"
    python.write_text(f'#!/bin/sh\nexec qemu-aarch64-static -L "{root}" "{root}/usr/bin/python3" "$@"\n')
    python.chmod(0o755)
    (folder / "site" / "sitecustomize.py").write_text(f"import sys\n\nsys.executable = {str(python)!r}\n")
    return python


if __name__ == "__main__":
    main()
