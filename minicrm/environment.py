"""Reads settings from environment variables; a wrong value stops the start with one clear line."""

import os
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
MIN_SECRET_KEY_LENGTH = 50  # what Django's own deployment check asks for (security.W009)


def stop(message: str) -> NoReturn:
    """End the process with exit code 2 and `message` as its only line, without a traceback."""
    sys.stderr.write(f"mini-crm: {message}\n")
    raise SystemExit(2)


def read_text(name: str, default: str) -> str:
    """Return the variable stripped, or `default` when it is unset or blank."""
    return os.environ.get(name, "").strip() or default


def read_bool(name: str, *, default: bool) -> bool:
    """Return a yes/no variable: 1, true, yes, on or 0, false, no, off in any case."""
    word = read_text(name, "on" if default else "off").lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        stop(f"{name} must be one of 1, true, yes, on, 0, false, no, off; it is {word!r}.")
    return word in TRUE_WORDS


def read_int(name: str, *, default: int, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
    """Return a whole number within minimum..maximum."""
    text = read_text(name, str(default))
    digits = text.isascii() and text.isdigit() and len(text) <= 10  # int() balks at thousands
    if not (digits and minimum <= int(text) <= maximum):
        stop(f"{name} must be a whole number from {minimum} to {maximum}; it is {text!r}.")
    return int(text)


def read_list(
    name: str, *, default: Sequence[str] = (), pattern: str = ".+", hint: str = ""
) -> list[str]:
    """Return the parts of a comma-separated variable; each must match `pattern` as a whole."""
    text = read_text(name, ",".join(default))
    parts = [part.strip() for part in text.split(",") if part.strip()] or list(default)
    for part in parts:
        if not re.fullmatch(pattern, part):
            stop(f"{name} must be {hint}, comma-separated; it has {part!r}.")
    return parts


def read_folder(name: str, *, default: Path) -> Path:
    """Return the full path of a folder, whether it is there or not."""
    text = read_text(name, str(default))
    try:
        return Path(text).expanduser().resolve()
    except (OSError, RuntimeError) as error:  # a loop of links, or ~ of an unknown account
        stop(f"{name} must be the path of a folder; it is {text!r} ({error}).")


def make_folder_of(name: str, path: Path) -> None:
    """Create the folder of a file that the variable names; it must name it by its full path."""
    if not path.is_absolute() or path.is_dir():
        # In memory, or from wherever a process was started, each would have a database of its own.
        stop(f"{name} must name a file by its full path; it names {str(path)!r}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        stop(f"{name}: the folder {str(path.parent)!r} cannot be created ({error.strerror}).")


def read_choice(name: str, *, default: str, choices: Sequence[str]) -> str:
    """Return a variable that must be one of `choices`, compared without case."""
    text = read_text(name, default)
    for choice in choices:
        if choice.lower() == text.lower():
            return choice
    listed = ", ".join(choices) if len(choices) <= 10 else f"{', '.join(choices[:10])}, ..."
    stop(f"{name} must be one of {listed}; it is {text!r}.")


def read_matching(name: str, *, default: str, pattern: str, hint: str) -> str:
    """Return a variable that is empty or matches `pattern` as a whole; `hint` says the form."""
    text = read_text(name, default)
    if text and not re.fullmatch(pattern, text):
        stop(f"{name} must be {hint}; it is {text!r}.")
    return text


def read_token(name: str, *, minimum: int) -> str:
    """Return a secret of visible ASCII that is empty or not too short; errors do not repeat it."""
    token = read_text(name, "")
    if token and not (len(token) >= minimum and re.fullmatch(r"[!-~]+", token)):
        stop(
            f"{name} must be empty, or at least {minimum} visible ASCII characters without spaces;"
            f" it has {len(token)}."
        )
    return token


def read_secret_key(*, keep_in: Path | None) -> str:
    """Return SECRET_KEY; with `keep_in`, generate one on the first start and keep it there (0600).

    Without `keep_in` (a set-up that others can reach) a missing or short key stops the start:
    a key that changes with each deployment would sign everybody out and break signed links.
    """
    key = read_text("SECRET_KEY", "")
    if key and len(key) < MIN_SECRET_KEY_LENGTH:
        stop(
            f"SECRET_KEY must have at least {MIN_SECRET_KEY_LENGTH} characters; it has {len(key)}."
        )
    if key:
        return key
    if keep_in is None:
        stop(
            "SECRET_KEY is missing. It is generated only for the embedded database on this machine;"
            " with DATABASE_URL or ALLOWED_HOSTS set, set SECRET_KEY too (python3 -c"
            " 'import secrets; print(secrets.token_urlsafe(50))')."
        )
    try:
        key = _kept_key(keep_in)
    except OSError as error:
        stop(f"SECRET_KEY cannot be kept in {str(keep_in)!r} (DATA_DIR): {error.strerror}.")
    if len(key) < MIN_SECRET_KEY_LENGTH:
        stop(f"SECRET_KEY cannot be read: {str(keep_in)!r} is damaged. Remove it for a new key.")
    return key


def _kept_key(path: Path) -> str:
    """Return the key kept in `path`, created there first if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
        # A link either creates the whole file or fails: of two workers that start
        # together one wins, and both read the winner's key.
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
