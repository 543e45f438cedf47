#!/bin/sh
# run.sh [--keep DIR]: from a bare Debian or Ubuntu to a running container. Everything goes into a temporary folder and is removed again;
# with --keep the store stays in DIR.
set -eu

project=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
kept=
case ${1-} in
  '') ;;
  --keep) kept=${2:?usage: tools/quickstart/run.sh [--keep DIR]} ;;
  *) echo 'usage: tools/quickstart/run.sh [--keep DIR]' >&2; exit 2 ;;
esac
[ "$(id -u)" -eq 0 ] || { echo 'quickstart: mounts and containers need root; try: sudo tools/quickstart/run.sh' >&2; exit 1; }

say() { printf '\n== %s\n' "$1"; }

say '1. Set up what is missing here'
"$project/tools/setup/setup.sh" --for run
PATH="$project/build/bin:$project/node_modules/.bin:$PATH"
export PATH

scratch=$(mktemp -d)
server=
leave() {
  status=$?
  trap - EXIT
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
  # What is still mounted must not be reached by the removal.
  rm -rf --one-file-system "$scratch"
  [ "$status" -eq 0 ] || echo "quickstart: failed with status $status" >&2
  exit "$status"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say '2. Make an image of three layers from busybox-static, and serve it from a registry on loopback'
mkfifo "$scratch/served"
node "$project/tools/fixtures/src/main.ts" serve demo >"$scratch/served" &
server=$!
image=
while read -r line; do
  [ "$line" != ready ] || break
  image=$line
done <"$scratch/served"
[ -n "$image" ] || { echo 'quickstart: the registry did not start' >&2; exit 1; }
echo "$image"

root=${kept:-$scratch}/root
state=$scratch/state

say "3. slipway pull $image"
slipway --root "$root" --state "$state" pull "$image"

say '4. slipway images ls'
slipway --root "$root" --state "$state" images ls

# Without a network: the default one would leave a bridge on this machine.
say "5. slipway run --rm --network none $image"
slipway --root "$root" --state "$state" run --rm --network none "$image"

if [ -n "$kept" ]; then after="the store stays in $root"; else after='the store is removed'; fi
say "6. slipway run --rm --network none $image /bin/sh -c '...'; afterwards the registry is stopped and $after"
# shellcheck disable=SC2016 # the container's shell expands it
slipway --root "$root" --state "$state" run --rm --network none "$image" /bin/sh -c 'echo "process $$ of $(hostname), and these are all there are:"; ps; ls -l /srv/notes'
