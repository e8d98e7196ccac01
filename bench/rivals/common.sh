# SPDX-License-Identifier: BSD-3-Clause
# What the scripts that measure rivals share; sourced, with `name` as what messages begin with.

# need "$@": the first argument is an option that takes a value.
need() { [ $# -ge 2 ] || { echo "$name: $1 takes a value" >&2; exit 2; }; }

# environment DIR CHECK REQUIREMENTS: makes the scratch environment from PyPI, unless its Python runs CHECK.
# All it says goes to stderr: stdout is for the results.
environment() {
  if ! "$1/bin/python" -c "$2" > /dev/null 2>&1; then
    echo "$name: making $1 from PyPI" >&2
    python3 -m venv "$1" >&2
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$3" >&2
  fi
}
