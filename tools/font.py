"""Take the face that labels are set in out of Debian's package ``fonts-wqy-microhei``.

``python -m tools.font SOURCE.ttc`` writes ``labels/typeface/wqy-microhei.ttf``: the
proportional face with all its characters, without hinting and layout tables, which
print does not need.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection

TARGET = Path(__file__).resolve().parent.parent / "labels/typeface/wqy-microhei.ttf"


def main(source: str) -> None:
    """Write the face."""
    font = TTCollection(source).fonts[0]
    options = Options()
    options.hinting = False
    options.layout_features = []
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "FFTM", "kern", "vhea", "vmtx"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13]
    options.notdef_outline = True
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=font.getBestCmap())
    subsetter.subset(font)
    font.save(TARGET)


if __name__ == "__main__":
    main(sys.argv[1])
