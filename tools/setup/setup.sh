#!/bin/sh
# setup.sh [--for run|kata|test|bench]: makes a bare Debian or Ubuntu with Node and npm ready. Does only what is missing, so a second call is quick.
set -eu

usage() {
  echo 'usage: tools/setup/setup.sh [--for run|kata|test|bench]' >&2
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
  kata) packages="$packages crun e2fsprogs qemu-system-x86" ;;
  test) packages="$packages apache2-utils attr conntrack crun cryptsetup-bin curl e2fsprogs erofs-utils libarchive-tools mmdebstrap openssl qemu-system-x86 strace systemd tar zstd" ;;
  bench) packages="$packages apache2-utils conntrack containerd curl e2fsprogs mmdebstrap openssl podman tar" ;;
  *) usage ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
policy_made=
kernel_made=
trap 'rm -f "$log" $policy_made; rm -rf $kernel_made' EXIT

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

# The kernel of virtual machines, in the form of its package and not installed: an installed one would come to be what this machine itself boots.
bring_kernel() {
  [ "$purpose" = kata ] || return 0
  name=linux-image-cloud-amd64
  [ "$(dpkg-query -W -f '${Status}' $name 2>/dev/null || true)" != 'install ok installed' ] || return 0
  image=$(kernel_package)
  [ -n "$image" ] || { step 'reading the package lists' apt-get -q update && image=$(kernel_package); }
  [ -n "$image" ] || die "apt knows no kernel by the name $name"
  release=${image#linux-image-}
  place=/usr/local/lib/slipway/kernel
  [ ! -e "$place/boot/vmlinuz-$release" ] || return 0
  mkdir -p "${place%/*}"
  kernel_made=$(mktemp -d "$place.XXXXXX")
  chmod 755 "$kernel_made"
  # apt's own user may not write here.
  step "bringing in the kernel $release" sh -c 'cd "$1" && apt-get -q -o APT::Sandbox::User=root download "$2" && dpkg-deb --extract ./*.deb . && rm ./*.deb' - "$kernel_made" "$image"
  rm -rf "$place"
  mv "$kernel_made" "$place"
}

kernel_package() {
  apt-cache depends --important linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *|\{0,1\}Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
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
bring_kernel
install_modules
step 'building' npm run --silent build
echo "setup: ready to $purpose"
