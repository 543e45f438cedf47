#!/usr/bin/env bash
# Sets up what tests need, then lints, checks types, builds and runs every test. The last line says how many passed and failed.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
# See tools/setup/setup.sh.
export NODE_DISABLE_COMPILE_CACHE=1
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Each of these counts as one test: a failing one never hides what comes after it.
check() {
  local name=$1
  shift
  echo "== $name"
  if "$@" </dev/null; then echo "passed $name" >>"$results/checks"; else echo "failed $name" >>"$results/checks"; fi
}

summary() {
  PATH="$root/node_modules/.bin:$PATH" node "$root/tools/test/src/summary.ts" "$results/checks" "$results/vitest.json"
  exit
}

if ! tools/setup/setup.sh --for test </dev/null; then
  echo '0 passed, 1 failed'
  exit 1
fi
export PATH="$root/node_modules/.bin:$PATH"

check build npm run --silent build
check lint npm run --silent lint
check typecheck npm run --silent typecheck
check fixtures node tools/fixtures/src/main.ts make
echo '== tests'
vitest run --reporter=default --reporter=json --outputFile.json="$results/vitest.json" </dev/null
echo "status $?" >>"$results/checks"
summary
