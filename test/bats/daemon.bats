#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# weir daemon: backends that fall and rise, feeds that are due, conntrack that fills, devices that come, rules that go.
#
#     $space 198.51.100.1  far0 -- end0  198.51.100.2, .3  $other

bats_require_minimum_version 1.5.0

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	dir=$BATS_TEST_TMPDIR
	state=$dir/state
	policy=$dir/edge.weir
	space=weir-t$$-daemon other=weir-t$$-backends
	declare -gA backend=()
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	for program in nft python3 jq; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	for namespace in "$space" "$other"; do
		ip netns add "$namespace" 2>/dev/null || skip "network namespaces are not permitted"
		ip -n "$namespace" link set lo up
	done
	inside nft list ruleset >/dev/null 2>&1 || skip "nft does not work here"
}

teardown() {
	if [ -n "${daemon:-}" ]; then
		kill "$daemon" 2>/dev/null || true
		wait "$daemon" || true
	fi
	for process in "${backend[@]}"; do
		kill "$process" 2>/dev/null || true
	done
	for namespace in "$space" "$other"; do
		ip netns del "$namespace" 2>/dev/null || true
	done
	! grep -q -e Sanitizer -e "runtime error" "$dir/log" 2>/dev/null
}

inside() { ip netns exec "$space" "$@"; }
apply() { inside "$weir" apply "$policy" --state "$state" >"$dir/apply.log" 2>&1 || { cat "$dir/apply.log"; return 1; }; }

# start_daemon OPTION...
start_daemon() {
	ip netns exec "$space" "$weir" daemon --state "$state" "$@" >>"$dir/log" 2>&1 3>&- &
	daemon=$!
	until_true said "looks after state"
}
said() { grep -qF -- "$1" "$dir/log"; }
times_said() { grep -cF -- "$1" "$dir/log" || true; }
stop_daemon() {
	kill "$daemon"
	wait "$daemon"
	daemon=
}

# until_true COMMAND...: for ten seconds, as others may be at work on this machine
until_true() {
	for _ in {1..200}; do
		if "$@" >/dev/null 2>&1; then return 0; fi
		sleep 0.05
	done
	echo "in vain: $*"
	cat "$dir/log" || true
	return 1
}

network() {
	ip link add far0 netns "$space" type veth peer name end0 netns "$other" 2>/dev/null || skip "veth is not available"
	ip -n "$space" link set far0 up
	ip -n "$other" link set end0 up
	ip -n "$space" addr add 198.51.100.1/24 dev far0
	ip -n "$other" addr add 198.51.100.2/24 dev end0
	ip -n "$other" addr add 198.51.100.3/24 dev end0
	ip -n "$space" addr add 192.0.2.1/32 dev lo
}

# serve LAST: a backend that says its name
serve() {
	ip netns exec "$other" python3 -c '
import socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((sys.argv[1], 8080))
listener.listen(64)
while True:
    try:
        with listener.accept()[0] as connection:
            connection.sendall(sys.argv[1][-1].encode())
    except OSError:
        pass' "198.51.100.$1" 3>&- &
	backend[$1]=$!
	until_true ip netns exec "$other" python3 -c "import socket; socket.create_connection(('198.51.100.$1', 8080), 1)"
}
fell() {
	kill "${backend[$1]}"
	wait "${backend[$1]}" 2>/dev/null || true
	unset "backend[$1]"
}

# answers N: who answers N connections to the listener, and how often: "2=3 3=3"
answers() {
	inside python3 -c '
import collections, socket, sys
answers = collections.Counter()
for i in range(int(sys.argv[1])):
    try:
        with socket.create_connection(("192.0.2.1", 80), 2) as connection:
            answers[connection.recv(9).decode()] += 1
    except OSError:
        answers["none"] += 1
print(*sorted(f"{name}={count}" for name, count in answers.items()))' "$1"
}

# balance [METHOD [MORE]]
balance() {
	cat >"$policy" <<-END
		balance tcp to 192.0.2.1 port 80 ${1:-round-robin} {
			198.51.100.2 port 8080
			198.51.100.3 port 8080
		} masquerade check every 1s
		${2:-}
		allow tcp to self port 22
		default drop
	END
}
backends() { inside "$weir" daemon status --state "$state" --json | jq -r '[.backends[] | .state] | join(" ")'; }
dnat_rules() { inside nft list chain ip weir nat-weir-balance-1 | grep -c dnat; }
backends_are() { [ "$(backends)" = "$1" ]; }

@test "a backend that falls gets no connections, and gets them again when it is back" {
	network
	balance
	serve 2
	serve 3
	apply
	grep -q "while weir daemon runs, which it does not" "$dir/apply.log"
	run -1 inside "$weir" daemon status --state "$state"
	[ "$output" = "weir daemon does not run" ]
	start_daemon
	until_true backends_are "up up"
	run -0 inside "$weir" daemon status --state "$state"
	[ "$(answers 6)" = "2=3 3=3" ]
	fell 3
	until_true backends_are "up down"
	[ "$(answers 6)" = "2=6" ]
	run -1 inside "$weir" daemon status --state "$state"
	[[ $output == *"192.0.2.1 port 80: 198.51.100.3 port 8080 is down since "*"(Connection refused)"* ]]
	serve 3
	until_true backends_are "up up"
	[ "$(answers 6)" = "2=3 3=3" ]
	[ "$(times_said "is down")" -eq 1 ]
}

@test "a backend that is out is no change of the rules: apply, feeds and rollback take no notice" {
	network
	balance
	serve 2
	apply
	inside nft -s list ruleset >"$dir/whole"
	start_daemon
	until_true backends_are "up down"
	run -0 inside "$weir" apply "$policy" --state "$state"
	[ "$output" = "Nothing to change: the kernel has these rules." ]
	[ "$(answers 4)" = "2=4" ]
	# another state, with the same backends: not for a moment is one of them in that is down
	balance round-robin 'allow tcp to self port 23'
	apply
	[ "$(answers 4)" = "2=4" ]
	run -0 inside "$weir" rollback --state "$state"
	[ "$(answers 4)" = "2=4" ]
	stop_daemon
	diff "$dir/whole" <(inside nft -s list ruleset)
	[ ! -e "$state/daemon.json" ]
}

@test "other backends are checked as soon as they are applied; those that were out stay out" {
	network
	balance
	serve 2
	apply
	start_daemon
	until_true backends_are "up down"
	sed -i 's/198.51.100.3 port 8080/198.51.100.3 port 8080 weight 2\n\t198.51.100.4 port 8080/' "$policy"
	apply
	until_true backends_are "up down down"
	[ "$(answers 4)" = "2=4" ]
	echo 'allow tcp to self port 24' >"$policy"
	apply
	until_true backends_are ""
}

@test "during a trial backends are checked, and when it is over as well" {
	network
	balance
	serve 2
	apply
	start_daemon
	until_true backends_are "up down"
	cp "$policy" "$dir/before.weir"
	balance round-robin 'allow tcp to self port 23'
	run -0 inside "$weir" try "$policy" --timeout 2s --state "$state"
	[ "$(answers 4)" = "2=4" ]
	serve 3
	until_true backends_are "up up"
	until_true sh -c "ip netns exec '$space' '$weir' apply --dry-run '$dir/before.weir' --state '$state' 2>&1 |
		grep -q 'Nothing would change'"
	[ "$(answers 4)" = "2=2 3=2" ]
	run -0 inside "$weir" try "$policy" --timeout 60s --state "$state"
	fell 3
	until_true backends_are "up down"
	run -0 inside "$weir" confirm --state "$state"
	[ "$(answers 4)" = "2=4" ]
	# how often they are checked is no rule
	sed -i 's/check every 1s/check every 3s/' "$policy"
	run -0 inside "$weir" apply "$policy" --state "$state"
	[[ $output == *"The kernel has these rules."*"State "* ]]
	[ "$(answers 4)" = "2=4" ]
}

@test "by source: clients of the other backend stay there" {
	network
	balance 'hash source'
	serve 2
	serve 3
	apply
	start_daemon
	until_true backends_are "up up"
	before=$(inside nft -s list chain ip weir nat-weir-balance-1 | grep -c 198.51.100.2)
	inside nft -s list chain ip weir nat-weir-balance-1 | grep 198.51.100.2 >"$dir/before"
	[ "$before" -eq 16 ]
	fell 3
	until_true backends_are "up down"
	until_true sh -c "! ip netns exec $space nft list chain ip weir nat-weir-balance-1 | grep -q 198.51.100.3"
	inside nft -s list chain ip weir nat-weir-balance-1 >"$dir/after"
	[ "$(grep -c 198.51.100.2 "$dir/after")" -eq 32 ]
	grep -qxFf "$dir/before" "$dir/after"
	[ "$(grep -cxFf "$dir/before" "$dir/after")" -eq 16 ]
}

@test "where none answers all stay in" {
	network
	balance
	apply
	inside nft -s list ruleset >"$dir/whole"
	start_daemon
	until_true backends_are "down down"
	said "so are all others, and all stay in"
	sleep 0.3
	diff "$dir/whole" <(inside nft -s list ruleset)
	run -1 inside "$weir" daemon status --state "$state"
	[[ $output == *"gets connections all the same"* ]]
	serve 2
	until_true backends_are "up down"
	until_true sh -c "! ip netns exec $space nft list chain ip weir nat-weir-balance-1 | grep -q 198.51.100.3"
}

@test "a connection that a silent backend was given begins anew with another" {
	network
	balance
	serve 2
	serve 3
	apply
	start_daemon
	until_true backends_are "up up"
	ip netns exec "$other" nft add table ip wall
	ip netns exec "$other" nft 'add chain ip wall in { type filter hook input priority 0; }'
	ip netns exec "$other" nft add rule ip wall in ip daddr 198.51.100.3 drop
	# two of these go to the silent one; their second SYN comes when it is out
	for client in 1 2 3 4; do
		ip netns exec "$space" python3 -c '
import socket
with socket.create_connection(("192.0.2.1", 80), 20) as connection:
    print(connection.recv(9).decode())' >>"$dir/answers" 3>&- &
		backend[client$client]=$!
	done
	for client in 1 2 3 4; do
		wait "${backend[client$client]}"
	done
	[ "$(sort "$dir/answers" | uniq -c | tr -s ' ')" = " 4 2" ]
	until_true backends_are "up down"
}

@test "killed and started anew it goes on where it was; on SIGTERM all backends are in" {
	network
	balance
	serve 2
	apply
	inside nft -s list ruleset >"$dir/whole"
	start_daemon
	until_true backends_are "up down"
	[ "$(answers 4)" = "2=4" ]
	run -3 inside "$weir" daemon --state "$state"
	[[ $output == *"another daemon of weir looks after"* ]]
	kill -9 "$daemon"
	wait "$daemon" || true
	[ "$(answers 4)" = "2=4" ]
	rm "$dir/log"
	start_daemon
	until_true backends_are "up down"
	[ "$(answers 4)" = "2=4" ]
	kill -HUP "$daemon"
	sleep 0.2
	stop_daemon
	diff "$dir/whole" <(inside nft -s list ruleset)
}

@test "where it was killed for good, weir apply puts all backends in" {
	network
	balance
	serve 2
	apply
	inside nft -s list ruleset >"$dir/whole"
	start_daemon
	until_true backends_are "up down"
	until_true [ -e "$state/states/1/overlay" ]
	kill -9 "$daemon"
	wait "$daemon" || true
	apply
	diff "$dir/whole" <(inside nft -s list ruleset)
	grep -q "while weir daemon runs, which it does not" "$dir/apply.log"
}

@test "what one that was killed was about to do is forgotten" {
	network
	balance
	serve 3
	apply
	start_daemon
	until_true backends_are "down up"
	until_true [ -e "$state/states/1/overlay" ]
	cp "$state/states/1/overlay" "$dir/other"
	fell 3
	serve 2
	until_true backends_are "up down"
	until_true [ "$(dnat_rules)" -eq 1 ]
	kill -9 "$daemon"
	wait "$daemon" || true
	cp "$dir/other" "$state/states/1/overlay.next"
	rm "$dir/log"
	start_daemon
	until_true backends_are "up down"
	until_true [ ! -e "$state/states/1/overlay.next" ]
	run -0 inside "$weir" apply --dry-run "$policy" --state "$state"
	[[ $output == "Nothing would change."* ]]
}

@test "killed at any step of taking a backend out, what is in force is whole" {
	network
	balance
	serve 2
	apply
	kill_at=$dir/kill_at
	cc -o "$kill_at" "$BATS_TEST_DIRNAME/../helper/kill_at.c" || skip "needs a C compiler"
	ip netns exec "$space" "$kill_at" files 1 true 3>&- || [ $? -ne 2 ] || skip "ptrace is not permitted"
	killed=0
	for ((call = 3; ; call += ${WEIR_KILL_STEP:-9})); do
		rm -f "$state/daemon.json"
		ip netns exec "$space" "$kill_at" files "$call" "$weir" daemon --state "$state" >/dev/null 2>&1 3>&- &
		tracer=$!
		until ! kill -0 "$tracer" 2>/dev/null || { backends_are "up down" &&
			[ "$(dnat_rules)" -eq 1 ]; }; do sleep 0.02; done
		if kill -0 "$tracer" 2>/dev/null; then
			kill -9 "$(jq .process "$state/daemon.json")"
			break
		fi
		wait "$tracer"
		[[ $(dnat_rules) == [12] ]]
		# nobody checks them now, so they are to be in again; and nothing else is to change
		run -0 inside "$weir" apply --dry-run "$policy" --state "$state"
		[ "$(dnat_rules)" -eq 2 ] || [ "$(grep -c '^  ' <<<"$output")" -eq 1 ]
		[[ $output == "Nothing would change."* || $output == *"  chain ip nat-weir-balance-1: "* ]]
		killed=$((killed + 1))
	done
	[ "$killed" -ge 4 ]
}

@test "rules of backends that somebody else has changed are left alone, and it is said" {
	network
	balance
	serve 2
	apply
	inside nft flush chain ip weir nat-weir-balance-1
	start_daemon
	until_true said "are not those that were applied"
	[ -z "$(inside nft list chain ip weir nat-weir-balance-1 | grep dnat)" ]
	apply
	until_true backends_are "up down"
	until_true sh -c "[ \"\$(ip netns exec $space nft list chain ip weir nat-weir-balance-1 | grep -c dnat)\" -eq 1 ]"
}

# confined CAPABILITIES: the daemon with no more than these
confined() {
	setpriv --no-new-privs --inh-caps=-all "--bounding-set=-all,$1" true 2>/dev/null || skip "setpriv cannot do this here"
	ip netns exec "$space" setpriv --no-new-privs --inh-caps=-all "--bounding-set=-all,$1" \
		"$weir" daemon --state "$state" >>"$dir/log" 2>&1 3>&- &
	daemon=$!
	until_true said "looks after state"
}

@test "without early drop it needs CAP_NET_ADMIN alone, and namespaces of users" {
	network
	balance
	serve 2
	apply
	setpriv --bounding-set=-all --inh-caps=-all unshare -Un true 2>/dev/null || skip "namespaces of users are not permitted"
	confined +net_admin
	until_true backends_are "up down"
	until_true sh -c "! ip netns exec $space nft list chain ip weir nat-weir-balance-1 | grep -q 198.51.100.3"
	[ "$(answers 4)" = "2=4" ]
}

@test "the service manager is told that it is ready, alive and ending" {
	cat >"$policy" <<<'allow tcp to self port 22'
	apply
	python3 -c '
import socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(listener.recv(4096).decode(), flush=True)' "$dir/notify" >"$dir/notified" 3>&- &
	backend[notify]=$!
	until_true grep -q bound "$dir/notified"
	NOTIFY_SOCKET=$dir/notify WATCHDOG_USEC=200000 start_daemon
	until_true grep -q READY=1 "$dir/notified"
	until_true grep -q WATCHDOG=1 "$dir/notified"
	kill -HUP "$daemon"
	until_true grep -q RELOADING=1 "$dir/notified"
	stop_daemon
	until_true grep -q STOPPING=1 "$dir/notified"
}

@test "feeds of the policy are fetched when they are due, and applied" {
	printf '203.0.113.7\n' >"$dir/list"
	cat >"$policy" <<-END
		set banned { feed drop { url "file://$dir/list" } }
		block from @banned
	END
	apply
	start_daemon "$policy"
	until_true inside "$weir" set test banned 203.0.113.7 --state "$state"
	until_true sh -c "'$weir' daemon status --state '$state' | grep -q 'fetched .* ago, status 0'"
	inside "$weir" feed list "$policy" --state "$state" | grep -q 'due in 1[12] h'
	stop_daemon
}

@test "a policy that is not what is in force is not applied for its feeds" {
	printf '203.0.113.7\n' >"$dir/list"
	cat >"$policy" <<-END
		set banned { feed drop { url "file://$dir/list" } }
		block from @banned
	END
	apply
	echo 'default drop' >>"$policy"
	start_daemon "$policy"
	until_true said "its feeds are not applied"
	until_true said "ended with status 1"
	! inside nft list ruleset | grep -q 203.0.113.7
}

@test "conntrack that is fuller than the policy says is told once" {
	most=$(cat /proc/sys/net/netfilter/nf_conntrack_max 2>/dev/null) || skip "connections are not followed here"
	[ "$most" -le 400000 ] || skip "nf_conntrack_max is $most: too many to fill one percent of"
	printf 'conntrack { warn at 1%% }\ndefault drop\n' >"$policy"
	apply
	start_daemon
	inside python3 -c '
import socket, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(1, int(sys.argv[1])):
    sender.sendto(b"", ("127.0.0.1", port))' "$((most / 90))" || true
	until_true said "conntrack is 1% full"
	[ "$(inside "$weir" daemon status --state "$state" --json | jq .conntrack_above)" = true ]
	sleep 2.5
	[ "$(times_said "conntrack is")" -eq 1 ]
}

# --- Early drop

link() {
	ip -n "$space" link add out0 type veth peer name in0 2>/dev/null || skip "veth is not available"
	ip -n "$space" link set in0 up
	ip -n "$space" link set out0 up
}
dropping() { ip -n "$space" link show dev out0 | grep -q xdp; }
not_dropping() { ! dropping; }
blocking() {
	cat >"$policy" <<-'END'
		interface public { out0 }
		set banned { 203.0.113.0/24 }
		block from @banned
		allow tcp to self port 22
		default drop
	END
}
# Skips where XDP is not to be had.
need_xdp() {
	link
	apply
	dropping || skip "no early drop here: $(grep out0 "$dir/apply.log")"
	ip -n "$space" link del out0
}

@test "a device that comes later drops early, too" {
	blocking
	need_xdp
	start_daemon
	until_true said "out0: no early drop: there is no such device now"
	link
	until_true dropping
	until_true said "out0: early drop attached"
}

@test "the unit's capabilities do for taking early drop away" {
	blocking
	need_xdp
	link
	apply
	dropping
	confined "$(sed -n 's/^CapabilityBoundingSet=//p' "$BATS_TEST_DIRNAME/../../systemd/weir-daemon.service.in" |
		tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')"
	dropping
	inside nft flush ruleset
	until_true not_dropping
}

@test "nft flush ruleset takes early drop away at once; so does forwarding that was not there, soon" {
	blocking
	need_xdp
	link
	start_daemon
	until_true dropping
	inside nft flush ruleset
	until_true not_dropping
	sleep 0.3
	not_dropping
	apply
	until_true dropping
	sleep 0.3
	before=$(times_said "out0: early drop")
	inside sysctl -qw net.ipv4.ip_forward=1
	more_said() { [ "$(times_said "out0: early drop")" -gt "$before" ]; }
	until_true more_said
}

@test "nft flush ruleset takes early drop away where the state cannot be read, too" {
	blocking
	need_xdp
	link
	start_daemon
	until_true dropping
	for file in "$state"/states/*/manifest "$state"/states/*/early; do
		echo damaged >"$file"
	done
	kill -HUP "$daemon"
	until_true said "damaged"
	dropping
	inside nft flush ruleset
	until_true not_dropping
}

# A backend that is out is no reason to compute XDP anew; but not all that may stand in such a chain, or in one of a
# name like it, is about backends.
@test "what others write into chains of backends takes early drop away, where it is more than backends" {
	cat >"$dir/more.v4" <<-'END'
		*filter
		:INPUT ACCEPT [0:0]
		:nat-weir-balance-x - [0:0]
		-A INPUT -p udp -m udp --dport 7777 -j nat-weir-balance-x
		-A nat-weir-balance-x -j DROP
		COMMIT
	END
	cat >"$policy" <<-'END'
		interface public { out0 }
		rules "more.v4"
		balance tcp to 192.0.2.1 port 80 round-robin { 198.51.100.2 port 8080; 198.51.100.3 port 8080 }
		block udp port 7778
		default accept
	END
	need_xdp
	link
	start_daemon
	until_true dropping
	inside nft flush chain ip weir filter-nat-weir-balance-x
	until_true not_dropping
	apply
	until_true dropping
	inside nft insert rule ip weir nat-weir-balance-1 ip saddr set 192.0.2.9
	until_true not_dropping
}

@test "iptables -F takes away what weir attach attached" {
	command -v iptables-legacy >/dev/null || skip "iptables is not installed"
	link
	echo 'allow tcp to self port 22' >"$policy"
	inside iptables-legacy -A INPUT -s 203.0.113.0/24 -j DROP 2>/dev/null || skip "iptables-legacy does not work here"
	inside "$weir" attach out0 --live >"$dir/attach.log" 2>&1 || skip "XDP is not to be had here: $(cat "$dir/attach.log")"
	start_daemon
	sleep 1
	dropping
	inside iptables-legacy -F
	until_true not_dropping
	said "out0: detached, as what was attached no longer holds"
}
