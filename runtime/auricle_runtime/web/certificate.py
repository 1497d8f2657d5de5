"""A certificate of our own, so that a phone on the local network gets https, and with it a microphone.

No authority vouches for it: the browser warns once, and the person who started the server knows why.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

from auricle_shared.errors import AuricleError
from auricle_shared.files import write_whole

from .production import Certificate

VALID_DAYS = 397
"""browsers refuse certificates that last longer than 398 days"""
RENEW_DAYS = 30


def own_certificate() -> Certificate:
    """The certificate for this machine's names and addresses; made where there is none that fits."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auricle" / "tls"
    found = Certificate(folder / "cert.pem", folder / "key.pem")
    names = [*own_names(), *own_addresses()]
    if not _fits(found, names):
        _make(found, names)
    return found


def own_names() -> list[str]:
    host = socket.gethostname()
    return list(dict.fromkeys(["localhost", host, f"{host.partition('.')[0]}.local"]))


def own_addresses() -> list[str]:
    """Loopback, and last the address by which other machines on the network reach this one."""
    found = ["::1", "127.0.0.1"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks for the way there (RFC 5737, test network)
            found.append(probe.getsockname()[0])
        except OSError:  # no network
            pass
    return list(dict.fromkeys(found))


def _fits(found: Certificate, names: list[str]) -> bool:
    from cryptography import x509

    if not (found.cert.is_file() and found.key.is_file()):
        return False
    try:
        cert = x509.load_pem_x509_certificate(found.cert.read_bytes())
        extension = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    covered = {str(name.value) for name in extension}
    left = cert.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left > datetime.timedelta(days=RENEW_DAYS) and covered.issuperset(names)


def _make(wanted: Certificate, names: list[str]) -> None:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError as error:
        raise AuricleError("--tls self needs the package cryptography: pip install 'auricle-runtime[web]'.") from error
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Auricle on this network")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    wanted.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    previous = os.umask(0o077)  # nobody else may read the key, not even while it is written
    try:
        write_whole(wanted.key, lambda file: file.write(pem))
    finally:
        os.umask(previous)
    write_whole(wanted.cert, lambda file: file.write(cert.public_bytes(serialization.Encoding.PEM)))


def _general_name(name: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
