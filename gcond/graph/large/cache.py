"""Where propagated features are kept: a folder for each content, made whole or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gcond.graph.large.reading import File
from gcond.graph.store import Growing, Store, StoreError, mapped, sealed

log = logging.getLogger("gcond")

META = "meta.json"
JOURNAL = "journal.json"

Facts = dict[str, Any]


def folder_of(store: Store, cache: str | Path | None = None) -> Path:
    """The cache of a store: the folder given, then ``$GCOND_CACHE``, then ``NAME.cache`` beside
    the store."""
    base = cache or os.environ.get("GCOND_CACHE")
    return Path(base) if base else store.folder.with_name(f"{store.folder.name}.cache")


def digest(content: Any) -> str:
    """Hash of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def kept(folder: Path, key: Any) -> dict[str, File] | None:
    """The arrays of a finished computation, ``None`` where there is none or it is damaged: what
    is cut off, changed or of another key is removed, and will be computed again."""
    if not (folder / META).is_file():
        return None
    try:
        meta = json.loads((folder / META).read_text())
        if meta["key"] != key:
            raise StoreError(f"{folder} holds something else")
        return {
            name: File.of(mapped(folder, name, facts)) for name, facts in meta["arrays"].items()
        }
    except (StoreError, ValueError, KeyError, TypeError) as error:
        log.warning("%s; it is computed again", error)
        shutil.rmtree(folder)
        return None


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps other processes from computing the same; they wait, and find it done.

    Raises:
        OSError: The folder cannot be written to.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(f"{folder.name}.lock").open("w")
    except OSError as error:
        raise OSError(
            f"{folder.parent} cannot be written to ({error}); set GCOND_CACHE to a folder that can"
        ) from error
    with lock:
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            yield
            return
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass
class Journal:
    """What of a computation is done, in its working folder: a killed one continues after it.

    Args:
        folder: The working folder; it becomes ``target`` in the end.
        target: The finished folder.
        key: What is computed, as plain data.
        settings: Choices that must not change in the middle.
        done: Arrays that are whole, with what is known of them.
    """

    folder: Path
    target: Path
    key: Any
    settings: Facts
    done: dict[str, Facts] = field(default_factory=dict)

    @staticmethod
    def begin(target: Path, key: Any, settings: Facts) -> Journal:
        """A journal to go on with where there is one of the same computation, else a new one."""
        folder = target.with_name(f"{target.name}.work")
        path = folder / JOURNAL
        if path.is_file():
            try:
                found = json.loads(path.read_text())
                if found["key"] == key and found["settings"] == settings:
                    log.info("%s: continuing, %d arrays are done", folder, len(found["done"]))
                    return Journal(folder, target, key, settings, found["done"])
            except (ValueError, KeyError, TypeError):
                pass
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return Journal(folder, target, key, settings)

    def has(self, name: str) -> bool:
        """Whether an array is done, and still what was written."""
        if name not in self.done:
            return False
        try:
            mapped(self.folder, name, self.done[name])
        except StoreError as error:
            log.warning("%s; it is computed again", error)
            del self.done[name]
            return False
        return True

    def file(self, name: str) -> File:
        """An array that is done."""
        return File.of(mapped(self.folder, name, self.done[name]))

    def array(self, name: str, dtype: Any, tail: tuple[int, ...]) -> Growing:
        """A new array, to be handed to :meth:`finish`."""
        return Growing(self.folder / f"{name}.npy", dtype, tail)

    def finish(self, **files: Growing) -> None:
        """Notes that arrays are whole."""
        self.done |= {name: sealed(file) for name, file in files.items()}
        self._write(self.folder / JOURNAL, {"settings": self.settings, "done": self.done})

    def rename(self, name: str, new: str) -> None:
        """Gives an array that is done another name."""
        (self.folder / f"{name}.npy").rename(self.folder / f"{new}.npy")
        self.done[new] = self.done.pop(name)

    def close(self, names: list[str]) -> dict[str, File]:
        """Keeps these arrays, removes all others, and gives the folder its name."""
        self._write(self.folder / META, {"arrays": {name: self.done[name] for name in names}})
        for path in self.folder.iterdir():
            if path.stem not in names and path.name != META:
                path.unlink()
        shutil.rmtree(self.target, ignore_errors=True)
        self.folder.rename(self.target)
        found = kept(self.target, self.key)
        assert found is not None, "it was just written"
        return found

    def _write(self, path: Path, content: Facts) -> None:
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("w") as file:
            json.dump({"key": self.key, **content}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
