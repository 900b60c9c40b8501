#!/bin/sh
# Make the environment that the Makefile works in: Debian packages where they are
# missing, a virtual environment, and what requirements.lock pins.
#   tools/setup.sh VENV run|dev
set -eu
venv=$1
kind=$2

need() {  # need PACKAGE WHAT-FOR: install it as root, else say in one line what to do
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing $1 ($2)" >&2
        apt-get install -y -qq "$1" >/dev/null 2>&1 ||
            { apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq "$1" >/dev/null 2>&1; } ||
            echo "setup: could not install $1, needed for $2" >&2
    else
        echo "setup: for $2 run, as root: apt-get install $1" >&2
    fi
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "setup: Python 3.11 or later is needed" >&2; exit 1; }
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv "the virtual environment"
if [ "$kind" = dev ]; then
    command -v chromium >/dev/null || need chromium "the browser tests"
    [ -e /usr/share/fonts/truetype/wqy ] || [ -e /usr/share/fonts/opentype/noto ] ||
        need fonts-wqy-microhei "Chinese text in the browser tests"
fi

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
stamp="$venv/.installed-$kind"
if [ ! -e "$stamp" ] || [ requirements.lock -nt "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    extras="pg,sdmx"
    [ "$kind" = dev ] && extras="$extras,dev"
    echo "setup: installing Python packages into $venv" >&2
    "$venv/bin/pip" install -q --disable-pip-version-check -c requirements.lock -e ".[$extras]"
    touch "$stamp"
fi
