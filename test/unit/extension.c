/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Matches and targets: what iptables-save prints for what was read (each expectation taken from
 * iptables-legacy-save 1.8.9 after iptables-legacy-restore), what is refused, and what a match says of one
 * packet. */
#include "rule_lines.h"

#include "extension/extension.h"
#include "ruleset/rule_parser.h"

#include <netinet/in.h>

static const char *const sets = "create a hash:ip family inet hashsize 1024 maxelem 65536\n"
				"add a 192.0.2.1\n"
				"add a 192.0.2.9\n"
				"create n hash:net family inet hashsize 1024 maxelem 65536\n"
				"add n 198.51.100.0/24\n"
				"add n 198.51.100.128/25 nomatch\n"
				"add n 198.51.100.200\n"
				"create p hash:ip,port family inet hashsize 1024 maxelem 65536\n"
				"add p 192.0.2.1,tcp:80\n"
				"add p 192.0.2.2,icmp:8/0\n"
				"add p 192.0.2.3,47:0\n"
				"create t hash:net family inet hashsize 1024 maxelem 65536 timeout 600\n"
				"add t 203.0.113.0/24 timeout 0\n"
				"add t 203.0.113.7 timeout 60 nomatch\n"
				"add t 203.0.113.8 timeout 60\n"
				"create c hash:ip family inet hashsize 1024 maxelem 65536 counters\n"
				"add c 192.0.2.1 packets 7 bytes 700\n"
				"create m hash:ip family inet hashsize 1024 maxelem 65536 netmask 24\n"
				"add m 192.0.2.0\n"
				"create o bitmap:port range 0-1023\n"
				"add o 80\n"
				"create i hash:net,iface\n"
				"add i 192.0.2.0/24,eth0\n"
				"add i 192.0.0.0/16,eth1\n"
				"add i 198.51.100.0/24,eth wildcard\n"
				"add i 198.51.100.1,eth0 nomatch\n"
				"create k hash:ip,mark markmask 0xff\n"
				"add k 192.0.2.1,0x17\n"
				"create x hash:ip,mac\n"
				"add x 192.0.2.1,02:00:00:00:00:01\n"
				"create y hash:mac\n"
				"add y 02:00:00:00:00:01\n"
				"create bm bitmap:ip,mac range 192.0.2.0/24\n"
				"add bm 192.0.2.1,02:00:00:00:00:01\n"
				"add bm 192.0.2.2\n"
				"create bi bitmap:ip range 0.0.0.0-0.0.0.255 netmask 28\n"
				"add bi 0.0.0.0\n"
				"create pp hash:ip,port,ip\n"
				"add pp 192.0.2.1,tcp:80,198.51.100.1\n"
				"create pn hash:ip,port,net\n"
				"add pn 192.0.2.1,tcp:80,198.51.100.0/24\n"
				"add pn 192.0.2.1,tcp:80,198.51.100.128/25 nomatch\n"
				"create nn hash:net,net\n"
				"add nn 192.0.2.0/24,198.51.100.0/24\n"
				"add nn 192.0.2.0/25,198.51.100.0/25 nomatch\n"
				"add nn 192.0.0.0/16,198.51.100.0/28\n"
				"create np hash:net,port\n"
				"add np 192.0.2.0/24,udp:53\n"
				"add np 192.0.2.1,udp:53 nomatch\n"
				"create npn hash:net,port,net\n"
				"add npn 192.0.2.0/24,udp:53,198.51.100.0/24\n"
				"create bits hash:ip bitmask 255.0.0.255\n"
				"add bits 192.0.2.7\n"
				"create nc hash:net counters\n"
				"add nc 192.0.2.0/24 nomatch\n"
				"add nc 192.0.0.0/16\n"
				"create l list:set\n"
				"add l a\nadd l n\nadd l np\n"
				"create lk list:set\n"
				"add lk k\nadd lk c\n"
				"create lm list:set counters timeout 60\n"
				"add lm bm\n"
				"create a6 hash:ip family inet6 hashsize 1024 maxelem 65536\n"
				"add a6 2001:db8::1\n";

static const struct rule_line lines[] = {
    {FAMILY_IPV4, "raw", "X", "-p tcp -m tcp", SAME},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m tcp --dport 80", SAME},
    {FAMILY_IPV4, "raw", "X", "-p tcp --dport 80", "-p tcp -m tcp --dport 80"},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m tcp --dport :90", "-p tcp -m tcp --dport 0:90"},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m tcp --dport 80:", "-p tcp -m tcp --dport 80:65535"},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m tcp --dport 0:65535", "-p tcp -m tcp"},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m tcp ! --dport 0:65535", "-p tcp -m tcp"},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m tcp ! --dport 80 --sport http",
     "-p tcp -m tcp --sport 80 ! --dport 80"},
    {FAMILY_IPV4, "raw", "X", "-p tcp --source-port 80:80", "-p tcp -m tcp --sport 80"},
    {FAMILY_IPV4, "raw", "X", "-p tcp --dport 0x50", "-p tcp -m tcp --dport 80"},
    {FAMILY_IPV4, "raw", "X", "-p tcp --dport shell", "-p tcp -m tcp --dport 514"},
    {FAMILY_IPV4, "raw", "X", "-p udp --dport ftp", "-p udp -m udp --dport 21"},
    {FAMILY_IPV4, "raw", "X", "-p udp --dport syslog", "-p udp -m udp --dport 514"},
    {FAMILY_IPV4, "raw", "X", "-p tcp --syn", "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN"},
    {FAMILY_IPV4, "raw", "X", "-p tcp ! --syn", "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN"},
    {FAMILY_IPV4, "raw", "X", "-p tcp --tcp-flags ALL NONE",
     "-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE"},
    {FAMILY_IPV4, "raw", "X", "-p tcp --tcp-flags NONE NONE", "-p tcp -m tcp"},
    {FAMILY_IPV4, "raw", "X", "-p tcp --tcp-flags NONE SYN", "-p tcp -m tcp"},
    {FAMILY_IPV4, "raw", "X", "-p tcp --tcp-flags syn,fin FIN", "-p tcp -m tcp --tcp-flags FIN,SYN FIN"},
    {FAMILY_IPV4, "raw", "X", "-p tcp ! --tcp-option 7 --syn",
     "-p tcp -m tcp ! --tcp-option 7 --tcp-flags FIN,SYN,RST,ACK SYN"},
    {FAMILY_IPV4, "raw", "X",
     "-p udp --dport 53 ! --sport 1024:", "-p udp -m udp ! --sport 1024:65535 --dport 53"},
    {FAMILY_IPV4, "raw", "X", "-p udp --dport 90:80", "-p udp -m udp --dport 90:80"},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type any", "-p icmp -m icmp --icmp-type any"},
    {FAMILY_IPV4, "raw", "X", "-p icmp -m icmp ! --icmp-type any", SAME},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type 255/3", "-p icmp -m icmp --icmp-type any"},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type 8/0", "-p icmp -m icmp --icmp-type 8/0"},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type PING", "-p icmp -m icmp --icmp-type 8"},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type fragmentation-needed", "-p icmp -m icmp --icmp-type 3/4"},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport --dports 80,443,1000:2000", SAME},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport ! --sports http,ssh",
     "-p tcp -m multiport ! --sports 80,22"},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport --dport 80,443", "-p tcp -m multiport --dports 80,443"},
    {FAMILY_IPV4, "raw", "X", "-p sctp -m multiport --ports 80", SAME},
    {FAMILY_IPV4, "raw", "X", "-p udplite -m multiport --ports 80", SAME},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14:16", SAME},
    {FAMILY_IPV4, "raw", "X", "-m state --state NEW,ESTABLISHED,RELATED,INVALID,UNTRACKED",
     "-m state --state INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED"},
    {FAMILY_IPV4, "raw", "X", "-m state ! --state est", "-m state ! --state ESTABLISHED"},
    {FAMILY_IPV4, "raw", "X", "-m conntrack ! --ctstate dnat,new", "-m conntrack ! --ctstate NEW,DNAT"},
    {FAMILY_IPV4, "raw", "X", "-m conntrack --ctstate UNTRACKED --ctorigdst 192.0.2.1", SAME},
    {FAMILY_IPV4, "raw", "X", "-m conntrack --ctproto tcp --ctorigdstport 80:90 --ctreplsrcport 7",
     "-m conntrack --ctproto 6 --ctorigdstport 80:90 --ctreplsrcport 7"},
    {FAMILY_IPV4, "raw", "X", "-m conntrack --ctstatus NONE,EXPECTED,ASSURED,SEEN_REPLY,CONFIRMED",
     "-m conntrack --ctstatus EXPECTED,SEEN_REPLY,ASSURED,CONFIRMED"},
    {FAMILY_IPV4, "raw", "X", "-m conntrack --ctstatus none", "-m conntrack --ctstatus NONE"},
    {FAMILY_IPV4, "raw", "X", "-m conntrack ! --ctexpire 5:", "-m conntrack ! --ctexpire 5:4294967295"},
    {FAMILY_IPV4, "raw", "X",
     "-m conntrack --ctdir reply --ctexpire 3 ! --ctrepldst 192.0.2.0/24 --ctorigsrc 192.0.2.1 --ctstate NEW",
     "-m conntrack --ctstate NEW --ctorigsrc 192.0.2.1 ! --ctrepldst 192.0.2.0/24 --ctexpire 3 --ctdir "
     "REPLY"},
    {FAMILY_IPV4, "raw", "X", "-m set ! --match-set a src", SAME},
    {FAMILY_IPV4, "raw", "X", "-m set --set p src,dst", "-m set --match-set p src,dst"},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a src,dst,src,dst,src,dst", SAME},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a src --update-counters", "-m set --match-set a src"},
    {FAMILY_IPV4, "raw", "X",
     "-m set --match-set a src --bytes-lt 3 ! --packets-eq 0x10 ! --update-counters "
     "! --update-subcounters --return-nomatch",
     "-m set --match-set a src --return-nomatch ! --update-counters ! --update-subcounters ! --packets-eq 16 "
     "--bytes-lt 3"},
    {FAMILY_IPV4, "raw", "X", "-m comment --comment foo", SAME},
    {FAMILY_IPV4, "raw", "X", "-m comment --comment \"a/b:c\"", SAME},
    {FAMILY_IPV4, "raw", "X", "-m comment --comment \"foo \\\"bar\\\" 'x' \\\\ y\"",
     "-m comment --comment \"foo \\\"bar\\\" \\'x\\' \\\\ y\""},
    {FAMILY_IPV4, "raw", "X", "-m comment --comment \"\"", SAME},
    {FAMILY_IPV4, "raw", "X", "-m comment --comment -x", SAME},
    {FAMILY_IPV4, "raw", "X", "-m limit --limit 3/min", SAME},
    {FAMILY_IPV4, "raw", "X", "-j NOTRACK", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --notrack", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone 5", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT", SAME},
    {FAMILY_IPV4, "filter", "X", "-j REJECT", "-j REJECT --reject-with icmp-port-unreachable"},
    {FAMILY_IPV4, "filter", "X", "-j REJECT --reject-with admin-prohib",
     "-j REJECT --reject-with icmp-admin-prohibited"},
    {FAMILY_IPV4, "filter", "X", "-p tcp -j REJECT --reject-with tcp-rst",
     "-p tcp -j REJECT --reject-with tcp-reset"},
    {FAMILY_IPV4, "filter", "X", "-j LOG", SAME},
    {FAMILY_IPV4, "filter", "X", "-j LOG --log-prefix \"foo: \" --log-level warning",
     "-j LOG --log-prefix \"foo: \""},
    {FAMILY_IPV4, "filter", "X", "-j LOG --log-prefix 0123456789012345678901234567890",
     "-j LOG --log-prefix 01234567890123456789012345678"},
    {FAMILY_IPV4, "filter", "X", "-j LOG --log-uid --log-tcp-sequence --log-level info --log-prefix a",
     "-j LOG --log-prefix a --log-level 6 --log-tcp-sequence --log-uid"},
    {FAMILY_IPV4, "filter", "X", "-j ACCEPT", SAME},
    {FAMILY_IPV4, "filter", "X", "-j RETURN", SAME},
    {FAMILY_IPV6, "filter", "X", "-p ipv6-icmp -m icmp6 ! --icmpv6-type 255", SAME},
    {FAMILY_IPV6, "filter", "X", "-p icmpv6 -m icmpv6 --icmpv6-type echo-request",
     "-p ipv6-icmp -m icmp6 --icmpv6-type 128"},
    {FAMILY_IPV6, "filter", "X", "-p ipv6-icmp --icmpv6-type port-unreachable",
     "-p ipv6-icmp -m icmp6 --icmpv6-type 1/4"},
    {FAMILY_IPV6, "filter", "X", "-m set --match-set a6 src", SAME},
    {FAMILY_IPV6, "filter", "X", "-m conntrack --ctorigsrc 2001:db8::/32", SAME},
    {FAMILY_IPV6, "filter", "X", "-j REJECT", "-j REJECT --reject-with icmp6-port-unreachable"},
    {FAMILY_IPV6, "filter", "X", "-j REJECT --reject-with no-route",
     "-j REJECT --reject-with icmp6-no-route"},
    {FAMILY_IPV4, "raw", "X", "-p tcp --dport 90:80", REFUSED("bad-port")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --dport 70000", REFUSED("bad-port")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --dport 080", REFUSED("bad-port")},
    {FAMILY_IPV4, "raw", "X", "-p udp --dport 0x10", REFUSED("bad-port")},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type 08", REFUSED("bad-icmp-type")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --dport nosuchservice", REFUSED("bad-port")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --dport 80 --dport 90", REFUSED("duplicate-option")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --dport", REFUSED("missing-argument")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --tcp-flags FOO SYN", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --tcp-flags SYN", REFUSED("missing-argument")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --syn --tcp-flags SYN SYN", REFUSED("duplicate-option")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --tcp-option 0", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-p tcp --tcp-option 256", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-p udp --syn", REFUSED("unknown-option")},
    {FAMILY_IPV4, "raw", "X", "-m tcp --dport 80", REFUSED("protocol-required")},
    {FAMILY_IPV4, "raw", "X", "! -p tcp -m tcp --dport 80", REFUSED("protocol-required")},
    {FAMILY_IPV4, "raw", "X", "-p udp --dport 53 --dport 54", REFUSED("duplicate-option")},
    {FAMILY_IPV4, "raw", "X", "-p udp --dport 1:2:3", REFUSED("bad-port")},
    {FAMILY_IPV4, "raw", "X", "-p icmp -m icmp", REFUSED("missing-option")},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type 256", REFUSED("bad-icmp-type")},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type 3/256", REFUSED("bad-icmp-type")},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type 3/", REFUSED("bad-icmp-type")},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type echo", REFUSED("bad-icmp-type")},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type foo", REFUSED("bad-icmp-type")},
    {FAMILY_IPV4, "raw", "X", "-p icmp --icmp-type 8 --icmp-type 3", REFUSED("duplicate-option")},
    {FAMILY_IPV4, "raw", "X", "-m icmp --icmp-type 8", REFUSED("protocol-required")},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport --dports 80:80", REFUSED("bad-port")},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport --dports :80", REFUSED("bad-port")},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport --dports 80,,81", REFUSED("bad-port")},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
     REFUSED("too-many-ports")},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16",
     REFUSED("too-many-ports")},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport --dports 80 --sports 90", REFUSED("conflicting-options")},
    {FAMILY_IPV4, "raw", "X", "-p tcp -m multiport", REFUSED("missing-option")},
    {FAMILY_IPV4, "raw", "X", "-p icmp -m multiport --dports 80", REFUSED("protocol-required")},
    {FAMILY_IPV4, "raw", "X", "-m multiport --dports 80", REFUSED("protocol-required")},
    {FAMILY_IPV4, "raw", "X", "-m state --state FOO", REFUSED("bad-state")},
    {FAMILY_IPV4, "raw", "X", "-m state --state NEW,", REFUSED("bad-state")},
    {FAMILY_IPV4, "raw", "X", "-m state --state SNAT", REFUSED("bad-state")},
    {FAMILY_IPV4, "raw", "X", "-m state", REFUSED("missing-option")},
    {FAMILY_IPV4, "raw", "X", "-m state --state NEW --state INVALID", REFUSED("duplicate-option")},
    {FAMILY_IPV4, "raw", "X", "-m conntrack", REFUSED("missing-option")},
    {FAMILY_IPV4, "raw", "X", "-m conntrack ! --ctdir ORIGINAL", REFUSED("bad-inversion")},
    {FAMILY_IPV4, "raw", "X", "-m conntrack --ctdir rep", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-m conntrack --ctproto 300", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-m conntrack --ctstatus foo", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-m conntrack --ctexpire x", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-m conntrack --ctorigsrc 2001:db8::1", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set nope src", REFUSED("set-not-given")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a6 src", REFUSED("wrong-family")},
    {FAMILY_IPV6, "raw", "X", "-m set --match-set a src", REFUSED("wrong-family")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a foo", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a src,", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a src,dst,src,dst,src,dst,src", REFUSED("bad-value")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a", REFUSED("missing-argument")},
    {FAMILY_IPV4, "raw", "X", "-m set", REFUSED("missing-option")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a src ! --return-nomatch", REFUSED("bad-inversion")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a src ! --packets-lt 5", REFUSED("bad-inversion")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a src --packets-lt 5 --packets-gt 6",
     REFUSED("duplicate-option")},
    {FAMILY_IPV4, "raw", "X", "-m set --match-set a src --match-set n src", REFUSED("duplicate-option")},
    {FAMILY_IPV4, "raw", "X", "-m comment", REFUSED("missing-option")},
    {FAMILY_IPV4, "raw", "X", "-m comment ! --comment x", REFUSED("bad-inversion")},
    {FAMILY_IPV4, "raw", "X", "-m comment --comment a --comment b", REFUSED("duplicate-option")},
    {FAMILY_IPV4, "filter", "X", "-j NOTRACK", REFUSED("wrong-table")},
    {FAMILY_IPV4, "filter", "X", "-j CT --notrack", REFUSED("wrong-table")},
    {FAMILY_IPV4, "filter", "X", "-j CT --zone 5", REFUSED("wrong-table")},
    {FAMILY_IPV4, "raw", "X", "-j CT --notrack --notrack", REFUSED("duplicate-option")},
    {FAMILY_IPV4, "raw", "X", "-j REJECT", REFUSED("wrong-table")},
    {FAMILY_IPV4, "filter", "X", "-j REJECT --reject-with foo", REFUSED("bad-value")},
    {FAMILY_IPV4, "filter", "X", "-j REJECT --reject-with tcp-reset", REFUSED("protocol-required")},
    {FAMILY_IPV4, "filter", "X", "! -p tcp -j REJECT --reject-with tcp-reset", REFUSED("protocol-required")},
    {FAMILY_IPV6, "filter", "X", "-j REJECT --reject-with icmp-port-unreachable", REFUSED("bad-value")},
    {FAMILY_IPV4, "filter", "X", "-j LOG --log-level 8", REFUSED("bad-value")},
    {FAMILY_IPV4, "filter", "X", "-j LOG --log-level warn", REFUSED("bad-value")},
    {FAMILY_IPV4, "filter", "X", "-j LOG --log-prefix \"\"", REFUSED("bad-value")},
    {FAMILY_IPV4, "filter", "X", "-j LOG ! --log-prefix a", REFUSED("bad-inversion")},
    {FAMILY_IPV4, "filter", "X", "-j LOG --log-uid --log-uid", REFUSED("duplicate-option")},
    {FAMILY_IPV6, "filter", "X", "-p ipv6-icmp --icmpv6-type any", REFUSED("bad-icmp-type")},
    {FAMILY_IPV6, "filter", "X", "-p ipv6-icmp --icmpv6-type neigh", REFUSED("bad-icmp-type")},
    {FAMILY_IPV6, "filter", "X", "-m icmp6 --icmpv6-type 8", REFUSED("protocol-required")},
};

static void reads_and_prints_as_iptables_does(void **state)
{
	(void)state;
	ASSERT_LINES(lines, sets);
}

/* --- One packet
 * -------------------------------------------------------------------------------------------------- */

struct packet_case {
	const char *rule, *packet;
	enum truth expected;
	bool hot_drop;
};

static const struct packet_case packet_cases[] = {
    /* Later fragments have no ports: no, negated or not. The one 8 bytes in could overwrite TCP flags. */
    {"-p tcp ! --dport 80", "proto=tcp sport=9 dport=81 flags=syn", TRUTH_YES, false},
    {"-p tcp ! --dport 80", "proto=tcp offset=2", TRUTH_NO, false},
    {"-p tcp ! --dport 80", "proto=tcp offset=1", TRUTH_NO, true},
    {"-p udp ! --dport 80", "proto=udp offset=1", TRUTH_NO, false},
    {"-p tcp --dport 80", "proto=tcp short", TRUTH_NO, true},
    {"-p udp --dport 80", "proto=udp short", TRUTH_NO, true},
    {"-p icmp --icmp-type any", "proto=icmp short", TRUTH_NO, true},
    {"-p icmp ! --icmp-type 8", "proto=icmp offset=5", TRUTH_NO, false},
    {"-p icmp --icmp-type any", "proto=icmp", TRUTH_YES, false},
    {"-p icmp ! --icmp-type any", "proto=icmp type=3 code=3", TRUTH_NO, false},
    {"-p icmp --icmp-type 3", "proto=icmp type=3 code=3", TRUTH_YES, false},
    {"-p icmp --icmp-type 3/4", "proto=icmp type=3 code=3", TRUTH_NO, false},
    {"-p icmp ! --icmp-type 3/4", "proto=icmp type=3 code=3", TRUTH_YES, false},
    {"-p tcp -m multiport ! --dports 80", "proto=tcp offset=2", TRUTH_NO, false},
    {"-p tcp -m multiport --dports 80", "proto=tcp short", TRUTH_NO, true},
    {"-p tcp -m multiport --dports 80", "proto=tcp short sport=9 dport=80", TRUTH_YES, false},
    {"-p tcp -m multiport --ports 80:90,9", "proto=tcp sport=85 dport=1", TRUTH_YES, false},
    {"-p tcp -m multiport ! --ports 80:90,9", "proto=tcp sport=8 dport=9", TRUTH_NO, false},
    /* Unknown only where the answer depends on it. */
    {"-p tcp --dport 80", "proto=tcp", TRUTH_UNKNOWN, false},
    {"-p tcp --dport 80 --syn", "proto=tcp dport=81", TRUTH_NO, false},
    {"-p tcp --dport 80 --syn", "proto=tcp dport=80", TRUTH_UNKNOWN, false},
    {"-p tcp -m multiport --ports 80", "proto=tcp dport=80", TRUTH_YES, false},
    {"-p tcp --tcp-option 2", "proto=tcp dport=80", TRUTH_UNKNOWN, false},
    {"-p tcp --dport 80 --tcp-option 2", "proto=tcp dport=81", TRUTH_NO, false},
    {"-p tcp ! --dport 0:65535", "proto=tcp", TRUTH_NO, false},
    {"-p udp ! --dport 90:80", "proto=udp dport=85", TRUTH_YES, false},
    {"-p udp --dport 90:80", "proto=udp dport=85", TRUTH_NO, false},
    {"-p tcp --tcp-flags SYN,ACK SYN", "proto=tcp flags=syn", TRUTH_YES, false},
    {"-p tcp --tcp-flags FIN SYN", "proto=tcp flags=syn", TRUTH_NO, false},
    {"-p tcp ! --tcp-flags FIN SYN", "proto=tcp", TRUTH_YES, false},
    /* Connection state; without a connection only --ctstate counts. */
    {"-m state --state NEW", "proto=udp state=NEW", TRUTH_YES, false},
    {"-m state ! --state NEW", "proto=udp state=INVALID", TRUTH_YES, false},
    {"-m state --state NEW", "proto=udp", TRUTH_UNKNOWN, false},
    {"-m state --state NEW", "proto=udp stateless", TRUTH_NO, false},
    {"-m state --state INVALID,UNTRACKED", "proto=udp stateless", TRUTH_YES, false},
    {"-m state --state INVALID", "proto=udp stateless", TRUTH_UNKNOWN, false},
    {"-m state --state NEW,ESTABLISHED,RELATED,INVALID,UNTRACKED", "proto=udp", TRUTH_YES, false},
    {"-m conntrack --ctstate UNTRACKED --ctorigdst 192.0.2.9", "state=UNTRACKED", TRUTH_YES, false},
    {"-m conntrack --ctstate NEW --ctorigdst 192.0.2.9", "state=NEW", TRUTH_UNKNOWN, false},
    {"-m conntrack --ctstate NEW --ctorigdst 192.0.2.9", "state=INVALID", TRUTH_NO, false},
    {"-m conntrack ! --ctorigdst 192.0.2.9", "state=UNTRACKED", TRUTH_NO, false},
    {"-m conntrack ! --ctorigdst 192.0.2.9", "state=NEW", TRUTH_UNKNOWN, false},
    {"-m conntrack --ctstate DNAT", "state=NEW", TRUTH_UNKNOWN, false},
    {"-m conntrack --ctstate DNAT", "state=INVALID", TRUTH_NO, false},
    {"-m conntrack ! --ctstate DNAT", "state=INVALID", TRUTH_YES, false},
    {"-m conntrack --ctstate NEW,DNAT", "state=NEW", TRUTH_YES, false},
    /* Sets. */
    {"-m set --match-set a src", "src=192.0.2.1", TRUTH_YES, false},
    {"-m set --match-set a src", "src=192.0.2.2", TRUTH_NO, false},
    {"-m set --match-set a dst", "src=192.0.2.1 dst=192.0.2.9", TRUTH_YES, false},
    {"-m set ! --match-set a src", "dst=192.0.2.2", TRUTH_UNKNOWN, false},
    {"-m set --match-set a src,dst", "src=192.0.2.1", TRUTH_YES, false},
    {"-m set --match-set n src", "src=198.51.100.1", TRUTH_YES, false},
    {"-m set --match-set n src", "src=198.51.100.129", TRUTH_NO, false},
    {"-m set --match-set n src", "src=198.51.100.200", TRUTH_YES, false},
    {"-m set --match-set n src --return-nomatch", "src=198.51.100.129", TRUTH_YES, false},
    {"-m set --match-set n src --return-nomatch", "src=198.51.100.1", TRUTH_NO, false},
    {"-m set --match-set n src --return-nomatch", "src=192.0.2.1", TRUTH_NO, false},
    {"-m set --match-set a src --return-nomatch", "src=192.0.2.1", TRUTH_YES, false},
    {"-m set --match-set p src,dst", "src=192.0.2.1 proto=tcp dport=80", TRUTH_YES, false},
    {"-m set --match-set p src,dst", "src=192.0.2.1 proto=udp dport=80", TRUTH_NO, false},
    {"-m set --match-set p src,src", "src=192.0.2.1 proto=tcp sport=80 dport=1", TRUTH_YES, false},
    {"-m set --match-set p src,dst", "src=192.0.2.1 proto=tcp offset=9", TRUTH_NO, false},
    {"-m set ! --match-set p src,dst", "src=192.0.2.1 proto=tcp offset=9", TRUTH_YES, false},
    {"-m set ! --match-set p src,dst", "src=192.0.2.1 proto=tcp short dport=80", TRUTH_YES, false},
    {"-m set --match-set p src,dst", "src=192.0.2.2 proto=icmp type=8 code=0", TRUTH_YES, false},
    {"-m set --match-set p src,dst", "src=192.0.2.3 proto=gre", TRUTH_YES, false},
    /* later fragments of what has no ports: they match, as the kernel does */
    {"-m set --match-set p src,dst", "src=192.0.2.3 proto=gre offset=9", TRUTH_YES, false},
    {"-m set ! --match-set p src,dst", "src=192.0.2.3 proto=gre offset=9", TRUTH_NO, false},
    {"-m set --match-set p src,dst", "src=192.0.2.2 proto=icmp offset=9", TRUTH_NO, false},
    {"-m set --match-set p src", "src=192.0.2.1 proto=tcp dport=80", TRUTH_NO, false},
    {"-m set ! --match-set p src", "src=192.0.2.1 proto=tcp dport=80", TRUTH_YES, false},
    {"-m set --match-set t src", "src=203.0.113.6", TRUTH_YES, false},
    {"-m set --match-set t src", "src=203.0.113.7", TRUTH_UNKNOWN, false},
    {"-m set --match-set t src", "src=203.0.113.8", TRUTH_YES, false},
    {"-m set --match-set m src", "src=192.0.2.77", TRUTH_YES, false},
    {"-m set --match-set m src", "src=192.0.3.77", TRUTH_NO, false},
    {"-m set --match-set o dst", "proto=tcp dport=80", TRUTH_YES, false},
    {"-m set --match-set o dst", "proto=sctp dport=80", TRUTH_NO, false},
    {"-m set --match-set o dst", "proto=udp dport=81", TRUTH_NO, false},
    {"-m set --match-set o src", "dport=80", TRUTH_UNKNOWN, false},
    /* A network that is there for another interface ends the search. */
    {"-m set --match-set i src,src", "src=192.0.2.1 in=eth0", TRUTH_YES, false},
    {"-m set --match-set i src,src", "src=192.0.2.1 in=eth1", TRUTH_NO, false},
    {"-m set --match-set i src,src", "src=192.0.3.1 in=eth1", TRUTH_YES, false},
    {"-m set --match-set i src,src", "src=198.51.100.2 in=eth7", TRUTH_YES, false},
    {"-m set --match-set i src,src", "src=198.51.100.1 in=eth0", TRUTH_NO, false},
    {"-m set --match-set i src,src --return-nomatch", "src=198.51.100.1 in=eth0", TRUTH_YES, false},
    {"-m set --match-set i src,src", "src=198.51.100.1 in=eth1", TRUTH_NO, false},
    {"-m set --match-set i src,dst", "src=192.0.2.1 in=eth0", TRUTH_NO, false},
    {"-m set --match-set i src,src", "src=192.0.2.1", TRUTH_UNKNOWN, false},
    {"-m set --match-set k src,src", "src=192.0.2.1 mark=0xf17", TRUTH_YES, false},
    {"-m set --match-set k src,src", "src=192.0.2.1 mark=0x18", TRUTH_NO, false},
    {"-m set --match-set x src,src", "src=192.0.2.1 mac=02:00:00:00:00:01", TRUTH_YES, false},
    {"-m set --match-set x src,src", "src=192.0.2.1 mac=02:00:00:00:00:02", TRUTH_NO, false},
    {"-m set --match-set x src,dst", "src=192.0.2.1 mac=02:00:00:00:00:01", TRUTH_UNKNOWN, false},
    {"-m set --match-set y src", "mac=02:00:00:00:00:01", TRUTH_YES, false},
    {"-m set --match-set y src", "src=192.0.2.1", TRUTH_UNKNOWN, false},
    {"-m set --match-set bm src,src", "src=192.0.2.1 mac=02:00:00:00:00:01", TRUTH_YES, false},
    {"-m set --match-set bm src,src", "src=192.0.2.1 mac=02:00:00:00:00:02", TRUTH_NO, false},
    {"-m set --match-set bm src,src", "src=192.0.2.2 mac=02:00:00:00:00:02", TRUTH_UNKNOWN, false},
    {"-m set --match-set bm src,src", "src=192.0.2.3 mac=02:00:00:00:00:02", TRUTH_NO, false},
    {"-m set --match-set bi src", "src=0.0.0.9", TRUTH_YES, false},
    {"-m set --match-set bi src", "src=0.0.0.16", TRUTH_NO, false},
    {"-m set --match-set pp src,dst,dst", "src=192.0.2.1 dst=198.51.100.1 proto=tcp dport=80", TRUTH_YES,
     false},
    {"-m set --match-set pp src,dst,dst", "src=192.0.2.1 dst=198.51.100.2 proto=tcp dport=80", TRUTH_NO,
     false},
    {"-m set --match-set pp dst,src,src", "dst=192.0.2.1 src=198.51.100.1 proto=tcp sport=80", TRUTH_YES,
     false},
    {"-m set --match-set pn src,dst,dst", "src=192.0.2.1 dst=198.51.100.1 proto=tcp dport=80", TRUTH_YES,
     false},
    {"-m set --match-set pn src,dst,dst", "src=192.0.2.1 dst=198.51.100.200 proto=tcp dport=80", TRUTH_NO,
     false},
    {"-m set --match-set pn src,dst", "src=192.0.2.1 dst=198.51.100.1 proto=tcp dport=80", TRUTH_NO, false},
    {"-m set --match-set nn src,dst", "src=192.0.2.1 dst=198.51.100.1", TRUTH_NO, false},
    {"-m set --match-set nn src,dst", "src=192.0.2.1 dst=198.51.100.200", TRUTH_YES, false},
    {"-m set --match-set nn src,dst", "src=192.0.2.200 dst=198.51.100.1", TRUTH_YES, false},
    {"-m set --match-set nn src,dst", "src=192.0.3.1 dst=198.51.100.1", TRUTH_YES, false},
    {"-m set --match-set nn src,dst", "src=192.0.3.1 dst=198.51.100.17", TRUTH_NO, false},
    {"-m set --match-set np src,dst", "src=192.0.2.1 proto=udp dport=53", TRUTH_NO, false},
    {"-m set --match-set np src,dst", "src=192.0.2.2 proto=udp dport=53", TRUTH_YES, false},
    {"-m set --match-set npn src,dst,dst", "src=192.0.2.2 dst=198.51.100.1 proto=udp dport=53", TRUTH_YES,
     false},
    {"-m set --match-set npn src,dst,dst", "src=192.0.2.2 dst=198.51.101.1 proto=udp dport=53", TRUTH_NO,
     false},
    {"-m set --match-set bits src", "src=192.51.100.7", TRUTH_YES, false},
    {"-m set --match-set bits src", "src=192.51.100.8", TRUTH_NO, false},
    {"-m set --match-set l src", "src=192.0.2.1", TRUTH_YES, false},
    {"-m set --match-set l src", "src=192.0.2.2 proto=udp dport=53", TRUTH_NO, false},
    {"-m set --match-set l src,dst", "src=192.0.2.2 proto=udp dport=53", TRUTH_YES, false},
    {"-m set --match-set l src", "src=198.51.100.129", TRUTH_NO, false},
    {"-m set --match-set l src --return-nomatch", "src=198.51.100.129", TRUTH_YES, false},
    {"-m set ! --match-set l src", "dst=192.0.2.1", TRUTH_UNKNOWN, false},
    {"-m set --match-set nc src", "src=192.0.2.1", TRUTH_NO, false},
    {"-m set --match-set nc src --packets-gt 3", "src=192.0.2.1", TRUTH_UNKNOWN, false},
    {"-m set --match-set nc src --packets-gt 3", "src=192.1.2.1", TRUTH_NO, false},
    {"-m set --match-set a src --packets-gt 3", "src=192.0.2.1", TRUTH_YES, false},
    {"-m set --match-set c src --packets-gt 3", "src=192.0.2.1", TRUTH_UNKNOWN, false},
    {"-m set --match-set c src --packets-gt 3", "src=192.0.2.2", TRUTH_NO, false},
    {"-m set ! --match-set c src --packets-gt 3", "src=192.0.2.2", TRUTH_YES, false},
    {"-m comment --comment x", "", TRUTH_YES, false},
    {"-m limit --limit 3/min", "src=192.0.2.1", TRUTH_UNKNOWN, false},
};

static void judges_one_packet(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(packet_cases) / sizeof(*packet_cases); i++) {
		const struct packet_case *each = &packet_cases[i];
		struct loaded loaded = load_rules(FAMILY_IPV4, "filter", sets, each->rule);
		struct packet packet;
		struct evaluation evaluation;
		packet_from_text(each->packet, &packet, &evaluation);
		assert_int_equal(loaded.rule->match_count, 1);
		const struct match *match = &loaded.rule->matches[0];
		enum truth truth = match->type->evaluate(match, loaded.rule, &packet, &evaluation);
		if (truth != each->expected || evaluation.hot_drop != each->hot_drop) {
			print_error("%s on %s: got %d, hot drop %d\n", each->rule, each->packet, truth,
				    evaluation.hot_drop);
			fail();
		}
		loaded_free(&loaded);
	}
}

/* --- What others could notice
 * ------------------------------------------------------------------------------------ */

static const struct {
	const char *rule;
	unsigned effects;
	bool reads_state;
} effect_cases[] = {
    {"-p tcp --dport 80", 0, false},
    {"-m state --state NEW", 0, true},
    {"-m conntrack --ctstate NEW", 0, true},
    {"-m set --match-set a src", 0, false},
    {"-m set --match-set c src", EFFECT_COUNTER, false},
    {"-m set --match-set c src ! --update-counters", 0, false},
    {"-m set --match-set o dst", 0, false},
    {"-m set --match-set bm src,src", EFFECT_STATE, false},
    {"-m set --match-set bm src", 0, false},
    {"-m set --match-set k src,src", 0, true},
    {"-m set --match-set l src", 0, false},
    {"-m set --match-set lk src", EFFECT_COUNTER, false},
    {"-m set --match-set lk src,src", EFFECT_COUNTER, true},
    {"-m set --match-set lk src ! --update-counters", 0, false},
    {"-m set --match-set lk src ! --update-subcounters", 0, false},
    {"-m set --match-set lm src,src ! --update-subcounters", EFFECT_COUNTER | EFFECT_STATE, false},
    {"-m limit --limit 3/min", EFFECT_STATE, false},
    {"-m recent --update --seconds 5 --name x", EFFECT_STATE, false},
    {"-m connlimit --connlimit-above 5", EFFECT_STATE, true},
    {"-m statistic --mode nth --every 2 --packet 0", EFFECT_STATE, false},
    {"-m statistic --mode random --probability 0.5", 0, false},
    {"-m nfacct --nfacct-name x", EFFECT_COUNTER, false},
    {"-p tcp -m osf --genre Linux --log 0", EFFECT_LOG, false},
    {"-m mac --mac-source 02:00:00:00:00:01", 0, false},
    {"-m mark --mark 0x1", 0, true},
    {"-m connmark --mark 0x1", 0, true},
    {"-m helper --helper ftp", 0, true},
    {"-m bpf --object-pinned /sys/fs/bpf/x", EFFECT_UNKNOWN, true},
};

static void says_what_evaluating_does_to_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(effect_cases) / sizeof(*effect_cases); i++) {
		struct loaded loaded = load_rules(FAMILY_IPV4, "filter", sets, effect_cases[i].rule);
		const struct match *match = &loaded.rule->matches[0];
		unsigned effects = match->type->effects ? match->type->effects(match) : 0;
		if (effects != effect_cases[i].effects ||
		    match_reads_state(match) != effect_cases[i].reads_state) {
			print_error("%s: effects %u, reads state %d\n", effect_cases[i].rule, effects,
				    match_reads_state(match));
			fail();
		}
		loaded_free(&loaded);
	}
}

static void knows_targets_by_kind(void **state)
{
	(void)state;
	static const struct {
		const char *table, *rule;
		enum target_kind kind;
		unsigned effects;
	} cases[] = {
	    {"raw", "-j ACCEPT", TARGET_ACCEPT, 0},
	    {"raw", "-j DROP", TARGET_DROP, 0},
	    {"raw", "-j RETURN", TARGET_RETURN, 0},
	    {"raw", "-j NOTRACK", TARGET_NOTRACK, 0},
	    {"raw", "-j CT --notrack", TARGET_NOTRACK, 0},
	    {"raw", "-j CT --zone 5", TARGET_REWRITE, 0},
	    {"raw", "-j CT --notrack --zone 5", TARGET_NOTRACK, 0},
	    {"filter", "-j REJECT", TARGET_REJECT, EFFECT_REJECT},
	    {"filter", "-j LOG", TARGET_CONTINUE, EFFECT_LOG},
	    {"filter", "-p tcp", TARGET_CONTINUE, 0},
	    {"mangle", "-j MARK --set-xmark 0x1/0xffffffff", TARGET_CHANGE, 0},
	    {"mangle", "-j IPMARK --addr src", TARGET_OPAQUE, EFFECT_UNKNOWN},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loaded loaded = load_rules(FAMILY_IPV4, cases[i].table, sets, cases[i].rule);
		assert_int_equal(loaded.rule->target.type->kind, cases[i].kind);
		assert_int_equal(loaded.rule->target.type->effects, cases[i].effects);
		loaded_free(&loaded);
	}
}

static void tells_single_ports(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		bool single, source;
		uint16_t port;
	} cases[] = {
	    {"-p tcp --dport 80", true, false, 80},
	    {"-p udp --sport 53", true, true, 53},
	    {"-p tcp ! --dport 80", false, false, 0},
	    {"-p tcp --dport 80:81", false, false, 0},
	    {"-p tcp --dport 80 --syn", false, false, 0},
	    {"-p tcp --dport 80 --sport 81", false, false, 0},
	    {"-p tcp -m tcp", false, false, 0},
	    {"-p tcp -m multiport --dports 80", false, false, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loaded loaded = load_rules(FAMILY_IPV4, "filter", sets, cases[i].rule);
		bool source = false;
		uint16_t port = 0;
		assert_int_equal(match_single_port(&loaded.rule->matches[0], &source, &port),
				 cases[i].single);
		if (cases[i].single) {
			assert_int_equal(source, cases[i].source);
			assert_int_equal(port, cases[i].port);
		}
		loaded_free(&loaded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_prints_as_iptables_does),
	    cmocka_unit_test(judges_one_packet),
	    cmocka_unit_test(says_what_evaluating_does_to_others),
	    cmocka_unit_test(knows_targets_by_kind),
	    cmocka_unit_test(tells_single_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
