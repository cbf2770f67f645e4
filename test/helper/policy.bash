# SPDX-License-Identifier: GPL-2.0-or-later
#
# For test/bats/policy_*.bats: a host ($a) with a policy's rules, and others ($b behind out0, $c behind far0).

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	examples=$BATS_TEST_DIRNAME/../../examples
	dir=$BATS_TEST_TMPDIR
	frames=${WEIR_FRAMES:-$BATS_TEST_DIRNAME/../../build/test/frames}
	a=weir-m$$-a b=weir-m$$-b c=weir-m$$-c
}

teardown() {
	for server in "${servers[@]}"; do
		kill "$server" 2>/dev/null || true
	done
	for namespace in "$a" "$b" "$c"; do
		ip netns del "$namespace" 2>/dev/null || true
	done
}

# host: 192.0.2.1 and 2001:db8::1 towards $b (.2, ::2), 198.51.100.1 towards $c (.2, .3).
hosts() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	for program in iptables-restore ip6tables-restore ipset awk flock; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	for namespace in "$a" "$b" "$c"; do
		ip netns add "$namespace" 2>/dev/null || skip "network namespaces are not permitted"
		ip -n "$namespace" link set lo up
		ip netns exec "$namespace" sh -c 'for i in all default; do
			echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter
			echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad; done'
	done
	ip link add out0 netns "$a" type veth peer name in0 netns "$b" || skip "veth is not available"
	ip link add far0 netns "$a" type veth peer name end0 netns "$c"
	ip -n "$a" addr add 192.0.2.1/24 dev out0
	ip -n "$a" addr add 2001:db8::1/64 dev out0 nodad
	ip -n "$b" addr add 192.0.2.2/24 dev in0
	ip -n "$b" addr add 192.0.2.3/24 dev in0
	ip -n "$b" addr add 2001:db8::2/64 dev in0 nodad
	ip -n "$a" addr add 198.51.100.1/24 dev far0
	ip -n "$c" addr add 198.51.100.2/24 dev end0
	ip -n "$c" addr add 198.51.100.3/24 dev end0
	# whom the frames of helper/frames.c are for
	ip -n "$a" link set out0 address 02:57:45:49:52:01
	ip -n "$a" link set out0 up && ip -n "$b" link set in0 up
	ip -n "$a" link set far0 up && ip -n "$c" link set end0 up
	in_a iptables -S >/dev/null 2>&1 || skip "iptables does not work here"
}

in_a() { ip netns exec "$a" "$@"; }
in_b() { ip netns exec "$b" "$@"; }

# needs TABLE RULE...: skips where the kernel does not take such a rule
needs() {
	local table=$1
	shift
	in_a iptables -t "$table" -A "$@" 2>/dev/null || skip "the kernel does not take: iptables -t $table -A $*"
	in_a iptables -t "$table" -D "$@"
}

# Loads the policy on standard input, by the scripts of weir export.
policy() {
	cat >"$dir/test.weir"
	"$weir" export "$dir/test.weir" --directory "$dir/out"
	in_a sh "$dir/out/load.sh"
}

# Applies it: `applied` is what weir apply said.
apply_policy() {
	cat >"$dir/test.weir"
	applied=$(in_a "$weir" apply "$dir/test.weir" --state "$dir/state" 2>&1) || {
		echo "$applied"
		return 1
	}
}

# Answers each connection to $1, of either family, with a page, for as long as the test takes.
serve() {
	ip netns exec "$a" timeout 60 perl -MSocket -MIO::Socket::IP -e '
		my $s = IO::Socket::IP->new(Listen => 50, LocalHost => "::", LocalPort => shift, V6Only => 0,
			ReuseAddr => 1) or die;
		while (my $c = $s->accept) { print $c "page\n"; close $c }' "$1" 3>&- &
	servers+=($!)
	for _ in {1..50}; do
		in_a bash -c ": </dev/tcp/127.0.0.1/$1" 2>/dev/null && return
		sleep 0.05
	done
	return 1
}
# page ADDRESS PORT: what $b is served within a second and a half
page() { in_b timeout 1.5 bash -c "read -r line </dev/tcp/$1/$2 && echo \$line" || echo nothing; }

# tcp NAMESPACE ADDRESS PORT: "refused" when an answer came, else "silent"
tcp() {
	if ip netns exec "$1" timeout 0.4 bash -c ": </dev/tcp/$2/$3" 2>&1 | grep -q refused; then
		echo refused
	else
		echo silent
	fi
}
udp() { ip netns exec "$1" bash -c "echo question >/dev/udp/$2/$3"; }

# The kernel gives each set a seed of its own.
sets() { in_a ipset save -sorted | sed 's/ initval 0x[0-9a-f]*//'; }

tracked() { in_a cat /proc/sys/net/netfilter/nf_conntrack_count; }

# packets TABLE PATTERN: of the rules whose text matches, in the order of the table
packets() { in_a "${tables:-iptables}-save" -c -t "$1" | sed -n "/$2/s/^\[\([0-9]*\):.*/\1/p" | tr '\n' ' '; }
