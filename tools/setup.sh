# shellcheck shell=sh
# Sourced by ./run and ./test: finds or installs what a fresh machine lacks, and makes .venv. POSIX sh.
# Exit code 70: something must be installed first and we may not; the exact line to run is printed.

say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        if [ -t 0 ]; then
            printf 'Run "sudo %s"? [Y/n] ' "$*" >&2
            read -r reply
            case $reply in [nN]*) return 1 ;; esac
            sudo "$@"
        else
            sudo -n "$@" 2>/dev/null
        fi
    else
        return 1
    fi
}

python_ok() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in "${EVIDENCE_PYTHON:-}" python3.13 python3.12 python3.11 python3; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 && python_ok "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

pango_ok() {
    case $(uname -s) in
    Darwin)
        for folder in /opt/homebrew/lib /usr/local/lib; do
            [ -e "$folder/libpango-1.0.dylib" ] && return 0
        done
        return 1
        ;;
    *)
        PATH=$PATH:/sbin:/usr/sbin
        libraries=$(ldconfig -p 2>/dev/null) || return 1
        for library in libpango-1.0.so.0 libpangoft2-1.0.so.0; do
            case $libraries in *"$library"*) ;; *) return 1 ;; esac
        done
        ;;
    esac
}

# install_debian WHY PACKAGE…: installs the packages or says how, and ends with code 70.
install_debian() {
    why=$1
    shift
    say "Needed for $why, from Debian: $*"
    if command -v apt-get >/dev/null 2>&1 &&
        { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null 2>&1; } &&
        as_root apt-get update -qq >/dev/null &&
        as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get install -y -qq --no-install-recommends "$@" >/dev/null; then
        return 0
    fi
    say ""
    say "They could not be installed from here. Run this line, then run the command again:"
    say ""
    say "    sudo apt-get update && sudo apt-get install -y $*"
    say ""
    exit 70
}

need_system() {
    if [ "$(uname -s)" = Darwin ]; then
        if ! find_python >/dev/null || ! pango_ok; then
            say "Needed, from Homebrew: python pango"
            command -v brew >/dev/null 2>&1 || { say "Install Homebrew, then run:  brew install python pango"; exit 70; }
            brew install python pango >&2 || exit 70
        fi
        return 0
    fi
    packages=""
    find_python >/dev/null || packages="python3 python3-venv"
    pango_ok || packages="$packages libpango-1.0-0 libpangoft2-1.0-0"
    # shellcheck disable=SC2086  # a list of names
    [ -z "$packages" ] || install_debian "the PDF and the program" $packages
    find_python >/dev/null && return 0
    say "No Python 3.11 or newer with venv was found. Install one and name it:  EVIDENCE_PYTHON=/path/to/python3 $0"
    exit 70
}

not_installed() {
    say ""
    say "The Python packages could not be installed; what pip says stands above. If the network was away, run the command again."
    exit 1
}

# make_venv STAMP_NAME REQUIREMENTS_FILE EXTRA: installs only when the lock, pyproject or the extras changed.
make_venv() {
    stamp=.venv/.installed-$1
    tag=$(git describe --tags --match 'v[0-9]*' 2>/dev/null) || tag=""  # the version is made from it
    # shellcheck disable=SC2086  # nothing, or a name
    want=$(cat requirements.lock pyproject.toml tools/setup.sh tools/version.py ${2:-} | cksum)" $1 $(pwd)${tag:+ $tag}"
    [ -x .venv/bin/evidence ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && return 0
    python=$(find_python)
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import sys' 2>/dev/null; then
        say "Making .venv with $python …"
        "$python" -m venv --clear .venv || exit 1
    fi
    say "Installing (once; a minute or two) …"
    # -qq: errors only. pip 23 warns of its own plans about packages that we cannot change.
    .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r "${2:-requirements.lock}" >&2 || not_installed
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e . >&2 || not_installed
    printf '%s' "$want" >"$stamp"
}
