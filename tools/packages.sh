#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installs those packages of packages.txt that are missing, and nothing else. Silent when none is. --stopped: servers among
# them are not started (Debian starts what it installs); at the next boot they are, unless they are disabled.
set -eu
stopped=no
if [ "${1:-}" = --stopped ]; then
	stopped=yes
	shift
fi
list=${1:?usage: packages.sh [--stopped] packages.txt}

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "weir: this is not a Debian system: please see to it that what $list names is there" >&2
	exit 0
fi
missing=
for package in $(sed 's/#.*//' "$list"); do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

cannot() {
	echo "weir: $1" >&2
	echo "weir: as root, run: apt-get update && apt-get install$missing" >&2
	exit 1
}

as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || cannot "missing packages:$missing; you are not root and there is no sudo"
	if ! sudo -n true 2>/dev/null; then
		[ -t 0 ] || cannot "missing packages:$missing; sudo needs a password and there is no terminal to ask on"
		printf 'weir: to be installed by sudo apt-get:%s\nGo on? [Y/n] ' "$missing"
		read -r answer || answer=n
		case $answer in
		'' | [yY]*) ;;
		*) cannot "nothing was installed" ;;
		esac
	fi
	as_root=sudo
fi
echo "weir: installing$missing"
# What Debian asks before it starts a service (invoke-rc.d(8)); one that is there already has its own answer.
policy=/usr/sbin/policy-rc.d
if [ $stopped = yes ] && [ ! -e "$policy" ]; then
	trap '$as_root rm -f "$policy"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
	$as_root chmod 755 "$policy"
fi
# Lists may be old or absent on a fresh machine; a failing update alone need not matter.
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update ||
	echo "weir: apt-get update failed; trying with the lists as they are" >&2
# shellcheck disable=SC2086 # a list of names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing ||
	cannot "apt-get could not install$missing"
