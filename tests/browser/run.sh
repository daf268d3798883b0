#!/usr/bin/env bash
# The demo's page in a real Chromium: the total is read and moves, the spike appears, nothing is loaded from elsewhere.
# Needs Python 3.11 and Chromium, and no packages. With a folder as its argument, pictures of the page are written there.
#
#   PRICETAG_BIN   the pricetag to use; without it the repository is built
#   CHROMIUM       the Chromium to use (default: chromium, chromium-browser, google-chrome)
#   PYTHON         the Python to use (default: python3)
#
# Exit code: 0 all as it should be, 75 there is no Chromium, anything else a failure.
set -euo pipefail

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../examples/common/lib.sh
. "$here/../../examples/common/lib.sh"
python=${PYTHON:-python3}

chromium=${CHROMIUM:-}
for name in chromium chromium-browser google-chrome; do
    # Ubuntu's package is a script that only says where else to get it.
    if [[ -z $chromium ]] && "$name" --version >/dev/null 2>&1; then chromium=$(command -v "$name"); fi
done
if [[ -z $chromium ]]; then
    printf '\n*** run.sh: NOT RUN: there is no Chromium (apt-get install chromium, or set CHROMIUM) ***\n' >&2
    exit 75
fi
find_pricetag
PYTHONPATH=$here "$python" "$here/check.py" "$pricetag" "$chromium" "$@"
say "the page is as it should be"
