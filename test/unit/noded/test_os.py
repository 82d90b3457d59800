"""Judging OS definitions."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from support.osdirs import make_os
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.model.live import OsInfo
from ganeti.noded.os import (
    OsDirectories,
    common_api,
    parse_parameters,
    parse_variants,
    split_name,
    thd_find,
    thd_read_os,
    variant_of,
)
from ganeti.utils.threads import NoThreads


class DirectoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="ganeti-test-"))
        self.addCleanup(shutil.rmtree, self.top)

    def read(self, name: str = "tiny") -> OsInfo:
        return thd_read_os(str(self.top), name)

    def assert_invalid(self, reason: str) -> None:
        found = self.read()
        self.assertFalse(found.valid)
        self.assertRegex(found.reason, reason)
        self.assertIn(str(self.top), found.reason)

    def test_api_20(self) -> None:
        """The newest API: variants and parameters."""
        path = make_os(
            self.top,
            api="20\n15\n",
            variants="# big ones\nlarge\n\nsmall\n",
            parameters="dhcp  whether to ask for an address\nhost-name\n",
        )
        self.assertEqual(
            self.read(),
            OsInfo(
                name="tiny",
                path=str(path),
                valid=True,
                variants=("large", "small"),
                parameters=(("dhcp", "whether to ask for an address"), ("host-name", "")),
                api_versions=(20, 15),
            ),
        )

    def test_api_15(self) -> None:
        """API 15: variants, but neither parameters nor a verify script."""
        path = make_os(self.top, api="15", variants="one", parameters="ignored")
        (path / "verify").unlink()
        found = self.read()
        self.assertEqual((found.valid, found.variants, found.parameters), (True, ("one",), ()))

    def test_api_10(self) -> None:
        """API 10: scripts only; what else is there does not count."""
        path = make_os(self.top, api="5\n10\n", variants="one", parameters=None)
        (path / "verify").unlink()
        found = self.read()
        self.assertEqual((found.valid, found.api_versions, found.variants), (True, (5, 10), ()))

    def test_highest_common_api(self) -> None:
        """The highest version that both sides know decides."""
        self.assertEqual(common_api((5, 10, 20, 99)), 20)
        self.assertEqual(common_api((10, 15)), 15)
        self.assertIsNone(common_api((5, 99)))

    def test_wrong_api(self) -> None:
        """Versions that nobody speaks, no version, no number, a file too large."""
        path = make_os(self.top, api="5\n99\n")
        self.assert_invalid("API version mismatch .*found 5, 99, want 10, 15, 20")
        for text, reason in (("", "is empty"), ("new", "invalid literal"), ("1\n" * 65536, "text")):
            (path / "ganeti_api_version").write_text(text)
            self.assert_invalid(f"'ganeti_api_version'.*{reason}")
        (path / "ganeti_api_version").write_bytes(b"\xff")
        self.assert_invalid("'ganeti_api_version'.*cannot be read as text")

    def test_missing_files(self) -> None:
        """Every required file is named when it misses."""
        path = make_os(self.top)
        for name in ("verify", "rename", "import", "export", "parameters.list"):
            kept = (path / name).read_text()
            (path / name).unlink()
            self.assert_invalid(f"Required file '{name}' not found")
            (path / name).write_text(kept)
            (path / name).chmod(0o755)
        self.assertTrue(self.read().valid)
        (path / "ganeti_api_version").unlink()
        self.assert_invalid("Required file 'ganeti_api_version' not found")

    def test_create_misses(self) -> None:
        """One of the two create scripts must be there."""
        path = make_os(self.top)
        (path / "create").unlink()
        self.assert_invalid("Neither file 'create' nor file 'create_untrusted'")

    def test_not_executable(self) -> None:
        """Scripts must be executable for their owner."""
        path = make_os(self.top)
        for name in ("create", "rename", "verify"):
            (path / name).chmod(0o655)
            self.assert_invalid(f"File '{name}' .* is not executable")
            (path / name).chmod(0o755)

    def test_not_a_file(self) -> None:
        """Directories and loops of links are no scripts."""
        path = make_os(self.top)
        (path / "rename").unlink()
        (path / "rename").mkdir()
        self.assert_invalid("File 'rename' .* is not a regular file")
        (path / "rename").rmdir()
        (path / "rename").symlink_to("rename")
        self.assert_invalid("File 'rename' .* is not a regular file")
        (path / "rename").unlink()
        (path / "rename").symlink_to("create")
        self.assertTrue(self.read().valid)

    def test_untrusted(self) -> None:
        """A definition with create_untrusted is not trusted."""
        path = make_os(self.top)
        (path / "create").rename(path / "create_untrusted")
        self.assertEqual((self.read().valid, self.read().trusted), (True, False))

    def test_search_order(self) -> None:
        """The first directory wins; diagnosis shows the hidden ones and the broken ones."""
        first, second = self.top / "first", self.top / "second"
        make_os(second, "tiny")
        make_os(second, "alpha", api="99")
        make_os(first, "tiny", api="10")
        (first / ".hidden").mkdir()
        (first / "README").write_text("no directory")
        oses = OsDirectories([str(first), str(second), str(self.top / "none")], NoThreads())
        found = self.successResultOf(Deferred.fromCoroutine(oses.diagnose()))
        self.assertEqual(
            [(each.name, each.path, each.valid) for each in found],
            [
                ("tiny", str(first / "tiny"), True),
                ("alpha", str(second / "alpha"), False),
                ("tiny", str(second / "tiny"), True),
            ],
        )
        chosen = self.successResultOf(Deferred.fromCoroutine(oses.find("tiny")))
        self.assertEqual(chosen.path, str(first / "tiny"))
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(oses.find("none"))))

    def test_names_are_no_paths(self) -> None:
        """No name leads out of the search path."""
        make_os(self.top / "os", "tiny")
        for name in ("../os/tiny", "tiny/.", "/etc", "..", "", ".", "tiny\0"):
            self.assertIsNone(thd_find([str(self.top / "os")], name))
        self.assertIsNotNone(thd_find([str(self.top / "os")], "tiny"))


class PureTests(SynchronousTestCase):
    def test_lists(self) -> None:
        """Variants and parameters, with tabs, comments and windows line ends."""
        self.assertEqual(parse_variants("a\r\n  b  \n#c\n"), ("a", "b"))
        self.assertEqual(parse_parameters("a\tfirst one\r\n\nb\n"), (("a", "first one"), ("b", "")))

    def test_variants(self) -> None:
        """The variant asked for, else the first, else none; the master may insist on another."""
        plain = OsInfo(name="tiny", path="/os/tiny", valid=True)
        varied = OsInfo(name="tiny", path="/os/tiny", valid=True, variants=("large", "small"))
        self.assertEqual(split_name("tiny+small"), ("tiny", "small"))
        self.assertEqual(split_name("tiny"), ("tiny", ""))
        self.assertEqual(variant_of(varied, "tiny+small"), "small")
        self.assertEqual(variant_of(varied, "tiny"), "large")
        self.assertEqual(variant_of(plain, "tiny"), "")
        self.assertEqual(variant_of(varied, "tiny+huge"), "huge")
