#!/usr/bin/env bash
# How long the import of a large documentation takes, and how much memory: PostgreSQL's manual once, and four copies of it
# in one folder, which must not need more memory than one.
# usage: import.sh [--json FILE] [FOLDER]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
json=
if [ "${1:-}" = --json ]; then json=${2:?--json needs a file}; shift 2; fi
documents=${1:-/usr/share/doc/postgresql-doc-15/html}
"$root/dev" build release >/dev/null
portal=$root/build/release/reference_app/portal
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/four"
for copy in 1 2 3 4; do cp -r "$documents" "$folder/four/part-$copy"; done

# Prints "seconds kilobytes files" of one import into a new deployment.
measure() {
  local data=$folder/data-$1 source=$2
  export MPF_PROFILE=dev MPF_APPLICATION__DATA_FOLDER=$data
  rm -rf "$data"
  "$portal" define-site "$root/reference_app/sample/sites/acme.json" >/dev/null
  /usr/bin/env python3 - "$portal" "$source" <<'PY'
import os, resource, subprocess, sys, time
begin = time.monotonic()
subprocess.run([sys.argv[1], "import", "acme", sys.argv[2]], check=True, stdout=subprocess.DEVNULL)
took = time.monotonic() - begin
files = sum(len(f) for _, _, f in os.walk(sys.argv[2]))
print(f"{took:.2f} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss} {files}")
PY
}

read -r one_time one_memory one_files < <(measure one "$documents")
read -r again_time again_memory _ < <(
  /usr/bin/env MPF_PROFILE=dev MPF_APPLICATION__DATA_FOLDER="$folder/data-one" python3 - "$portal" "$documents" <<'PY'
import resource, subprocess, sys, time
begin = time.monotonic()
subprocess.run([sys.argv[1], "import", "acme", sys.argv[2]], check=True, stdout=subprocess.DEVNULL)
print(f"{time.monotonic() - begin:.2f} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss} 0")
PY
)
read -r four_time four_memory four_files < <(measure four "$folder/four")

printf '%-22s %8s %10s %12s\n' case files seconds 'peak KiB'
printf '%-22s %8s %10s %12s\n' 'first import' "$one_files" "$one_time" "$one_memory" \
  'nothing changed' "$one_files" "$again_time" "$again_memory" 'four times as much' "$four_files" "$four_time" "$four_memory"
if [ -n "$json" ]; then
  cat >"$json" <<JSON
{"benchmark":"import","rows":[
  {"case":"first","subject":"mpf","metric":"time","value":$one_time,"unit":"s"},
  {"case":"first","subject":"mpf","metric":"peak_memory","value":$one_memory,"unit":"KiB"},
  {"case":"unchanged","subject":"mpf","metric":"time","value":$again_time,"unit":"s"},
  {"case":"four_times","subject":"mpf","metric":"time","value":$four_time,"unit":"s"},
  {"case":"four_times","subject":"mpf","metric":"peak_memory","value":$four_memory,"unit":"KiB"},
  {"case":"memory","subject":"mpf","metric":"ratio","value":$(python3 -c "print(round($four_memory/$one_memory,3))"),"unit":"four times as much / first"}]}
JSON
fi
