"""Backups taken apart, and put together again with something wrong in them."""

import gzip
import hashlib
import io
import json
import tarfile

MANIFEST = "manifest.json"


def members(path):
    """Return the content of every member by name, in order."""
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def manifest_of(path):
    return json.loads(members(path)[MANIFEST])


def table_rows(path):
    """Return all rows of every table, as JSON has them."""
    rows = {}
    for name, content in members(path).items():
        if name.startswith("tables/"):
            parsed = [json.loads(line) for line in content.splitlines()]
            rows.setdefault(name.split("/")[1], []).extend(parsed)
    return rows


def write_archive(path, content, *, link=None):
    """Write members into an archive; `link` is the name of one that is no file."""
    with gzip.open(path, "wb") as out, tarfile.open(fileobj=out, mode="w|") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            if name == link:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
                tar.addfile(member)
            else:
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return path


def with_manifest(content, change):
    """Return the members with the manifest as `change` leaves it."""
    manifest = json.loads(content[MANIFEST])
    change(manifest)
    return content | {MANIFEST: json.dumps(manifest).encode()}


def with_rows(content, table, change):
    """Return the members with other rows of a table, and a manifest that agrees with them."""
    name = f"tables/{table}/000001.jsonl"
    rows = change([json.loads(line) for line in content[name].splitlines()])
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    def count(manifest):
        manifest["tables"][table] |= {
            "rows": len(rows), "sha256": hashlib.sha256(data).hexdigest(),
        }  # fmt: skip

    return with_manifest(content | {name: data}, count)
