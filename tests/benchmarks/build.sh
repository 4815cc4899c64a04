#!/usr/bin/env bash
# How long a build takes, without a compiler cache: libraries, examples and portal from nothing, the tests then,
# and again after one source was touched.
# usage: build.sh [--json FILE]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
json=
[ "${1:-}" != --json ] || json=${2:?--json needs a file}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CCACHE_DISABLE=1

seconds() {
  local begin end
  begin=$(date +%s.%N)
  "$@" >"$folder.log" 2>&1 || { cat "$folder.log" >&2; exit 1; }
  end=$(date +%s.%N)
  echo "$end - $begin" | bc
}

"$root/dev" build release >/dev/null 2>&1  # the portal's pages
cd "$root"
cmake --preset release -B "$folder" >/dev/null
full=$(seconds cmake --build "$folder" -j "$(nproc)" --target mpf_product)
tests=$(seconds cmake --build "$folder" -j "$(nproc)")
touched=src/http/router.cpp
touch "$touched"
incremental=$(seconds cmake --build "$folder" -j "$(nproc)")
portal=reference_app/content/item/routes.cpp
touch "$portal"
application=$(seconds cmake --build "$folder" -j "$(nproc)")

printf '%-44s %8s\n' 'case' 'seconds'
printf '%-44s %8.1f\n' 'libraries, examples, portal from nothing' "$full" 'tests besides' "$tests" \
  "after touching $touched" "$incremental" "after touching $portal" "$application"
if [ -n "$json" ]; then
  cat >"$json" <<JSON
{"benchmark":"build","rows":[
  {"case":"from_nothing","subject":"mpf","metric":"time","value":$(printf %.2f "$full"),"unit":"s"},
  {"case":"tests_besides","subject":"mpf","metric":"time","value":$(printf %.2f "$tests"),"unit":"s"},
  {"case":"library_source_touched","subject":"mpf","metric":"time","value":$(printf %.2f "$incremental"),"unit":"s"},
  {"case":"application_source_touched","subject":"mpf","metric":"time","value":$(printf %.2f "$application"),"unit":"s"}]}
JSON
fi
