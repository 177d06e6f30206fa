# Python and its virtual environment, for every script here. Sourced, from the project's root.
# shellcheck shell=bash

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Prints a Python that can run Writ. 3.12 and 3.11 come first: the embedded servers' wheels are made for them.
find_python() {
  local candidate
  for candidate in ${WRIT_PYTHON:-python3.12 python3.11 python3 python3.13 python3.14 python}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.11 or newer is needed${WRIT_PYTHON:+ (WRIT_PYTHON is $WRIT_PYTHON)}; found: $(python3 --version 2>/dev/null || echo none)"
}

# Makes .venv when it is missing, and installs one of requirements/*.txt in it unless exactly that file was installed last.
#   $1: runtime or dev (dev contains runtime)
ensure_venv() {
  local wanted=$1 python stamp digest
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    python=$(find_python)
    echo "Making .venv with $("$python" --version)"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
      fail "Python's venv module is missing; on Debian: apt-get install python3-venv"
    "$python" -m venv --clear .venv
  fi
  stamp=.venv/.installed-$wanted
  digest=$(.venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' \
    "requirements/$wanted.txt")
  if [ "$(cat "$stamp" 2>/dev/null || true)" != "$digest" ]; then
    echo "Installing requirements/$wanted.txt (once, until it changes)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
      -r "requirements/$wanted.txt" || fail "installing requirements/$wanted.txt failed; the lines above say why"
    rm -f .venv/.installed-*
    echo "$digest" >"$stamp"
    # dev contains runtime, pinned alike.
    if [ "$wanted" = dev ]; then ensure_stamp runtime; fi
  fi
  link_project
}

ensure_stamp() {
  .venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' \
    "requirements/$1.txt" >".venv/.installed-$1"
}

# Makes the working copy importable and gives it its command, with no build back end to fetch.
link_project() {
  .venv/bin/python - <<'PYTHON'
import pathlib, sys, sysconfig

root = pathlib.Path.cwd()
pathlib.Path(sysconfig.get_path("purelib"), "writ-working-copy.pth").write_text(f"{root / 'src'}\n{root / 'generated'}\n")
command = pathlib.Path(sysconfig.get_path("scripts"), "writ")
command.write_text(f"#!{sys.executable}\nfrom writ.cli import main\n\nmain()\n")
command.chmod(0o755)
PYTHON
}
