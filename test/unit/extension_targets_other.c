/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Targets other than verdicts and NAT: what iptables-save prints for what was read, what is refused, both
 * taken from iptables-legacy 1.8.9 (of LED, CLUSTERIP, ULOG and SECMARK without a kernel that takes them:
 * from iptables-restore --test and from what their libraries print), and what the layers above are told. */
#include "rule_lines.h"

#include "extension/extension.h"
#include "extension/session.h"
#include "ruleset/rule_parser.h"

static const char *const sets = "create a hash:ip family inet hashsize 1024 maxelem 65536\n"
				"add a 192.0.2.1\n"
				"create p hash:ip,port family inet hashsize 1024 maxelem 65536\n"
				"create s hash:ip family inet hashsize 1024 maxelem 65536 skbinfo\n"
				"create l list:set size 8\n"
				"create a6 hash:ip family inet6 hashsize 1024 maxelem 65536\n";

static const struct rule_line lines[] = {
    {FAMILY_IPV4, "raw", "X", "-j CT", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --notrack", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --notrack --zone 5", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone 5", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --cte new --zone-o 5", "-j CT --ctevents new --zone-orig 5"},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-pre x", "-j NFLOG --nflog-prefix x"},
    {FAMILY_IPV4, "filter", "X", "-j SET --add a src --time 5", "-j SET --add-set a src --timeout 5"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone 0", "-j CT"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone 65535", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone 0x10", "-j CT --zone 16"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone 010", "-j CT --zone 8"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone mark", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone MARK", "-j CT --zone mark"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone-orig 5", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone-reply 5", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone-orig mark", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone-orig 0", "-j CT"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone-orig 1 --zone-reply 2", "-j CT --zone 2"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone-reply 1 --zone-orig 2", "-j CT --zone 2"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone mark --zone-reply 5", "-j CT --zone-reply mark"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone-reply 5 --zone mark", "-j CT --zone-reply mark"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone 5 --zone-orig 6", "-j CT --zone-orig 6"},
    {FAMILY_IPV4, "raw", "X", "-j CT --ctevents new", SAME},
    {FAMILY_IPV4, "raw", "X",
     "-j CT --ctevents new,related,destroy,reply,assured,protoinfo,helper,mark,natseqinfo,secmark", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --ctevents secmark,new,new", "-j CT --ctevents new,secmark"},
    {FAMILY_IPV4, "raw", "X", "-j CT --expevents new", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --expevents new --ctevents new --zone 7",
     "-j CT --ctevents new --expevents new --zone 7"},
    {FAMILY_IPV4, "raw", "X", "-p tcp -j CT --helper ftp", SAME},
    {FAMILY_IPV4, "raw", "X", "-p tcp -j CT --helper ftp --zone 3 --ctevents new",
     "-p tcp -j CT --helper ftp --ctevents new --zone 3"},
    {FAMILY_IPV4, "raw", "X", "-j CT --notrack --helper ftp", SAME},
    {FAMILY_IPV4, "raw", "X", "-j CT --notrack --helper abcdefghijklmnopqrstuvwxyz",
     "-j CT --notrack --helper abcdefghijklmno"},
    {FAMILY_IPV4, "raw", "X", "-j CT --notrack --helper \"a b\" --timeout \"c d\"",
     "-j CT --notrack --helper a b --timeout c d"},
    {FAMILY_IPV4, "raw", "X", "-j CT --helper \"\"", "-j CT"},
    {FAMILY_IPV6, "raw", "X", "-j CT --zone 5", SAME},
    {FAMILY_IPV6, "raw", "X", "-p tcp -j CT --helper ftp", SAME},
    {FAMILY_IPV4, "raw", "X", "-j NOTRACK", SAME},
    {FAMILY_IPV4, "mangle", "X", "-j NFLOG", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-group 1", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-group 0", "-j NFLOG"},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-group 65535 --nflog-size 0", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-range 1", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-range 0", "-j NFLOG"},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-size 4294967295", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-size 4294967295 --nflog-threshold 1", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-threshold 65535 --nflog-prefix foo --nflog-group 0x10",
     "-j NFLOG --nflog-prefix foo --nflog-group 16 --nflog-threshold 65535"},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-threshold 0", "-j NFLOG"},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-prefix \"foo bar: \\\"x\\\" 'y' \\\\\"",
     "-j NFLOG --nflog-prefix \"foo bar: \\\"x\\\" \\'y\\' \\\\\""},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-prefix -x", SAME},
    {FAMILY_IPV4, "filter", "X",
     "-j NFLOG --nflog-prefix abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
     "-j NFLOG --nflog-prefix abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-group 010", "-j NFLOG --nflog-group 8"},
    {FAMILY_IPV6, "filter", "X", "-j NFLOG", SAME},
    {FAMILY_IPV4, "nat", "X", "-j NFQUEUE", "-j NFQUEUE --queue-num 0"},
    {FAMILY_IPV4, "mangle", "X", "-j NFQUEUE", "-j NFQUEUE --queue-num 0"},
    {FAMILY_IPV4, "raw", "X", "-j NFQUEUE --queue-num 0", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-num 65535", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 0:65534", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 1:65535", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 5:", "-j NFQUEUE --queue-balance 5:65535"},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance :5", "-j NFQUEUE --queue-balance 0:5"},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-bypass", "-j NFQUEUE --queue-num 0 --queue-bypass"},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-num 10 --queue-bypass", SAME},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 0:6 --queue-cpu-fanout --queue-bypass",
     "-j NFQUEUE --queue-balance 0:6 --queue-bypass --queue-cpu-fanout"},
    {FAMILY_IPV6, "filter", "X", "-j NFQUEUE --queue-balance 1:3", SAME},
    {FAMILY_IPV4, "nat", "X", "-j TEE --gateway 192.0.2.1", SAME},
    {FAMILY_IPV4, "raw", "X", "-j TEE --gateway 192.0.2.1", SAME},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gateway 198.51.100.1", SAME},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gateway 198.51.100.1 --oif lo", SAME},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gateway 198.51.100.1 --oif \"\"", "-j TEE --gateway 198.51.100.1"},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gateway 198.51.100.1 --oif abcdefghijklmnopqrst",
     "-j TEE --gateway 198.51.100.1 --oif abcdefghijklmno"},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gateway 198.51.100.1 --oif \"a b\"",
     "-j TEE --gateway 198.51.100.1 --oif a b"},
    {FAMILY_IPV6, "mangle", "X", "-j TEE --gateway 2001:db8::1", SAME},
    {FAMILY_IPV6, "mangle", "X", "-j TEE --gateway 2001:db8:0:0::0001 --oif lo",
     "-j TEE --gateway 2001:db8::1 --oif lo"},
    {FAMILY_IPV4, "filter", "X", "-j SET ! --add-set a src", "-j SET --add-set a src"},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a srcfoo,dstx", "-j SET --add-set a src,dst"},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src --exist --exist --timeout 5 --timeout 6",
     "-j SET --add-set a src --exist --timeout 6"},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src ! --exist", "-j SET --add-set a src --exist"},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src ! --timeout 6",
     "-j SET --add-set a src --timeout 6"},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src --timeout 4294967294", SAME},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src --timeout 010",
     "-j SET --add-set a src --timeout 8"},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src --del-set p src,dst", SAME},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src,dst,src,dst,src,dst", SAME},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set p src", SAME},
    {FAMILY_IPV4, "mangle", "X", "-j SET --map-set s src --map-mark", SAME},
    {FAMILY_IPV4, "mangle", "X", "-j SET --map-set s src --map-mark --map-prio --map-queue", SAME},
    {FAMILY_IPV4, "mangle", "X", "-j SET --map-set a src --map-mark", SAME},
    {FAMILY_IPV4, "mangle", "X", "-j SET --map-set s src --map-mark --map-mark --add-set a dst",
     "-j SET --add-set a dst --map-set s src --map-mark"},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set l src", SAME},
    {FAMILY_IPV6, "filter", "X", "-j SET --add-set a6 src", SAME},
    {FAMILY_IPV4, "filter", "X", "-j AUDIT --type ACCEPT", "-j AUDIT --type accept"},
    {FAMILY_IPV4, "filter", "X", "-j AUDIT --type drop", SAME},
    {FAMILY_IPV4, "filter", "X", "-j AUDIT --type reject", SAME},
    {FAMILY_IPV4, "nat", "X", "-j AUDIT --type drop", SAME},
    {FAMILY_IPV6, "filter", "X", "-j AUDIT --type drop", SAME},
    {FAMILY_IPV4, "raw", "X", "-j TRACE", SAME},
    {FAMILY_IPV4, "filter", "X", "-p tcp -j SYNPROXY", SAME},
    {FAMILY_IPV4, "filter", "X", "-p tcp -j SYNPROXY --sack-perm --timestamp --wscale 9 --mss 1460 --ecn",
     SAME},
    {FAMILY_IPV4, "filter", "X", "-p tcp -j SYNPROXY --ecn --mss 0", "-p tcp -j SYNPROXY --mss 0 --ecn"},
    {FAMILY_IPV4, "filter", "X", "-p tcp -j SYNPROXY --wscale 300 --mss 70000",
     "-p tcp -j SYNPROXY --wscale 44 --mss 4464"},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j SYNPROXY", SAME},
    {FAMILY_IPV6, "filter", "X", "-p tcp -j SYNPROXY --mss 5", SAME},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 42 --label foo", SAME},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 2147482 --label foo5", SAME},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 5 --label \"a b\"",
     "-j IDLETIMER --timeout 5 --label a b"},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 5 --label abcdefghijklmnopqrstuvwxyzabcdefghijklmn",
     "-j IDLETIMER --timeout 5 --label abcdefghijklmnopqrstuvwxyza"},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 010 --label r",
     "-j IDLETIMER --timeout 8 --label r"},
    {FAMILY_IPV4, "filter", "X",
     "-j RATEEST --rateest-name r --rateest-interval 250ms --rateest-ewmalog 500ms",
     "-j RATEEST --rateest-name r --rateest-interval 250.0ms --rateest-ewmalog 500.0ms"},
    {FAMILY_IPV4, "filter", "X",
     "-j RATEEST --rateest-name RE1 --rateest-interval 250.0ms --rateest-ewmalog 500.0ms", SAME},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name R2 --rateest-interval 1s --rateest-ewmalog 2s",
     "-j RATEEST --rateest-name R2 --rateest-interval 1.0s --rateest-ewmalog 2.0s"},
    {FAMILY_IPV4, "filter", "X",
     "-j RATEEST --rateest-name abcdefghijklmnopqrstuvwxyz --rateest-interval 1s --rateest-ewmalog 8s",
     "-j RATEEST --rateest-name abcdefghijklmno --rateest-interval 1.0s --rateest-ewmalog 8.0s"},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name \"\" --rateest-interval 1s --rateest-ewmalog 8s",
     "-j RATEEST --rateest-name  --rateest-interval 1.0s --rateest-ewmalog 8.0s"},
    {FAMILY_IPV4, "filter", "X",
     "-j RATEEST --rateest-name \"a b\" --rateest-interval 1s --rateest-ewmalog 8s",
     "-j RATEEST --rateest-name a b --rateest-interval 1.0s --rateest-ewmalog 8.0s"},
    {FAMILY_IPV4, "filter", "X",
     "-j RATEEST --rateest-name RL --rateest-interval 250ms --rateest-ewmalog 20000s",
     "-j RATEEST --rateest-name RL --rateest-interval 250.0ms --rateest-ewmalog 2048.0s"},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RO --rateest-interval 1s --rateest-ewmalog 1.5s",
     "-j RATEEST --rateest-name RO --rateest-interval 1.0s --rateest-ewmalog 2.0s"},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RQ --rateest-interval 1s --rateest-ewmalog 4s",
     "-j RATEEST --rateest-name RQ --rateest-interval 1.0s --rateest-ewmalog 4.0s"},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j TPROXY --on-port 12345 --on-ip 192.0.2.1 --tproxy-mark 0x23/0xff",
     SAME},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j TPROXY --on-port 12345 --tproxy-mark 0x23",
     "-p tcp -j TPROXY --on-port 12345 --on-ip 0.0.0.0 --tproxy-mark 0x23/0xffffffff"},
    {FAMILY_IPV4, "mangle", "X", "-p udp -j TPROXY --on-port http --tproxy-mark 1/2",
     "-p udp -j TPROXY --on-port 80 --on-ip 0.0.0.0 --tproxy-mark 0x1/0x2"},
    {FAMILY_IPV4, "mangle", "X", "-p udp -j TPROXY --on-port 0",
     "-p udp -j TPROXY --on-port 0 --on-ip 0.0.0.0 --tproxy-mark 0x0/0x0"},
    {FAMILY_IPV6, "mangle", "X", "-p tcp -j TPROXY --on-port 5 --on-ip 2001:db8::1",
     "-p tcp -j TPROXY --on-port 5 --on-ip 2001:db8::1 --tproxy-mark 0x0/0x0"},
    {FAMILY_IPV6, "mangle", "X", "-p udp -j TPROXY --on-port 5",
     "-p udp -j TPROXY --on-port 5 --on-ip :: --tproxy-mark 0x0/0x0"},
    {FAMILY_IPV6, "mangle", "X", "-j SNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::/48", SAME},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::/48", SAME},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8::/64 --dst-pfx 2001:db8:1::/48", SAME},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx ::/0 --dst-pfx 2001:db8:1::/48",
     "-j DNPT --dst-pfx 2001:db8:1::/48"},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8::/ffff:ffff:: --dst-pfx 2001:db8:1::/48",
     "-j DNPT --src-pfx 2001:db8::/32 --dst-pfx 2001:db8:1::/48"},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --dst-pfx 2001:db8:1::/48 --src-pfx 2001:db8::/32",
     "-j DNPT --src-pfx 2001:db8::/32 --dst-pfx 2001:db8:1::/48"},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id x", "-j LED --led-trigger-id \"x\""},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id \"a b\\\"c\\\\\"", SAME},
    {FAMILY_IPV4, "filter", "X",
     "-j LED --led-trigger-id 1234567890123456 --led-delay 500 --led-always-blink",
     "-j LED --led-trigger-id \"1234567890123456\" --led-delay 500 --led-always-blink"},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id \"\"", SAME},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id x --led-delay inf",
     "-j LED --led-trigger-id \"x\" --led-delay -1"},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id x --led-delay INFinite",
     "-j LED --led-trigger-id \"x\" --led-delay -1"},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id x --led-delay 4294967295",
     "-j LED --led-trigger-id \"x\" --led-delay -1"},
    {FAMILY_IPV4, "filter", "X", "-j ULOG", SAME},
    {FAMILY_IPV4, "filter", "X",
     "-j ULOG --ulog-prefix \"a b\" --ulog-nlgroup 32 --ulog-cprange 1 --ulog-qthreshold 50", SAME},
    {FAMILY_IPV4, "filter", "X",
     "-j ULOG --ulog-prefix abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz --ulog-nlgroup 1 "
     "--ulog-cprange 0 --ulog-qthreshold 1",
     "-j ULOG --ulog-prefix abcdefghijklmnopqrstuvwxyzabcde"},
    {FAMILY_IPV4, "filter", "X", "-j CLUSTERIP", SAME},
    {FAMILY_IPV4, "filter", "X",
     "-j CLUSTERIP --new --hashmode sourceip --clustermac 01:AA:7b:47:f7:d7 --total-nodes 2 --local-node 1",
     "-j CLUSTERIP --new --hashmode sourceip --clustermac 01:AA:7B:47:F7:D7 --total-nodes 2 --local-node 1 "
     "--hash-init 0"},
    {FAMILY_IPV4, "filter", "X",
     "-j CLUSTERIP --new --hashmode sourceip-sourceport --clustermac 01:AA:7b:47:f7:d7 --total-nodes 2 "
     "--local-node 1 --hash-init 1",
     "-j CLUSTERIP --new --hashmode sourceip-sourceport --clustermac 01:AA:7B:47:F7:D7 --total-nodes 2 "
     "--local-node 1 --hash-init 1"},
    {FAMILY_IPV4, "filter", "X",
     "-j CLUSTERIP --new --hashmode sourceip-sourceport-destport --clustermac 01:AA:7b:47:f7:d7 "
     "--total-nodes 16 --local-node 16 --hash-init 4294967295",
     "-j CLUSTERIP --new --hashmode sourceip-sourceport-destport --clustermac 01:AA:7B:47:F7:D7 "
     "--total-nodes 16 --local-node 16 --hash-init 4294967295"},
    {FAMILY_IPV4, "raw", "X", "-j CT --zo 5", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-b 1:2", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-bal 5:1", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gate 0.0.0.0", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --time 5 --lab power", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --del a src", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src --ex", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone 65536", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone -1", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone foo", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone \"\"", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone 5 --zone 6", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --ctevents NEW", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --ctevents new,", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --ctevents \"\"", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --ctevents foo", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --expevents reply", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --helper ftp", NULL},
    {FAMILY_IPV4, "raw", "X", "! -p udp -j CT --helper ftp", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --timeout foo", NULL},
    {FAMILY_IPV4, "raw", "X", "! -j CT", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT ! --notrack", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT ! --zone 5", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone ! 5", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --notrack --notrack", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CT --zone", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j CT --zone 5", NULL},
    {FAMILY_IPV4, "filter", "X", "-j CT --notrack", NULL},
    {FAMILY_IPV6, "raw", "X", "-j CT --helper ftp", NULL},
    {FAMILY_IPV4, "raw", "X", "-j NOTRACK --zone 5", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NOTRACK", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-group 65536", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-range 1 --nflog-size 1", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-size 4294967296", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-prefix \"\"", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG ! --nflog-prefix a", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-prefix a --nflog-prefix b", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-group -1", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFLOG --nflog-group 08", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-num 65536", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-num -1", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 0:65535", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 0:65536", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 5:5", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 6:5", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 5", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance :", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance 5:6:7", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-balance -1:65535", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-num 5 --queue-balance 1:2", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-num 10 --queue-cpu-fanout", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-cpu-fanout", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE ! --queue-bypass", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-bypass --queue-bypass", NULL},
    {FAMILY_IPV4, "filter", "X", "-j NFQUEUE --queue-num 10 --queue-num 11", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TEE", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TEE ! --gateway 198.51.100.1", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gateway 0.0.0.0", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gateway 198.51.100.1/32", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --oif lo", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gateway 198.51.100.1 --gateway 198.51.100.2", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TEE --gateway 2001:db8::1", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j TEE --gateway ::", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j TEE --gateway 198.51.100.1", NULL},
    {FAMILY_IPV4, "filter", "X", "! -j SET --add-set a src", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set ! a src", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a ! src", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src --timeout ! 6", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src --timeout 4294967295", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src --add-set p src,dst", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src,dst,src,dst,src,dst,src", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a6 src", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --del-set a src --exist", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --del-set a src --timeout 5", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --map-set s src --map-mark", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j SET --map-set s src", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j SET --map-mark", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j SET --add-set a src --map-mark", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set nope src", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a ,src", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SET --add-set a src,", NULL},
    {FAMILY_IPV6, "filter", "X", "-j SET --add-set a src", NULL},
    {FAMILY_IPV4, "filter", "X", "-j AUDIT", NULL},
    {FAMILY_IPV4, "filter", "X", "-j AUDIT --type foo", NULL},
    {FAMILY_IPV4, "filter", "X", "-j AUDIT ! --type drop", NULL},
    {FAMILY_IPV4, "filter", "X", "-j AUDIT --type ! drop", NULL},
    {FAMILY_IPV4, "filter", "X", "-j AUDIT --type drop --type drop", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TRACE", NULL},
    {FAMILY_IPV4, "filter", "X", "-j SYNPROXY", NULL},
    {FAMILY_IPV4, "filter", "X", "! -p tcp -j SYNPROXY", NULL},
    {FAMILY_IPV4, "filter", "X", "-p udp -j SYNPROXY", NULL},
    {FAMILY_IPV4, "filter", "X", "-p tcp -j SYNPROXY --wscale 4294967295 --mss 4294967296", NULL},
    {FAMILY_IPV4, "filter", "X", "-p tcp -j SYNPROXY ! --ecn", NULL},
    {FAMILY_IPV4, "filter", "X", "-p tcp -j SYNPROXY --ecn --ecn", NULL},
    {FAMILY_IPV4, "security", "X", "-j SECMARK", NULL},
    {FAMILY_IPV4, "security", "X", "-j SECMARK", NULL},
    {FAMILY_IPV4, "security", "X", "-j SECMARK ! --selctx a", NULL},
    {FAMILY_IPV4, "security", "X", "-j SECMARK --selctx a --selctx b", NULL},
    {FAMILY_IPV4, "filter", "X", "-j CONNSECMARK --restore", NULL},
    {FAMILY_IPV4, "raw", "X", "-j CONNSECMARK --restore", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j CONNSECMARK", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j CONNSECMARK --save --restore", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j CONNSECMARK --save --save", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j CONNSECMARK ! --save", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 42", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --label foo", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 0 --label foo3", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 2147483 --label foo4", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 4294967296 --label foo", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 5 --label \"\"", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 5 --label a/b", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 5 --label power", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 5 --label uevent", NULL},
    {FAMILY_IPV4, "filter", "X", "-j IDLETIMER --timeout 5 --label subsystem", NULL},
    {FAMILY_IPV4, "nat", "X", "-j IDLETIMER --timeout 5 --label q --alarm --alarm", NULL},
    {FAMILY_IPV4, "nat", "X", "-j IDLETIMER --timeout 5 --label q ! --alarm", NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RE1", NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-interval 250.0ms --rateest-ewmalog 500.0ms", NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name R3 --rateest-interval 100 --rateest-ewmalog 1",
     NULL},
    {FAMILY_IPV4, "filter", "X",
     "-j RATEEST --rateest-name R5 --rateest-interval 8.1s --rateest-ewmalog 100s", NULL},
    {FAMILY_IPV4, "filter", "X",
     "-j RATEEST --rateest-name R7 --rateest-interval 2sx --rateest-ewmalog 4000msecs", NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RC --rateest-interval 0 --rateest-ewmalog 1",
     NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RD --rateest-interval -1s --rateest-ewmalog 1s",
     NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RE --rateest-interval inf --rateest-ewmalog 1s",
     NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RF --rateest-interval nan --rateest-ewmalog 1s",
     NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RG --rateest-interval \"\" --rateest-ewmalog 1s",
     NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RH --rateest-interval 1s --rateest-ewmalog inf",
     NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RI --rateest-interval 1s --rateest-ewmalog 0",
     NULL},
    {FAMILY_IPV4, "filter", "X",
     "-j RATEEST --rateest-name RJ --rateest-interval 4294967295 --rateest-ewmalog 1s", NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RM --rateest-interval 1s --rateest-ewmalog 1s",
     NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST --rateest-name RN --rateest-interval 1s --rateest-ewmalog 1.4s",
     NULL},
    {FAMILY_IPV4, "filter", "X", "-j RATEEST ! --rateest-name RQ --rateest-interval 1s --rateest-ewmalog 4s",
     NULL},
    {FAMILY_IPV4, "mangle", "X", "-p udp -j TPROXY", NULL},
    {FAMILY_IPV4, "mangle", "X", "-p icmp -j TPROXY --on-port 5", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j TPROXY --on-port 5", NULL},
    {FAMILY_IPV4, "mangle", "X", "! -p tcp -j TPROXY --on-port 5", NULL},
    {FAMILY_IPV4, "filter", "X", "-p tcp -j TPROXY --on-port 5", NULL},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j TPROXY --on-port 5 --tproxy-mark 0x100000000", NULL},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j TPROXY --on-port 5 --tproxy-mark 5/", NULL},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j TPROXY --on-port 5 --tproxy-mark \"\"", NULL},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j TPROXY ! --on-port 5", NULL},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j TPROXY --on-port 5 --on-ip 192.0.2.1/24", NULL},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j TPROXY --on-port 5 --on-port 6", NULL},
    {FAMILY_IPV4, "mangle", "X", "-p tcp -j TPROXY --on-port 5 --on-ip 2001:db8::1", NULL},
    {FAMILY_IPV4, "mangle", "X", "-p udplite -j TPROXY --on-port 5", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j SNPT --src-pfx 192.0.2.0/24 --dst-pfx 192.0.2.0/24", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j DNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8::/65 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8::1/64 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::1/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8:0:1:1::/48 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8:0:ff::/56 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8:: --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --dst-pfx 2001:db8::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8::/ffff:0:ffff:: --dst-pfx 2001:db8:1::/48",
     NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT --src-pfx 2001:db8::/129 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "! -j DNPT --src-pfx 2001:db8::/12 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "mangle", "X", "-j DNPT ! --src-pfx 2001:db8::/12 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "filter", "X", "-j DNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV6, "nat", "X", "-j DNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::/48", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple spi,sport --hmark-mod 5 --hmark-rnd 0x1234", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple spi,dport --hmark-mod 5 --hmark-rnd 0x1234", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple srcx --hmark-mod 5 --hmark-rnd 0x1234", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple src, --hmark-mod 5 --hmark-rnd 0x1234", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple ,src --hmark-mod 5 --hmark-rnd 0x1234", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple \"\" --hmark-mod 5 --hmark-rnd 0x1234", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple src --hmark-mod 0 --hmark-rnd 0x1234", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple src --hmark-rnd 0x1234", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple src --hmark-mod 5", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X",
     "-j HMARK --hmark-tuple src --hmark-src-prefix 24 --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-sport 0x10000 --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X",
     "-j HMARK --hmark-spi-mask 0xff --hmark-sport-mask 7 --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X",
     "-j HMARK --hmark-spi 0x12345678 --hmark-sport 7 --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X",
     "-j HMARK --hmark-sport 7 --hmark-spi 0x12345678 --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X",
     "-j HMARK --hmark-tuple sport --hmark-sport-mask 7 --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-proto-mask 0x10000 --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X",
     "-j HMARK --hmark-tuple proto --hmark-proto-mask 0x10 --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple src --hmark-tuple dst --hmark-mod 5 --hmark-rnd 1",
     NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple src --hmark-mod 5 --hmark-rnd 1 --hmark-rnd 2",
     NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK ! --hmark-tuple src --hmark-mod 5 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "mangle", "X", "-j HMARK --hmark-tuple src --hmark-mod 4294967296 --hmark-rnd 1", NULL},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id 12345678901234567", NULL},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id x --led-delay in", NULL},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id x --led-delay 4294967296", NULL},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id x --led-delay foo", NULL},
    {FAMILY_IPV4, "filter", "X", "-j LED --led-trigger-id x ! --led-always-blink", NULL},
    {FAMILY_IPV4, "filter", "X", "-j LED", NULL},
    {FAMILY_IPV4, "filter", "X", "-j ULOG --ulog-nlgroup 0", NULL},
    {FAMILY_IPV4, "filter", "X", "-j ULOG --ulog-nlgroup 33", NULL},
    {FAMILY_IPV4, "filter", "X", "-j ULOG --ulog-qthreshold 0", NULL},
    {FAMILY_IPV4, "filter", "X", "-j ULOG --ulog-qthreshold 51", NULL},
    {FAMILY_IPV4, "filter", "X", "-j ULOG --ulog-prefix \"\"", NULL},
    {FAMILY_IPV6, "filter", "X", "-j ULOG", NULL},
    {FAMILY_IPV4, "filter", "X", "-j CLUSTERIP --hashmode sourceip", NULL},
    {FAMILY_IPV4, "filter", "X", "-j CLUSTERIP --new", NULL},
    {FAMILY_IPV4, "filter", "X",
     "-j CLUSTERIP --new --hashmode foo --clustermac 01:AA:7b:47:f7:d7 --total-nodes 2 --local-node 1", NULL},
    {FAMILY_IPV4, "filter", "X",
     "-j CLUSTERIP --new --hashmode sourceip --clustermac 00:AA:7b:47:f7:d7 --total-nodes 2 --local-node 1",
     NULL},
    {FAMILY_IPV4, "filter", "X",
     "-j CLUSTERIP --new --hashmode sourceip --clustermac 01:AA:7b:47:f7:d7 --total-nodes 17 --local-node 1",
     NULL},
    {FAMILY_IPV4, "filter", "X",
     "-j CLUSTERIP --new --hashmode sourceip --clustermac 01:AA:7b:47:f7:d7 --total-nodes 2 --local-node 17",
     NULL},
    {FAMILY_IPV4, "filter", "X",
     "-j CLUSTERIP --new --hashmode sourceip --clustermac 01:AA:7b:47:f7:d7 --total-nodes 2", NULL},
    {FAMILY_IPV6, "filter", "X", "-j CLUSTERIP", NULL},
};

static void reads_and_prints_as_iptables_does(void **state)
{
	(void)state;
	ASSERT_LINES(lines, sets);
}

/* --- What the layers above are told
 * ------------------------------------------------------------------------------ */

static const struct kind_case {
	enum family family;
	const char *table, *rule;
	enum target_kind kind;
	unsigned effects;
	bool reads_state;
} kind_cases[] = {
    {FAMILY_IPV4, "raw", "-j CT --notrack --zone 5", TARGET_NOTRACK, 0, false},
    {FAMILY_IPV4, "raw", "-j CT --zone 5", TARGET_REWRITE, 0, true},
    {FAMILY_IPV4, "raw", "-j CT", TARGET_REWRITE, 0, true},
    {FAMILY_IPV4, "filter", "-j NFLOG", TARGET_CONTINUE, EFFECT_LOG, false},
    {FAMILY_IPV4, "filter", "-j NFQUEUE --queue-bypass", TARGET_QUEUE, 0, true},
    {FAMILY_IPV4, "mangle", "-j TEE --gateway 192.0.2.1", TARGET_CONTINUE, EFFECT_UNKNOWN, false},
    {FAMILY_IPV4, "filter", "-j SET --add-set a src", TARGET_CHANGE, EFFECT_STATE | EFFECT_UNKNOWN, false},
    {FAMILY_IPV4, "mangle", "-j SET --map-set s src --map-prio", TARGET_CHANGE, EFFECT_STATE | EFFECT_UNKNOWN,
     false},
    {FAMILY_IPV4, "filter", "-j AUDIT --type drop", TARGET_CONTINUE, EFFECT_LOG, false},
    {FAMILY_IPV4, "raw", "-j TRACE", TARGET_CONTINUE, EFFECT_LOG, false},
    {FAMILY_IPV4, "filter", "-p tcp -j SYNPROXY", TARGET_QUEUE, 0, true},
    {FAMILY_IPV4, "security", "-j SECMARK --selctx a", TARGET_CHANGE, 0, true},
    {FAMILY_IPV4, "security", "-j CONNSECMARK --save", TARGET_CHANGE, EFFECT_STATE | EFFECT_CONNTRACK, true},
    {FAMILY_IPV4, "filter", "-j IDLETIMER --timeout 5 --label a", TARGET_CONTINUE, EFFECT_STATE, false},
    {FAMILY_IPV4, "filter", "-j RATEEST --rateest-name a --rateest-interval 1s --rateest-ewmalog 2s",
     TARGET_CONTINUE, EFFECT_COUNTER, false},
    {FAMILY_IPV4, "mangle", "-p tcp -j TPROXY --on-port 5", TARGET_QUEUE, 0, true},
    {FAMILY_IPV6, "mangle", "-j SNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::/48", TARGET_REWRITE, 0,
     true},
    {FAMILY_IPV6, "mangle", "-j DNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::/48", TARGET_REWRITE, 0,
     true},
    {FAMILY_IPV4, "filter", "-j CLUSTERIP", TARGET_REWRITE, 0, true},
};

static void tells_what_a_target_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kind_cases) / sizeof(*kind_cases); i++) {
		const struct kind_case *each = &kind_cases[i];
		struct loaded loaded = load_rules(each->family, each->table, sets, each->rule);
		const struct target *target = &loaded.rule->target;
		if (target->type->kind != each->kind || target->type->effects != each->effects ||
		    target_reads_state(target) != each->reads_state) {
			print_error("%s: kind %d, effects %#x\n", each->rule, (int)target->type->kind,
				    target->type->effects);
			fail();
		}
		loaded_free(&loaded);
	}
}

/* The kernel's checkentry; which chains reach a rule the reader knows. */
static void tells_from_which_hooks_a_target_may_be_reached(void **state)
{
	static const struct {
		enum family family;
		const char *table, *rule;
		unsigned hooks;
	} cases[] = {
	    {FAMILY_IPV4, "mangle", "-p udp -j TPROXY --on-port 5", 1 << HOOK_PREROUTING},
	    {FAMILY_IPV4, "filter", "-p tcp -j SYNPROXY", 1 << HOOK_INPUT | 1 << HOOK_FORWARD},
	    {FAMILY_IPV6, "mangle", "-j SNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::/48",
	     1 << HOOK_INPUT | 1 << HOOK_POSTROUTING},
	    {FAMILY_IPV6, "mangle", "-j DNPT --src-pfx 2001:db8::/48 --dst-pfx 2001:db8:1::/48",
	     1 << HOOK_PREROUTING | 1 << HOOK_OUTPUT},
	    {FAMILY_IPV4, "mangle", "-j SET --map-set s src --map-queue",
	     1 << HOOK_FORWARD | 1 << HOOK_OUTPUT | 1 << HOOK_POSTROUTING},
	    {FAMILY_IPV4, "mangle", "-j SET --map-set s src --map-mark", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loaded loaded = load_rules(cases[i].family, cases[i].table, sets, cases[i].rule);
		assert_int_equal(loaded.rule->target.type->hooks, cases[i].hooks);
		loaded_free(&loaded);
	}
}

static void tells_where_copies_go(void **state)
{
	static const uint8_t four[4] = {192, 0, 2, 1};
	static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	uint8_t gateway[16] = {0};
	(void)state;

	struct loaded loaded =
	    load_rules(FAMILY_IPV4, "mangle", sets, "-j TEE --gateway 192.0.2.1 --oif eth0");
	assert_true(target_tee(&loaded.rule->target, FAMILY_IPV4, gateway));
	assert_memory_equal(gateway, four, 4);
	loaded_free(&loaded);
	loaded = load_rules(FAMILY_IPV6, "mangle", sets, "-j TEE --gateway 2001:db8::1");
	assert_true(target_tee(&loaded.rule->target, FAMILY_IPV6, gateway));
	assert_memory_equal(gateway, six, 16);
	loaded_free(&loaded);
	loaded = load_rules(FAMILY_IPV4, "filter", sets, "-j NFLOG");
	assert_false(target_tee(&loaded.rule->target, FAMILY_IPV4, gateway));
	loaded_free(&loaded);
}

static void tells_conntracks_template(void **state)
{
	struct ct_template template;
	(void)state;

	struct loaded loaded =
	    load_rules(FAMILY_IPV4, "raw", sets, "-p tcp -j CT --zone-orig 5 --helper ftp --timeout slow");
	assert_true(target_ct_template(&loaded.rule->target, &template));
	assert_int_equal(template.zone, 5);
	assert_true(template.original);
	assert_false(template.reply);
	assert_false(template.zone_by_mark);
	assert_true(text_is(template.helper, "ftp"));
	assert_true(text_is(template.timeout, "slow"));
	loaded_free(&loaded);
	loaded = load_rules(FAMILY_IPV4, "raw", sets, "-j CT --zone mark");
	assert_true(target_ct_template(&loaded.rule->target, &template));
	assert_true(template.zone_by_mark);
	loaded_free(&loaded);
	loaded = load_rules(FAMILY_IPV4, "raw", sets, "-j CT --notrack --zone 5");
	assert_false(target_ct_template(&loaded.rule->target, &template));
	loaded_free(&loaded);
	loaded = load_rules(FAMILY_IPV4, "raw", sets, "-j NOTRACK");
	assert_false(target_ct_template(&loaded.rule->target, &template));
	loaded_free(&loaded);
}

/* What cannot be worked out of a mark is not known behind it; all else of the packet is as it was. */
static void forgets_marks_it_cannot_work_out(void **state)
{
	static const struct {
		const char *rule;
		bool known;
	} cases[] = {
	    {"-j HMARK --hmark-tuple ct --hmark-mod 5 --hmark-rnd 1", false},
	    {"-j SET --map-set s src --map-mark", false},
	    {"-j SET --map-set s src --map-prio", true},
	    {"-j SET --add-set a src", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loaded loaded = load_rules(FAMILY_IPV4, "mangle", sets, cases[i].rule);
		struct packet packet = {.family = FAMILY_IPV4, .known = KNOWN_MARK | KNOWN_TTL, .ttl = 9};
		struct evaluation evaluation = {.certain = true};
		loaded.rule->target.type->apply(&loaded.rule->target, &packet, &evaluation);
		assert_int_equal(!!(packet.known & KNOWN_MARK), cases[i].known);
		assert_true(packet.known & KNOWN_TTL);
		assert_int_equal(packet.ttl, 9);
		loaded_free(&loaded);
	}
}

/* --- Sets that packets change
 * ------------------------------------------------------------------------------------ */

static const char *const changing_sets =
    "create a hash:ip family inet hashsize 1024 maxelem 65536\n"
    "add a 192.0.2.1\n"
    "create t hash:ip family inet hashsize 1024 maxelem 65536 timeout 60\n"
    "create p hash:ip,port family inet hashsize 1024 maxelem 65536\n"
    "create n hash:net family inet hashsize 1024 maxelem 65536\n"
    "create f hash:ip family inet hashsize 64 maxelem 2\n"
    "add f 192.0.2.1\n";

/* What happens one after the other: '+' the SET rule runs for a source, '?' it runs perhaps; else the set is
 * asked for a source, and the answer is what it must be: 'y', 'n', 'u'. */
struct set_event {
	char what;
	uint8_t source; /* 192.0.2.SOURCE */
	unsigned seconds;
};

static const struct set_case {
	const char *name, *change, *match;
	struct set_event events[10];
} set_cases[] = {
    {"what is added is in it, and nothing else",
     "-j SET --add-set a src",
     "-m set --match-set a src",
     {{'y', 1, 0}, {'n', 5, 0}, {'+', 5, 1}, {'y', 5, 2}, {'n', 6, 2}, {'y', 1, 900}}},
    {"what is deleted is not in it",
     "-j SET --del-set a src",
     "-m set --match-set a src",
     {{'y', 1, 0}, {'+', 1, 0}, {'n', 1, 0}, {'+', 7, 0}, {'n', 7, 0}}},
    {"the negation",
     "-j SET --add-set a src",
     "-m set ! --match-set a src",
     {{'n', 1, 0}, {'y', 5, 0}, {'+', 5, 1}, {'n', 5, 2}}},
    {"perhaps added",
     "-j SET --add-set a src",
     "-m set --match-set a src",
     {{'?', 5, 0}, {'u', 5, 0}, {'n', 6, 0}, {'+', 5, 0}, {'y', 5, 0}}},
    {"the set's timeout is not started anew without --exist",
     "-j SET --add-set t src",
     "-m set --match-set t src",
     {{'+', 5, 0}, {'y', 5, 59}, {'+', 5, 59}, {'u', 5, 60}, {'n', 5, 61}, {'+', 5, 70}, {'y', 5, 71}}},
    {"it is with --exist, and --timeout is another one",
     "-j SET --add-set t src --exist --timeout 10",
     "-m set --match-set t src",
     {{'+', 5, 0}, {'+', 5, 9}, {'y', 5, 18}, {'n', 5, 20}}},
    {"timeout 0 is for ever",
     "-j SET --add-set t src --timeout 0",
     "-m set --match-set t src",
     {{'+', 5, 0}, {'y', 5, 9000}}},
    {"too few directions add nothing",
     "-j SET --add-set p src",
     "-m set --match-set p src,dst",
     {{'+', 5, 0}, {'n', 5, 0}}},
    {"prefixes are not followed",
     "-j SET --add-set n src",
     "-m set --match-set n src",
     {{'n', 5, 0}, {'+', 5, 0}, {'u', 5, 0}, {'u', 6, 0}}},
    {"a set that is full",
     "-j SET --add-set f src",
     "-m set --match-set f src",
     {{'+', 5, 0}, {'y', 5, 0}, {'n', 6, 0}, {'+', 6, 0}, {'u', 6, 0}, {'u', 5, 0}}},
};

static void run_event(const struct set_case *each, const struct rule *asked, const struct target *change,
		      struct session *session, const struct set_event *event)
{
	struct packet packet = {.family = FAMILY_IPV4, .known = KNOWN_SOURCE | KNOWN_TIME};
	struct evaluation evaluation = {.session = session, .certain = event->what != '?'};

	memcpy(packet.source, (uint8_t[]){192, 0, 2, event->source}, 4);
	packet.time = (1700000000u + event->seconds) * (uint64_t)1000000000;
	if (event->what == '+' || event->what == '?') {
		change->type->apply(change, &packet, &evaluation);
		return;
	}
	const struct match *match = &asked->matches[0];
	enum truth truth = match->type->evaluate(match, asked, &packet, &evaluation);
	if (truth != (event->what == 'y' ? TRUTH_YES : event->what == 'n' ? TRUTH_NO : TRUTH_UNKNOWN)) {
		print_error("%s: 192.0.2.%u after %u s: %d\n", each->name, event->source, event->seconds,
			    (int)truth);
		fail();
	}
	/* Of a packet by itself nobody knows what was before it. */
	evaluation.session = NULL;
	assert_int_equal(match->type->evaluate(match, asked, &packet, &evaluation), TRUTH_UNKNOWN);
}

static void follows_what_packets_do_to_sets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(set_cases) / sizeof(*set_cases); i++) {
		const struct set_case *each = &set_cases[i];
		char rules[256];
		snprintf(rules, sizeof(rules), "%s\n%s", each->match, each->change);
		struct loaded loaded = load_rules(FAMILY_IPV4, "filter", changing_sets, rules);
		struct session *session = session_new(1);
		assert_non_null(session);
		for (size_t at = 0; at < 10 && each->events[at].what; at++)
			run_event(each, loaded.rule - 1, &loaded.rule->target, session, &each->events[at]);
		session_free(session);
		loaded_free(&loaded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_prints_as_iptables_does),
	    cmocka_unit_test(tells_what_a_target_does),
	    cmocka_unit_test(tells_from_which_hooks_a_target_may_be_reached),
	    cmocka_unit_test(tells_where_copies_go),
	    cmocka_unit_test(tells_conntracks_template),
	    cmocka_unit_test(forgets_marks_it_cannot_work_out),
	    cmocka_unit_test(follows_what_packets_do_to_sets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
