"""A certificate that nobody trusts."""

import subprocess


def make_certificate(folder):
    """Write privkey.pem and fullchain.pem into the folder."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=example.com", "-keyout", folder / "privkey.pem"]
    subprocess.run([*command, "-out", folder / "fullchain.pem"], check=True, capture_output=True)
    (folder / "privkey.pem").chmod(0o644)
