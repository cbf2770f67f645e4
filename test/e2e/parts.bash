# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the end-to-end tests share: a host that has a policy ($host), a client on its network ($client) and one on another
# ($other), each in a network namespace of its own, and real programs in them that end with the test.
#
#     $client 192.0.2.2, 2001:db8::2  in0 -- out0  192.0.2.1, 2001:db8::1  $host  198.51.100.1  far0 -- end0  198.51.100.2, .3  $other

bats_require_minimum_version 1.5.0

parts_setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	dir=$BATS_TEST_TMPDIR
	state=$dir/state
	host=weir-e$$-host client=weir-e$$-client other=weir-e$$-other
	started=()
}

parts_teardown() {
	local process
	for process in "${started[@]}"; do
		kill "$process" 2>/dev/null || true
	done
	for process in "${started[@]}"; do
		wait "$process" 2>/dev/null || true
	done
	for namespace in "$host" "$client" "$other"; do
		ip netns del "$namespace" 2>/dev/null || true
	done
}

in_host() { ip netns exec "$host" "$@"; }
in_client() { ip netns exec "$client" "$@"; }
in_other() { ip netns exec "$other" "$@"; }

# Skips, by name, where a program is missing.
programs() {
	local program
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	for program in ip nft ethtool perl "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# The three hosts and their links. What a card does in the kernel's place (checksums, segmentation) is off: what is
# counted and captured is what is on the wire.
hosts() {
	local namespace device
	for namespace in "$host" "$client" "$other"; do
		ip netns add "$namespace" 2>/dev/null || skip "network namespaces are not permitted"
		ip -n "$namespace" link set lo up
		ip netns exec "$namespace" sh -c 'for i in all default; do
			echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter
			echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad; done'
	done
	in_host nft list ruleset >/dev/null 2>&1 || skip "nft does not work here"
	ip link add out0 netns "$host" type veth peer name in0 netns "$client" 2>/dev/null || skip "veth is not available"
	ip link add far0 netns "$host" type veth peer name end0 netns "$other"
	for device in "$host out0" "$host far0" "$client in0" "$other end0"; do
		set -- $device
		ip netns exec "$1" ethtool -K "$2" rx off tx off sg off gso off gro off tso off >/dev/null 2>&1 || true
		ip -n "$1" link set "$2" up
	done
	ip -n "$host" addr add 192.0.2.1/24 dev out0
	ip -n "$host" addr add 2001:db8::1/64 dev out0 nodad
	ip -n "$host" addr add 198.51.100.1/24 dev far0
	ip -n "$client" addr add 192.0.2.2/24 dev in0
	ip -n "$client" addr add 2001:db8::2/64 dev in0 nodad
	ip -n "$client" route add default via 192.0.2.1
	ip -n "$other" addr add 198.51.100.2/24 dev end0
	ip -n "$other" addr add 198.51.100.3/24 dev end0
	ip -n "$other" route add default via 198.51.100.1
}

# start NAMESPACE PROGRAM...: in the background, until the test ends; what it says goes to $dir/PROGRAM.log
start() {
	local namespace=$1
	shift
	ip netns exec "$namespace" "$@" >>"$dir/$(basename "$1").log" 2>&1 3>&- &
	started+=($!)
}

# until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { echo "in vain: $*"; tail -n 20 "$dir"/*.log; return 1; }
		sleep 0.05
	done
}

# Applies the policy on standard input to $host.
policy() {
	cat >"$dir/test.weir"
	in_host "$weir" apply "$dir/test.weir" --state "$state" 2>&1
}

# The same by the scripts of weir export, for iptables and ipset.
exported() {
	for program in iptables-restore ip6tables-restore ipset flock; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	cat >"$dir/test.weir"
	"$weir" export "$dir/test.weir" --directory "$dir/out" >"$dir/export.log" 2>&1 || { cat "$dir/export.log"; return 1; }
	in_host sh "$dir/out/load.sh"
}

# The same by weir apply, or where nftables has no words for it by weir export.
applied_or_exported() {
	cat >"$dir/either.weir"
	if run policy <"$dir/either.weir" && [ "$status" -eq 0 ]; then
		return 0
	fi
	if [[ $output != *"not-in-nft"* ]]; then
		echo "$output"
		return 1
	fi
	echo "# weir apply: $(sed -n 's/^.*\(error\[not-in-nft\].*\)$/\1/p' <<<"$output" | head -n 1)" >&3
	echo "# so it is loaded by the scripts of weir export" >&3
	exported <"$dir/either.weir"
}

# Connections that $host follows.
tracked() { in_host cat /proc/sys/net/netfilter/nf_conntrack_count; }

# The same, every hundredth of a second while the process runs; prints the most.
most_tracked() {
	local most=0 now
	while kill -0 "$1" 2>/dev/null; do
		now=$(tracked)
		[ "$now" -le "$most" ] || most=$now
		sleep 0.01
	done
	echo "$most"
}

# watch COUNTER RULE...: counts packets that arrive at $host and match, in a table that is not weir's: before all that a
# policy does ("wire"), behind bans and limits ("before" its filter), and what its filter lets in ("behind").
# watched wire|before|behind COUNTER: how many
watch() {
	local counter=$1 place
	shift
	if ! in_host nft list table inet watch >/dev/null 2>&1; then
		in_host nft add table inet watch
		in_host nft 'add chain inet watch wire { type filter hook prerouting priority -400; }'
		in_host nft 'add chain inet watch before { type filter hook input priority -10; }'
		in_host nft 'add chain inet watch behind { type filter hook input priority 10; }'
	fi
	for place in wire before behind; do
		in_host nft add rule inet watch "$place" "$@" counter comment "$counter"
	done
}
watched() {
	in_host nft list chain inet watch "$1" | sed -n "s/.*counter packets \([0-9]*\) .*comment \"$2\".*/\1/p"
}

# nginx NAMESPACE CONFIGURATION (of its http block): one process, as who we are
web_server() {
	local name=nginx-$RANDOM
	mkdir -p "$dir/$name"
	cat >"$dir/$name/conf" <<-END
		daemon off; master_process off; pid $dir/$name/pid; error_log $dir/$name/error;
		events { worker_connections 4096; }
		http { access_log $dir/$name/access; client_body_temp_path $dir/$name/body; client_max_body_size 100m;
		proxy_temp_path $dir/$name/proxy; fastcgi_temp_path $dir/$name/fastcgi;
		uwsgi_temp_path $dir/$name/uwsgi; scgi_temp_path $dir/$name/scgi;
		$2
		}
	END
	start "$1" nginx -p "$dir/$name" -e "$dir/$name/error" -c "$dir/$name/conf"
}

# A DNS server in $host, at both families' addresses, and questions for it in $dir/questions.
name_server() {
	cat >"$dir/unbound.conf" <<-END
		server:
			directory: "$dir"
			chroot: ""
			username: ""
			pidfile: ""
			use-syslog: no
			interface: 192.0.2.1
			interface: 2001:db8::1
			access-control: 0.0.0.0/0 allow
			access-control: ::/0 allow
			num-threads: 1
			incoming-num-tcp: 200
			so-rcvbuf: 1m
			local-zone: "example.net." static
			local-data: "www.example.net. A 192.0.2.80"
			local-data: "www.example.net. AAAA 2001:db8::80"
			local-data: "example.net. TXT 'a text of some length'"
		remote-control:
			control-enable: no
	END
	printf '%s\n' 'www.example.net A' 'www.example.net AAAA' 'example.net TXT' 'nowhere.example.net A' >"$dir/questions"
	start "$host" unbound -d -c "$dir/unbound.conf"
	until_true 20 questions 192.0.2.1 -n 1 -t 1
}

# questions SERVER OPTION...: asks them, all of them answered or false; see ask
questions() {
	ask "$@"
	answered
}

# ask SERVER OPTION...: begins to ask, as process $asking; never more than 50 on their way, so that no socket runs over
ask() {
	local server=$1
	shift
	ip netns exec "$client" dnsperf -s "$server" -d "$dir/questions" -q 50 -t 5 "$@" >"$dir/dnsperf" 2>&1 3>&- &
	asking=$!
	started+=("$asking")
}

# The end of it: whether each question was answered. answered now: asks no more from now on, and must not have ended before.
answered() {
	if [ "${1:-}" = now ]; then
		kill -INT "$asking" || { cat "$dir/dnsperf"; return 1; }
	fi
	wait "$asking" || { cat "$dir/dnsperf"; return 1; }
	[ "$(asked lost)" -eq 0 ]
}

# asked sent|completed|lost: of the last questions
asked() { sed -n "s/^ *Queries $1: *\([0-9]*\).*/\1/p" "$dir/dnsperf"; }
