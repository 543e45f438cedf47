#!/bin/sh
# setup.sh [--for run|test|bench]: makes a bare Debian or Ubuntu with Node and npm ready. Does only what is missing, so a second call is quick.
set -eu

usage() {
  echo 'usage: tools/setup/setup.sh [--for run|test|bench]' >&2
  exit 2
}

die() {
  echo "setup: $1" >&2
  exit 1
}

purpose=run
case ${1-} in
  '') ;;
  --for) [ $# -eq 2 ] || usage; purpose=$2 ;;
  *) usage ;;
esac

packages='ca-certificates runc docker-registry busybox-static gcc libc6-dev musl-tools make util-linux
  containernetworking-plugins iptables nftables dnsmasq-base iproute2'
case $purpose in
  run) ;;
  test) packages="$packages apache2-utils attr conntrack cryptsetup-bin curl e2fsprogs erofs-utils libarchive-tools mmdebstrap openssl qemu-system-x86 strace systemd tar zstd" ;;
  bench) packages="$packages apache2-utils conntrack containerd curl e2fsprogs mmdebstrap openssl podman tar" ;;
  *) usage ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
policy_made=
trap 'rm -f "$log" $policy_made' EXIT

# Says one line, and shows what the command printed only when it fails.
step() {
  echo "setup: $1"
  shift
  "$@" >"$log" 2>&1 </dev/null || {
    status=$?
    cat "$log" >&2
    die "\"$*\" ended with status $status"
  }
}

missing_packages() {
  for package in $packages; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = 'install ok installed' ] || printf '%s ' "$package"
  done
}

# Debian starts the services of what it installs; nobody asked for a registry on port 5000. This file is how an administrator says no.
hold_services() {
  [ ! -e "$policy" ] || return 0
  policy_made=$policy
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

install_packages() {
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || die "these Debian packages are needed, and there is no apt-get here: $missing"
  [ "$(id -u)" -eq 0 ] || die "these Debian packages are missing, and only root can install them: $missing"
  hold_services
  step 'reading the package lists' apt-get -q update
  # shellcheck disable=SC2086 # a list of names, one word each
  step "installing $missing" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
}

install_modules() {
  node "$root/tools/setup/src/lock-matches.mjs" "$root" && return 0
  step 'installing the Node packages that package-lock.json names' npm ci --no-audit --no-fund
}

command -v dpkg-query >/dev/null || die 'this script knows Debian and Ubuntu; elsewhere install runc, docker-registry, a C compiler and make, then: npm ci && npm run build'
command -v node >/dev/null && command -v npm >/dev/null || die 'Node 20 or newer with npm is needed to begin; the project brings the Node that it runs on itself'
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || die "Node 20 or newer is needed to begin, found $(node --version)"

# npm would keep compiled code under a predictable name in the temporary folder, which is no place for what root runs.
NODE_DISABLE_COMPILE_CACHE=1
export NODE_DISABLE_COMPILE_CACHE

cd "$root"
install_packages
install_modules
step 'building' npm run --silent build
echo "setup: ready to $purpose"
