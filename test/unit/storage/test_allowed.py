"""Which directories file storage may use."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import FileStoragePathError
from ganeti.storage.allowed import (
    FORBIDDEN,
    Place,
    find_place,
    in_configuration,
    is_below,
    on_node,
    parse_allowed,
)

BASE = "/srv/ganeti/file-storage"
ROOT = "/home/me/cluster/node1.example.com"


class AllowedTests(SynchronousTestCase):
    def test_lines(self) -> None:
        """One directory a line; comments and empty lines do not count, slashes are normalized."""
        text = f"# ours\n\n  {BASE}//  \n/data/vm/\n"
        self.assertEqual(parse_allowed(text), (BASE, "/data/vm"))

    def test_of_no_use(self) -> None:
        """Relative paths, the root, detours and parts of the system are refused by name."""
        for line in ("srv/x", "/", "//", "/srv/../etc", "/etc/ganeti", "/proc", *FORBIDDEN):
            with self.assertRaisesRegex(FileStoragePathError, f"'{line}' cannot be used"):
                parse_allowed(f"{BASE}\n{line}\n")

    def test_like_forbidden(self) -> None:
        """Only whole names count."""
        self.assertEqual(parse_allowed("/etcetera\n/binaries/vm"), ("/etcetera", "/binaries/vm"))

    def test_virtual(self) -> None:
        """In a virtual cluster a line may begin with the node's root, wherever that is."""
        for line in (BASE, ROOT + BASE):
            self.assertEqual(parse_allowed(line, ROOT), (BASE,))
        with self.assertRaises(FileStoragePathError):
            parse_allowed(ROOT + "/etc", ROOT)

    def test_place(self) -> None:
        """A path below the directory is found, in the node's root when it has one."""
        path = f"{BASE}/web1/disk0"
        self.assertEqual(find_place(path, [BASE]), Place(BASE, ("web1", "disk0")))
        for given_path in (path, ROOT + path):
            found = find_place(given_path, [BASE], ROOT)
            self.assertEqual((found.base, str(found)), (ROOT + BASE, ROOT + path))

    def test_inner_directory_wins(self) -> None:
        """Of two directories, one in the other, the inner one counts."""
        found = find_place(f"{BASE}/fast/web1/d", [BASE, f"{BASE}/fast"])
        self.assertEqual(found.base, f"{BASE}/fast")

    def test_refused(self) -> None:
        """The directory itself, its neighbours, detours and odd texts are not places in it."""
        for path in (
            BASE,
            f"{BASE}-2/web1",
            f"{BASE}/../secret",
            f"{BASE}/web1/../../../../etc/passwd",
            f"{BASE}//web1",
            f"{BASE}/web1/",
            "/etc/passwd",
            "srv/ganeti/file-storage/web1",
            "",
            f"{BASE}/web1\0/x",
        ):
            with self.assertRaises(FileStoragePathError):
                find_place(path, [BASE])
        with self.assertRaisesRegex(FileStoragePathError, "none"):
            find_place(f"{BASE}/web1", [])

    @given(st.lists(st.sampled_from(["a", "..", ".", "", "file-storage", "\0", "etc"]), max_size=8))
    def test_never_outside(self, parts: list[str]) -> None:
        """Whatever a path is made of, its place is strictly below the allowed directory."""
        path = BASE + "/" + "/".join(parts)
        try:
            place = find_place(path, [BASE], ROOT)
        except FileStoragePathError:
            return
        self.assertTrue(str(place).startswith(ROOT + BASE + "/"))
        self.assertFalse({"", ".", ".."} & set(place.parts))

    def test_there_and_back(self) -> None:
        """Paths of the configuration and of the node are turned into each other."""
        for root in ("", ROOT):
            self.assertEqual(in_configuration(root, on_node(root, BASE)), BASE)
        self.assertTrue(is_below("/a/b", "/a"))
        self.assertTrue(is_below("/a", "/a"))
        self.assertFalse(is_below("/ab", "/a"))
