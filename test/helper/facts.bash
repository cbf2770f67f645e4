# SPDX-License-Identifier: GPL-2.0-or-later
#
# For test/bats/facts_*.bats: a host ($a) and who sends to it ($b), two network namespaces with a veth pair. What the
# kernel does with the frames is found out by sending them, and weir is held against it: the rules alone, the engine
# (weir replay), and weir in front of the rules in both modes.
#
#	$RAW, $FILTER	the begin of these tables; the host answers nobody, and raw counts the sentinel, which
#			`frames send` sends behind the others: once it is counted they all were
#	FRAMES		an array, see helper/frames.c

RAW='*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT DROP [0:0]
-A PREROUTING -s 198.19.255.254/32 -j ACCEPT'
RAW6='*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT DROP [0:0]
-A PREROUTING -s 2001:db8:ffff:ffff::fe/128 -j ACCEPT'
FILTER='*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]'

facts_setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	frames=${WEIR_FRAMES:-$BATS_TEST_DIRNAME/../../build/test/frames}
	a=weir-f$$-a b=weir-f$$-b c=weir-f$$-c
	rules=$BATS_TEST_TMPDIR/rules
	tables=iptables-legacy
	helpers=
	[ -x "$frames" ] || { echo "$frames is not built"; return 1; }
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	unshare -n true 2>/dev/null || skip "network namespaces are not permitted"
	command -v iptables-legacy-restore >/dev/null || skip "iptables-legacy is not installed"
	ip netns add "$a" && ip netns add "$b" || skip "named network namespaces are not permitted"
	# no address, route or neighbour of IPv6 but those that a test gives, and no packet that it did not send
	for namespace in "$a" "$b"; do
		ip netns exec "$namespace" sh -c 'for i in all default; do
			echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6
			echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done'
	done
	ip link add out0 netns "$a" type veth peer name in0 netns "$b" || skip "veth is not available"
	ip -n "$a" link set out0 address 02:57:45:49:52:01 arp off up
	ip -n "$b" link set in0 arp off up
	ip -n "$a" addr add 192.0.2.1/25 dev out0
	in_a iptables-legacy -t raw -L -n >/dev/null 2>&1 || skip "iptables-legacy does not work here"
}

facts_teardown() {
	for helper in $helpers; do
		kill "$helper" 2>/dev/null || true
	done
	for namespace in "$a" "$b" "$c"; do
		ip netns del "$namespace" 2>/dev/null || true
	done
}

in_a() { ip netns exec "$a" "$@"; }

# Another pair, to forward to: 192.0.2.128/25 is behind far0, and nobody at its end.
behind() {
	ip link add far0 netns "$a" type veth peer name end0 netns "$b"
	ip -n "$a" link set far0 arp off up
	ip -n "$b" link set end0 arp off up
	ip -n "$a" route add 192.0.2.128/25 dev far0
}

# The host's addresses of IPv6, and ip6tables from here on.
use_ipv6() {
	tables=ip6tables-legacy
	in_a sh -c 'echo 0 >/proc/sys/net/ipv6/conf/out0/disable_ipv6; echo 0 >/proc/sys/net/ipv6/conf/out0/accept_ra'
	ip -n "$a" addr add 2001:db8:2::1/64 dev out0 nodad || skip "IPv6 is not available"
}

# ALLOW NAME: the value in the files of conf/NAME
set_forwarding() { in_a sh -c "echo $2 >/proc/sys/net/ipv4/conf/$1/forwarding"; }

# Reads the rules, as iptables-restore takes them, and leaves in $rules what iptables-save makes of them.
load_rules() {
	cat >"$rules.given"
	in_a "$tables-restore" "$rules.given"
	in_a "$tables-save" >"$rules"
}

sentinels() { in_a "$tables-save" -c -t raw | sed -n 's/^\[\([0-9]*\):.*\(198.19.255.254\|2001:db8:ffff:ffff::fe\).*/\1/p'; }

# Returns once all frames were counted.
send() {
	local before count
	before=$(sentinels)
	ip netns exec "$b" "$frames" send in0 "$@"
	for _ in {1..100}; do
		count=$(sentinels)
		[ "$count" -gt "$before" ] && return
		sleep 0.02
	done
	echo "the sentinel did not arrive"
	return 1
}

attached() { in_a ip -d link show dev "${1:-out0}" | sed -n 's/.*prog\/xdp.* id \([0-9]*\).*/\1/p'; }

# All counters as lines "TABLE RULE<tab>PACKETS BYTES", sorted. Of the kernel, of weir, of the engine.
kernel_counts() {
	in_a "$tables-save" -c | awk '
		/^\*/ { table = substr($1, 2) }
		/^:(PREROUTING|INPUT|FORWARD) / { key = table " -P " substr($1, 2); count = $3 }
		/^\[/ { count = $1; key = table substr($0, length($1) + 1) }
		/^:(PREROUTING|INPUT|FORWARD) |^\[/ { gsub(/[][]/, "", count); sub(/:/, " ", count); print key "\t" count }
	' | grep -v -e ' -A OUTPUT' | sort
}
weir_counts() {
	in_a "$weir" counters out0 --all --json | jq -r '.[] | .table + (if .kind == "policy" then " -P " + .chain
		else " -A " + .chain + " " + .text end) + "\t\(.packets) \(.bytes)" + (if .counted_in_part
		then " in-part" else "" end)' | sort
}
# replay_counts ARGUMENTS: "perhaps" where the engine cannot say.
replay_counts() {
	"$frames" pcap "$BATS_TEST_TMPDIR/frames.pcap" "${FRAMES[@]}"
	"$weir" replay "$rules" ${sets:+"$sets"} "$BATS_TEST_TMPDIR/frames.pcap" --interface out0 --json \
		--mac 02:57:45:49:52:01 "$@" |
		jq -r '.rules[] | .table + " " + (if .rule then .rule else "-P " + .chain end)
			+ "\t\(.packets) \(.bytes)" + (if .perhaps > 0 then " perhaps" else "" end)' |
		grep -v -e ' -[AP] OUTPUT' | sort
}

# One counter: count FILE RULE, where RULE is what its line begins with ("raw -A PREROUTING -s ..."), whole.
count() { awk -F '\t' -v key="$2" '$1 == key { split($2, n, " "); print n[1]; exit }' "$BATS_TEST_TMPDIR/$1"; }

# The engine, by what iptables-save calls the rule, against the kernel. Of what the engine leaves open it must not have
# said more than there was.
engine_agrees() {
	replay_counts "$@" >"$BATS_TEST_TMPDIR/engine"
	same alone engine perhaps
}

# same FILE FILE WORD: the same counters; a line with WORD may have less in the second.
same() {
	awk -F '\t' -v word="$3" '
		{ split($2, n, " ") }
		NR == FNR { packets[$1] += n[1]; bytes[$1] += n[2]; next }
		{ p[$1] += n[1]; b[$1] += n[2]; if (n[3] == word) part[$1] = 1 }
		END {
			for (key in packets) {
				if (part[key] ? p[key] <= packets[key] : p[key] == packets[key] && b[key] == bytes[key])
					continue
				printf "%s: %d packets, %d bytes against %d, %d\n", key, packets[key], bytes[key], p[key], b[key]
				bad = 1
			}
			exit bad
		}' "$BATS_TEST_TMPDIR/$1" "$BATS_TEST_TMPDIR/$2"
}

# What the kernel alone counts of FRAMES, in the file "alone".
alone() {
	in_a "$tables-restore" "$rules.given"
	send "${FRAMES[@]}"
	kernel_counts >"$BATS_TEST_TMPDIR/alone"
	cat "$BATS_TEST_TMPDIR/alone"
}

# in_front MODE ARGUMENTS: the same with weir in front, whose counters (the file "early") and the kernel's must add up to
# what the kernel alone counted. Leaves weir attached.
in_front() {
	local mode=$1
	shift
	in_a "$tables-restore" "$rules.given"
	in_a "$weir" attach out0 "$rules" ${sets:+"$sets"} --mode "$mode" "$@" >"$BATS_TEST_TMPDIR/attach"
	send "${FRAMES[@]}"
	kernel_counts >"$BATS_TEST_TMPDIR/kernel"
	weir_counts >"$BATS_TEST_TMPDIR/early"
	cat "$BATS_TEST_TMPDIR/kernel" "$BATS_TEST_TMPDIR/early" >"$BATS_TEST_TMPDIR/both"
	echo "weir, $mode:"
	grep -v "$(printf '\t')0 0" "$BATS_TEST_TMPDIR/early" || true
	same alone both in-part
}

# Kernel, engine, and weir in both modes, with arguments of attach. Leaves the counters of the native mode in the file
# "early", and nothing attached. REPLAY: an array, arguments of weir replay.
all_agree() {
	alone
	engine_agrees "${REPLAY[@]}"
	weir_agrees "$@"
}
# The same for rules or frames of which the engine alone cannot tell: what the kernel has seen before, who took them.
weir_agrees() {
	local mode
	[ -e "$BATS_TEST_TMPDIR/alone" ] || alone
	for mode in generic native; do
		in_front "$mode" "$@"
		in_a "$weir" detach out0
	done
}

# early RULE N, and alone_is RULE N: what weir dropped early by it, and what the kernel alone counted.
early() { is early "$1" "$2"; }
alone_is() { is alone "$1" "$2"; }
is() {
	local found
	found=$(count "$1" "$2")
	[ "${found:-0}" -eq "$3" ] || { echo "$1: $2: ${found:-0}, not $3"; return 1; }
}

# refused TEXT ARGUMENTS: attach says TEXT, exits with 3 and attaches nothing.
refused() {
	local text=$1
	shift
	run in_a "$weir" attach "$@"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"$text"* ]]
}

# Runs a verb of frames that stays, in a namespace, until it is ready: helper NAMESPACE OUTPUT VERB ARGUMENTS.
helper() {
	local namespace=$1 file=$2
	shift 2
	: >"$file"
	ip netns exec "$namespace" "$frames" "$@" >"$file" 2>&1 3>&- &
	helpers="$helpers $!"
	for _ in {1..100}; do
		grep -q ready "$file" && return
		kill -0 "$!" 2>/dev/null || break
		sleep 0.02
	done
	cat "$file"
	return 1
}
