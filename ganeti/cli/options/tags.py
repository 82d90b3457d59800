"""Options of the sub-commands about tags."""

from __future__ import annotations

from ganeti.cli.options import common
from ganeti.cli.program import Opt

FROM = Opt(
    ("--from",),
    "tags_source",
    "File with more tags, one a line; - is standard input",
    type="string",
    values="file",
)
CHANGE_OPTIONS = (FROM, common.PRIORITY, *common.SUBMIT_OPTIONS)
