"""The verifier as one file is made of the scripts that the pages run."""

from __future__ import annotations

import re

from tools.verifier_page import STATIC, TARGET, page_text

PAGE = TARGET.read_text("utf-8")


def test_the_file_is_made_anew_to_the_same_bytes() -> None:
    assert page_text() == PAGE, "run python -m tools.verifier_page"


def test_every_script_of_the_verifier_is_in_it() -> None:
    scripts = {
        str(path.relative_to(STATIC))
        for folder in ("js/verifier", "vendor/noble-hashes-2.4.0")
        for path in (STATIC / folder).glob("*.js")
    }

    found = set(re.findall(r'^modules\["([^"]+)"\] = ', PAGE, re.MULTILINE))

    assert scripts <= found


def test_it_asks_nobody_for_anything() -> None:
    assert "default-src 'none'" in PAGE
    assert "connect-src" not in PAGE
    assert re.findall(r"""(?:src|href)=["'](?!#)""", PAGE) == []
    assert "fetch(" not in PAGE
