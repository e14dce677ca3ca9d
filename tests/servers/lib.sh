# shellcheck shell=bash
# Sourced by the scripts of this folder: the cache, messages, free ports, and how to ask whether a process is still the one
# that was started. It starts nothing and fetches nothing by itself.
#
# The cache (TURNOUT_TEST_CACHE, else ~/.cache/turnout) holds what the tests need and the machine lacks. Each thing is filled
# once, under a lock, in a folder that gets its name only when it is complete: a killed fetch leaves nothing half done.
set -euo pipefail
shopt -s inherit_errexit

cache=${TURNOUT_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/turnout}

say() { echo "  · $*" >&2; }
die() { echo "$(basename "$0"): $*" >&2; exit 1; }
have() { command -v "$1" > /dev/null 2>&1; }

# once NAME FUNCTION: prints the folder NAME of the cache; if it is not there, FUNCTION fills the folder given as its argument.
once() {
  local name=$1 fill=$2 began
  mkdir -p "$cache"
  exec 8> "$cache/$name.lock"
  flock -n 8 || { say "waiting for another run that is getting $name"; flock 8; }
  if [ ! -d "$cache/$name" ]; then
    began=$SECONDS
    say "getting $name (once, into $cache)"
    rm -rf "$cache/$name.part"
    mkdir "$cache/$name.part"
    "$fill" "$cache/$name.part" >&2 8>&-
    mv "$cache/$name.part" "$cache/$name"
    say "got $name in $((SECONDS - began)) s"
  fi
  exec 8>&-
  echo "$cache/$name"
}

# install PACKAGE…: installs Debian packages, but only where we may (as root); else it says what is missing.
install() {
  have apt-get && [ "$(id -u)" = 0 ] || die "please install (names of Debian's packages): $*"
  say "installing $*"
  mkdir -p "$cache"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" > "$cache/apt.log" 2>&1 \
    || { tail -n 20 "$cache/apt.log" >&2; die "apt-get could not install $*"; }
}

# The mirror that this machine's own apt uses for Debian itself.
debian_mirror() {
  apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(REPO_URI)' 2> /dev/null \
    | awk '$1 == "Packages" && $2 !~ /security|updates|backports/ && $3 ~ /\/debian\/?$/ { print $3; exit }'
}

# from_suite SUITE DIR PACKAGE…: packages of another Debian suite, unpacked into DIR/root, not installed; this machine's apt is not
# touched, for lists and cache are in DIR.
from_suite() {
  local suite=$1 dir=$2 mirror options apt=$2/apt
  shift 2
  have apt-get && have dpkg || return 1
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || return 1
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$apt/sources.list"
  options=(-q=2 -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$apt/lists" -o Dir::State::Status=/dev/null -o "Dir::Cache=$apt"
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o APT::Sandbox::User="$(id -un)")
  (cd "$apt" && apt-get "${options[@]}" update && apt-get "${options[@]}" download "$@") || return 1
  local package
  for package in "$apt"/*.deb; do dpkg -x "$package" "$dir/root"; done
  rm -rf "$apt"
}

taken() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# A port that nobody listens on, below the range from which the kernel gives out ports.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); taken $port; do :; done
  echo $port
}

# ours PID WORD: is PID alive, and is its command line one that holds WORD? A recycled pid is not ours.
ours() { { tr '\0' '\n' < "/proc/$1/cmdline"; } 2> /dev/null | grep -qxF -- "$2"; }

# halt DIR WORD: ends the process of DIR/pid; SIGTERM, then SIGKILL after ten seconds.
halt() {
  local pid n
  pid=$(cat "$1/pid" 2> /dev/null) || return 0
  if ours "$pid" "$2"; then
    kill "$pid" 2> /dev/null || :
    for ((n = 0; n < 200; n++)); do ours "$pid" "$2" || break; sleep 0.05; done
    ! ours "$pid" "$2" || kill -9 "$pid"
  fi
  rm -f "$1/pid"
}
