#!/usr/bin/env bash
# ./dev portal --fresh removes what the portal has made, and refuses every other folder before it does anything.
# ./dev lint finds public headers that do not compile alone. The rules of tests/lint have tests of their own.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf 'dev_test: %s\n' "$*" >&2; exit 1; }

mkdir -p "$work/home/files" "$work/other"
echo letter >"$work/home/letter.txt"
echo file >"$work/home/files/kept"
echo 'no database' >"$work/other/portal.db"
for folder in home other; do
  if output=$("$root/dev" portal --fresh --data "$work/$folder" 2>&1); then fail "$folder was taken"; fi
  case $output in *"holds no portal.db"*"nothing was removed"*) ;; *) fail "$folder: $output" ;; esac
done
[ -f "$work/home/letter.txt" ] && [ -f "$work/home/files/kept" ] && [ -f "$work/other/portal.db" ] || fail "something is gone"
if output=$("$root/dev" portal --fresh --data "$work/home/letter.txt" 2>&1); then fail "a file was taken"; fi
case $output in *"is no folder"*) ;; *) fail "$output" ;; esac

# What it would remove, without setting up, building and serving.
mkdir -p "$work/data/files/ab" "$work/data/own"
printf 'SQLite format 3\0rest' >"$work/data/portal.db"
touch "$work/data/portal.db-wal" "$work/data/files/ab/x" "$work/data/own/notes"
# shellcheck source=../dev
source "$root/dev"
check_data "$work/data"
check_data "$work/not there"
forget_data "$work/data"
[ "$(cd "$work/data" && find . -type f)" = ./own/notes ] || fail "left: $(find "$work/data")"

# A header that needs another one before it.
mkdir -p "$work/tree/include/mpf"
echo '#include <string>' >"$work/tree/include/mpf/good.hpp"
echo 'inline std::string lost();' >"$work/tree/include/mpf/bad.hpp"
cd "$work/tree"
if output=$(headers_alone 2>&1); then fail "a header that does not compile alone was taken"; fi
case $output in *"include/mpf/bad.hpp does not compile alone"*) ;; *) fail "$output" ;; esac
case $output in *good.hpp*) fail "$output" ;; esac
rm include/mpf/bad.hpp
headers_alone || fail "the good header was refused"

# The portal is built without what only tests need.
for name in chromium clang-tidy-16 postgresql-15 doctest-dev; do
  case " ${packages[*]} " in *" $name "*) fail "$name is installed for the portal" ;; esac
done

# The npm of Debian 12 fails where another package is named among the overrides.
for pages in reference_app/portal tests/browser; do
  python3 - "$root/$pages/package.json" <<'PYTHON' || fail "$pages/package.json: npm 9 cannot install overrides by another name"
import json, sys
sys.exit("npm:" in json.dumps(json.load(open(sys.argv[1])).get("overrides", {})))
PYTHON
done
echo ok
