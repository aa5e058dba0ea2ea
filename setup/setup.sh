#!/usr/bin/env bash
# Makes a virtual environment exactly as a lock file says, and sees to the Debian packages around it.
#
#   setup/setup.sh [VENV LOCK]        default: .venv requirements.lock
#
# Safe to repeat: with nothing to do it takes a fraction of a second. As root it installs missing Debian packages; for
# anybody else it says in one line which ones to install. PYTHON=/path/to/python3 chooses another interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=${1:-.venv}
lock=${2:-requirements.lock}
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# What the lab runs on this machine, and the Debian package that brings it. Everything else it has in the root file system
# that mmdebstrap makes.
lab_needs=(
  mmdebstrap:mmdebstrap
  newuidmap:uidmap
  unshare:util-linux
  nsenter:util-linux
  /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
)

missing_lab_packages() {
  local need
  for need in "${lab_needs[@]}"; do
    if [[ $need == /* ]]; then [[ -e ${need%%:*} ]]; else command -v "${need%%:*}" >/dev/null; fi || echo "${need##*:}"
  done | sort -u
}

# Prints the path of the first interpreter that is new enough and passes the Python expression $1.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    "$candidate" - "$1" 2>/dev/null <<'PY' && return
import importlib.util, sys
if sys.version_info < (3, 11) or not eval(sys.argv[1]):
    sys.exit(1)
print(sys.executable)
PY
  done
  return 1
}
can_make_venvs='all(map(importlib.util.find_spec, ("venv", "ensurepip")))'

# The package that is missing for Python itself; nothing where an interpreter with venv is there.
missing_python_package() {
  local python
  if find_python "$can_make_venvs" >/dev/null; then return; fi
  if python=$(find_python True); then
    "$python" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))'
  else
    echo python3-venv
  fi
}

apt_install() {
  local log options=(-y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  say "installing $*"
  # The package lists are fetched only where the ones at hand do not do: none yet, or too old.
  if ! apt-get install "${options[@]}" "$@" </dev/null >"$log" 2>&1 &&
    ! { apt-get update -qq && apt-get install "${options[@]}" "$@"; } </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail "apt-get could not install $*"
  fi
  rm -f "$log"
}

# The environment is usable: its interpreter runs, is new enough, and its scripts point at this very place.
venv_is_sound() {
  "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
    [[ $(head -n 1 "$venv/bin/pip" 2>/dev/null) == "#!$PWD/$venv/bin/"* ]]
}

make_venv() {
  local python
  if ! venv_is_sound; then
    [[ ! -e $venv || -e $venv/pyvenv.cfg ]] || fail "$venv is there, but is no virtual environment: move it away"
    python=$(find_python "$can_make_venvs") || fail "no Python 3.11 or newer with venv; install one, or name it: PYTHON=/path/to/python3 make setup"
    say "making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
  fi
  say "installing $lock into $venv"
  # Wheels only: nothing is compiled or executed while installing. Hashes decide, whichever index or folder answers.
  PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: -r "$lock" || fail "pip could not install $lock (its last lines above say why)"
  sha256sum "$lock" >"$venv/.installed"
}

mapfile -t missing < <(missing_python_package; missing_lab_packages)
if ((${#missing[@]})); then
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    apt_install "${missing[@]}"
  elif [[ ${missing[0]} == python3* ]]; then
    fail "needs Python 3.11 or newer with venv (here: $(python3 --version 2>&1 || true)); as root: apt-get install ${missing[*]}"
  else
    say "the lab (make test, make demo) also needs: apt-get install ${missing[*]} (as root)"
  fi
fi

if ! venv_is_sound || [[ $(sha256sum "$lock") != "$(cat "$venv/.installed" 2>/dev/null)" ]]; then
  make_venv
fi

# fab and inv never write bytecode, so that each start would compile the whole tree again.
sources=()
for source in fabfile parsers pvefleet lab tasks.py; do
  [[ ! -e $source ]] || sources+=("$source")
done
"$venv/bin/python" -m compileall -q "${sources[@]}"
say "$venv is ready"
