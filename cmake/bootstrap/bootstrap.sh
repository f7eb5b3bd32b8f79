#!/usr/bin/env bash
# bootstrap.sh COMMAND: fetches what COMMAND (demo, test, bench, peers, tensorflow, lint) needs, from the lists beside this file, into .deps/.
#
# Python packages go into .deps/venv. Debian packages are installed where this user may, else unpacked into .deps/debian.
# .deps/paths.cmake tells CMake where everything is. What is there already is left alone: a second run needs no network.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deps=$(cd "$here/../.." && pwd)/.deps
venv=$deps/venv
debian=$deps/debian
command=${1:?usage: bootstrap.sh demo|test|bench|peers|tensorflow|lint}

fail() {
  printf 'bootstrap: %s\n' "$*" >&2
  exit 1
}

# The lines of a list that belong to the command, without their comments.
entries() {
  sed -nE "s/^([^#]+[^# ]) +# ([a-z ]* )?$command( [a-z ]*)?:.*/\1/p" "$here/$1"
}

apt=(apt-get -qq)
# apt-get with lists of packages of its own, for users who may not write the system's.
use_private_apt() {
  local state=$deps/apt
  [ -d "$state/lists/partial" ] && [ "${apt[*]}" != "apt-get -qq" ] && return
  command -v apt-get > /dev/null || fail "apt-get is not there: $1"
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  apt=(apt-get -qq -o Dir::State="$state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$state"
       -o APT::Sandbox::User="")
  "${apt[@]}" update || fail "Debian's package lists cannot be fetched: $1"
}

# Downloads a package and unpacks it into a folder.
unpack() {
  local package=$1 folder=$2 downloads
  downloads=$(mktemp -d)
  (cd "$downloads" && "${apt[@]}" download "$package") || fail "$package cannot be downloaded"
  mkdir -p "$folder"
  dpkg -x "$downloads"/*.deb "$folder"
  rm -r "$downloads"
}

install_venv() {
  local python=${PYTHON:-python3} wheel
  command -v "$python" > /dev/null || fail "$python is not there: install Python 3.11 or newer, or set PYTHON"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is $("$python" --version), expected 3.11 or newer: set PYTHON to one"
  rm -rf "$venv"
  "$python" -m venv "$venv" > "$deps/venv.log" 2>&1 && return
  # Debian's python3 comes without ensurepip, which puts pip into a new environment; Debian's pip is a wheel in a package.
  "$python" -m venv --clear --without-pip "$venv" || fail "$python cannot make a virtual environment"
  use_private_apt "needed for python3-pip-whl, as $python has no pip (or install python3-venv)"
  unpack python3-pip-whl "$deps/pip"
  wheel=$(echo "$deps"/pip/usr/share/python-wheels/pip-*.whl)
  "$venv/bin/python" "$wheel/pip" install --quiet --no-index "$wheel"
}

install_python_packages() {
  [ -x "$venv/bin/pip" ] || install_venv
  entries python.txt > "$deps/requirements.txt"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input --no-deps -r "$deps/requirements.txt" ||
    fail "Python packages cannot be installed"
}

is_installed() {
  local version
  # shellcheck disable=SC2016
  version=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1" 2> /dev/null) || return 1
  # shellcheck disable=SC2053
  [[ $version == "ii "$2 ]]
}

has_python_headers() {
  "$venv/bin/python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

# Installs or unpacks what is missing; prints what this user has to do without.
install_debian_packages() {
  local name version how missing=()
  while read -r name version how; do
    is_installed "$name" "$version" && continue
    [[ $name = libpython* ]] && has_python_headers && continue
    if [ "$(id -u)" = 0 ]; then
      missing+=("$name=$version")
    elif [ "$how" = unpack ]; then
      use_private_apt "needed for $name (or install it)"
      unpack "$name=$version" "$debian"
    else
      printf 'bootstrap: %s is not installed and only root can: tests that need it are skipped\n' "$name" >&2
    fi
  done < <(entries debian.txt)
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get > /dev/null || fail "apt-get is not there: install ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update || fail "Debian's package lists cannot be fetched: install ${missing[*]}"
  apt-get -qq install -y --no-install-recommends "${missing[@]}" > "$deps/apt.log" 2>&1 ||
    fail "packages cannot be installed, see $deps/apt.log: ${missing[*]}"
}

write_cmake_paths() {
  local halide
  halide=$("$venv/bin/python" -c 'import importlib.util as u; print(u.find_spec("halide").submodule_search_locations[0])')
  cat > "$deps/paths.cmake" << END
# Written by cmake/bootstrap/bootstrap.sh: where the dependencies are.
set(Halide_DIR "$halide/lib64/cmake/Halide" CACHE PATH "")
set(Python_EXECUTABLE "$venv/bin/python" CACHE FILEPATH "")
list(APPEND CMAKE_PREFIX_PATH "$debian/usr" "$venv" "$(dirname "$halide")/nvidia/cu13" "$(dirname "$halide")/scipy_openblas32")
END
  if ! has_python_headers; then
    cat >> "$deps/paths.cmake" << END
set(Python_INCLUDE_DIR "$debian/usr/include/python3.11" CACHE PATH "")
include_directories(SYSTEM "$debian/usr/include")  # Debian's pyconfig.h includes one for the machine from there
END
  fi
}

[ -n "$(entries python.txt)" ] || fail "nothing is known of \"$command\", expected demo, test, bench, peers, tensorflow or lint"
mkdir -p "$deps/stamps"
stamp=$deps/stamps/$command
state=$(cat "$here"/* | cksum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ] && exit
printf 'bootstrap: fetching what make %s needs into %s\n' "$command" "$deps" >&2
install_python_packages
install_debian_packages
if entries python.txt | grep -q ^halide==; then write_cmake_paths; fi
printf '%s\n' "$state" > "$stamp"
