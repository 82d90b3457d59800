"""Files that the tools write."""

from __future__ import annotations

from ganeti.cli.htools.console import Console, abort
from ganeti.htools.cluster import Cluster
from ganeti.htools.textwriter import format_text


def write_file(path: str, text: str) -> None:
    """
    Write a text file.

    @raise Abort: it cannot be written.
    """
    try:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
    except (OSError, ValueError) as err:
        abort(f"{path}: {getattr(err, 'strerror', None) or err}")


def save_cluster(console: Console, cluster: Cluster, kind: str, when: str) -> None:
    """
    Save a cluster in the text format, with --save.

    @param kind: the ending of the file's name.
    @param when: "before balancing", say.
    """
    if console.options.save is None:
        return
    path = f"{console.options.save}.{kind}"
    write_file(path, format_text(cluster.data()))
    console.note(f"The cluster state {when} has been written to file '{path}'")
