/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nftables' rulesets, as nft(8) lists them in JSON, in the words of iptables: what a rule becomes, where a
 * chain comes to lie, and what is refused. That it means what the kernel does is shown by
 * test/parity/nft_back.c and by the commands' tests. */
#include "read/nft_read.h"
#include "read/load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Rules are read as texts, too: what is made is what the readers take. */
static int read_json(const char *json, struct nft_texts *texts, struct buffer *said)
{
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	int error = nft_read_json(text_of(json), "list", NULL, sink, texts);

	if (!error) {
		error = rules_load_nft(text_of(json), "list", NULL, sink, &ruleset);
		if (ruleset)
			ruleset_free(ruleset);
	}
	diagnostics_print(sink, said);
	diagnostics_free(sink);
	return error;
}

#define TABLE(family) "{\"table\":{\"family\":\"" family "\",\"name\":\"t\",\"handle\":1}}"
#define CHAIN(family, name)                                                                                  \
	",{\"chain\":{\"family\":\"" family "\",\"table\":\"t\",\"name\":\"" name "\",\"handle\":9}}"
#define BASE(family, name, type, hook, priority, policy)                                                     \
	",{\"chain\":{\"family\":\"" family "\",\"table\":\"t\",\"name\":\"" name                            \
	"\",\"handle\":2,\"type\":\"" type "\",\"hook\":\"" hook "\",\"prio\":" priority                     \
	",\"policy\":\"" policy "\"}}"
#define RULE(family, chain, statements)                                                                      \
	",{\"rule\":{\"family\":\"" family "\",\"table\":\"t\",\"chain\":\"" chain                           \
	"\",\"handle\":7,\"expr\":[" statements "]}}"
#define MATCH(op, left, right) "{\"match\":{\"op\":\"" op "\",\"left\":" left ",\"right\":" right "}}"
#define PAYLOAD(header, field) "{\"payload\":{\"protocol\":\"" header "\",\"field\":\"" field "\"}}"
#define META(key) "{\"meta\":{\"key\":\"" key "\"}}"
#define CT(key) "{\"ct\":{\"key\":\"" key "\"}}"
#define DROP "{\"drop\":null}"
#define ACCEPT "{\"accept\":null}"

struct sample {
	const char *statements;
	const char *ip, *ip6; /* lines of INPUT; NULL: not looked at; "": none */
};

static const struct sample samples[] = {
    {MATCH("==", PAYLOAD("ip", "saddr"), "{\"prefix\":{\"addr\":\"192.0.2.0\",\"len\":24}}") "," DROP,
     "-A INPUT -s 192.0.2.0/24 -j DROP\n", ""},
    {MATCH("!=", PAYLOAD("ip6", "daddr"), "\"2001:db8::1\"") "," DROP, "",
     "-A INPUT ! -d 2001:db8::1/128 -j DROP\n"},
    {MATCH("==", PAYLOAD("ip", "saddr"), "{\"range\":[\"192.0.2.1\",\"192.0.2.9\"]}") "," ACCEPT,
     "-A INPUT -m iprange --src-range 192.0.2.1-192.0.2.9 -j ACCEPT\n", ""},
    {MATCH("==", "{\"&\":[" PAYLOAD("ip", "saddr") ",\"255.255.0.255\"]}", "\"192.0.0.1\"") "," DROP,
     "-A INPUT -s 192.0.0.1/255.255.0.255 -j DROP\n", ""},
    {MATCH(">", PAYLOAD("tcp", "dport"), "1023") "," DROP,
     "-A INPUT -p 6 -m tcp --dport 1024:65535 -j DROP\n", NULL},
    {MATCH("==", PAYLOAD("tcp", "dport"), "{\"set\":[22,{\"range\":[80,90]}]}") "," ACCEPT,
     "-A INPUT -p 6 -m tcp -m multiport --dports 22,80:90 -j ACCEPT\n", NULL},
    /* Ports of whatever protocol: of those that were asked for. */
    {MATCH("==", META("l4proto"), "{\"set\":[\"tcp\",\"udp\"]}") "," MATCH("==", PAYLOAD("th", "dport"),
									   "53") "," ACCEPT,
     "-A INPUT -p 6 -m tcp --dport 53 -j ACCEPT\n-A INPUT -p 17 -m udp --dport 53 -j ACCEPT\n", NULL},
    {MATCH("==", PAYLOAD("tcp", "dport"), "{\"range\":[80,90]}") "," MATCH("!=", PAYLOAD("tcp", "dport"),
									   "85") "," ACCEPT,
     "-A INPUT -p 6 -m tcp -m multiport --dports 80:84,86:90 -j ACCEPT\n", NULL},
    {MATCH("in", CT("state"), "[\"established\",\"related\"]") "," ACCEPT,
     "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n",
     "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n"},
    /* Without a connection nothing but the state is asked in one match. */
    {MATCH("==", CT("direction"), "\"reply\"") "," MATCH("in", CT("state"),
							 "[\"new\",\"untracked\"]") "," DROP,
     "-A INPUT -m conntrack --ctstate NEW,UNTRACKED -m conntrack --ctdir REPLY -j DROP\n", NULL},
    {MATCH("!=", CT("state"), "1") "," DROP,
     "-A INPUT -m conntrack --ctstate NEW,ESTABLISHED,RELATED,UNTRACKED -j DROP\n", NULL},
    {MATCH("in", PAYLOAD("tcp", "flags"), "[\"syn\",\"ack\"]") "," DROP,
     "-A INPUT -p 6 -m tcp ! --tcp-flags SYN,ACK NONE -j DROP\n", NULL},
    {MATCH("==", META("iifname"), "{\"set\":[\"eth0\",\"ppp*\"]}") "," ACCEPT,
     "-A INPUT -i eth0 -j ACCEPT\n-A INPUT -i ppp+ -j ACCEPT\n", NULL},
    /* None of several: asked one by one in a chain of its own. */
    {MATCH("!=", META("iifname"), "{\"set\":[\"eth0\",\"eth1\"]}") "," DROP,
     "-A INPUT -j nft-2\n-A nft-2 -i eth0 -j RETURN\n-A nft-2 -i eth1 -j RETURN\n-A nft-2 -j DROP\n", NULL},
    {MATCH("!=", PAYLOAD("icmp", "type"), "\"echo-request\"") "," DROP,
     "-A INPUT -p 1 -m icmp ! --icmp-type 8 -j DROP\n", ""},
    /* What counts stands where it stood. */
    {"{\"limit\":{\"rate\":5,\"per\":\"second\",\"burst\":7}}," MATCH("==", PAYLOAD("tcp", "dport"),
								      "22") "," ACCEPT,
     "-A INPUT -m limit --limit 5/sec --limit-burst 7 -j nft-2\n"
     "-A INPUT -f -m limit --limit 5/sec --limit-burst 7 -j nft-3\n"
     "-A nft-2 -p 6 -m tcp --dport 22 -j ACCEPT\n",
     NULL},
    {"{\"limit\":{\"rate\":5,\"per\":\"minute\",\"burst\":5,\"inv\":true}}," DROP,
     "-A INPUT -j nft-2\n-A nft-2 -m limit --limit 5/min --limit-burst 5 -j RETURN\n-A nft-2 -j DROP\n",
     NULL},
    {MATCH("==", PAYLOAD("ip", "saddr"), "\"192.0.2.1\"") ",{\"log\":{\"prefix\":\"a \\\"b\"}}," DROP,
     "-A INPUT -s 192.0.2.1/32 -j LOG --log-prefix \"a \\\"b\"\n-A INPUT -s 192.0.2.1/32 -j DROP\n", ""},
    /* What SYNPROXY takes, and no more; else it may do anything. */
    {"{\"counter\":{\"packets\":3,\"bytes\":4}}," MATCH(
	 "==", "{\"&\":[" PAYLOAD("tcp", "flags") ",[\"fin\",\"syn\",\"rst\",\"ack\"]]}",
	 "{\"set\":[\"syn\",\"ack\"]}") ",{\"synproxy\":{\"mss\":1460,\"wscale\":7,\"flags\":[\"timestamp\","
					"\"sack-perm\"]}}",
     "-A INPUT -p 6 -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460\n", NULL},
    {MATCH("==", "{\"&\":[" PAYLOAD("tcp", "flags") ",[\"fin\",\"syn\",\"rst\",\"ack\"]]}",
	   "{\"set\":[\"syn\",\"ack\"]}") ",{\"synproxy\":null}," DROP,
     "-A INPUT -p 6 -m nft --expression ", NULL},
    {"{\"synproxy\":null}", "-A INPUT -j NFT --statement", NULL},
    /* Each half of it is asked for once. */
    {"{\"limit\":{\"rate\":5,\"per\":\"second\"}},{\"log\":null}," DROP,
     "-A INPUT -m limit --limit 5/sec --limit-burst 5 -g nft-2\n-A nft-2 -j LOG\n-A nft-2 -j DROP\n", NULL},
    {"{\"log\":null}," MATCH("==", META("mark"), "1") "," DROP,
     "-A INPUT -j LOG\n-A INPUT -j nft-2\n-A nft-2 -m mark --mark 0x1 -j DROP\n", NULL},
    {"{\"vmap\":{\"key\":" META("l4proto") ",\"data\":{\"set\":[[\"tcp\"," ACCEPT "],[\"udp\",{\"jump\":"
					   "{\"target\":\"x\"}}],[\"*\"," DROP "]]}}}",
     /* What comes back from the chain would meet the rest of the map. */
     "-A INPUT -j NFT --statement", NULL},
    {"{\"vmap\":{\"key\":" META("l4proto") ",\"data\":{\"set\":[[\"*\"," DROP "],[\"tcp\"," ACCEPT "]]}}}",
     "-A INPUT -p 6 -j ACCEPT\n-A INPUT -j DROP\n", NULL},
    {"{\"mangle\":{\"key\":" META("mark") ",\"value\":{\"|\":[{\"&\":[" META("mark") ",255]},1]}}}",
     "-A INPUT -j MARK --set-xmark 0x1/0xffffff01\n", NULL},
    {MATCH("==", "{\"fib\":{\"result\":\"type\",\"flags\":[\"daddr\"]}}", "\"local\"") "," DROP,
     "-A INPUT -m addrtype --dst-type LOCAL -j DROP\n", "-A INPUT -m addrtype --dst-type LOCAL -j DROP\n"},
    {MATCH("!=", "{\"fib\":{\"result\":\"type\",\"flags\":[\"saddr\"]}}", "2") "," DROP,
     "-A INPUT -m addrtype ! --src-type LOCAL -j DROP\n",
     "-A INPUT -m addrtype ! --src-type LOCAL -j DROP\n"},
    /* Which other kinds xt_addrtype takes an address of IPv6 for is its own. */
    {MATCH("==", "{\"fib\":{\"result\":\"type\",\"flags\":[\"daddr\"]}}", "\"multicast\"") "," DROP,
     "-A INPUT -m addrtype --dst-type MULTICAST -j DROP\n", "-A INPUT -m nft --expression "},
    /* An answer is for its own family, and nft(8) does not list that it asks for TCP. */
    {"{\"reject\":{\"type\":\"icmpv6\",\"expr\":\"admin-prohibited\"}}", "",
     "-A INPUT -j REJECT --reject-with icmp6-adm-prohibited\n"},
    {"{\"log\":null},{\"reject\":{\"type\":\"tcp reset\"}}",
     "-A INPUT -p 6 -j LOG\n-A INPUT -p 6 -j REJECT --reject-with tcp-reset\n", NULL},
    {"{\"jump\":{\"target\":\"x\"}}", "-A INPUT -j x\n", "-A INPUT -j x\n"},
    {MATCH("==", META("cgroup"), "5") "," DROP, "-A INPUT -m nft --expression \"meta cgroup == 5\" -j DROP\n",
     NULL},
    {"{\"fwd\":{\"dev\":\"eth0\"}}", "-A INPUT -j NFT --statement", NULL},
    {"{\"xt\":null}", "-A INPUT -j NFT --statement", NULL},
    /* All elements are asked, though for later fragments they are not told apart. */
    {MATCH("==", PAYLOAD("udp", "dport"), "53") ",{\"vmap\":{\"key\":" META(
	 "iifname") ",\"data\":{\"set\":[[\"a\"," DROP "],[\"b\"," ACCEPT "]]}}}",
     "-A INPUT -i a -p 17 -m udp --dport 53 -j DROP\n-A INPUT -i b -p 17 -m udp --dport 53 -j ACCEPT\n"
     "-A INPUT -f -p 17 -m nft --expression \"udp dport == 53 (of a later fragment)\" -j NFT --statement ",
     "-A INPUT -i a -p 17 -m udp --dport 53 -j DROP\n-A INPUT -i b -p 17 -m udp --dport 53 -j ACCEPT\n"},
    /* Of later fragments, which nobody puts together, nftables reads what is not there. */
    {MATCH("==", PAYLOAD("udp", "dport"), "53") "," ACCEPT,
     "-A INPUT -p 17 -m udp --dport 53 -j ACCEPT\n-A INPUT -f -p 17 -m nft --expression \"udp dport == 53 "
     "(of a "
     "later fragment)\" -j ACCEPT\n",
     "-A INPUT -p 17 -m udp --dport 53 -j ACCEPT\n-A INPUT -p 17 -j nft-2\n"
     "-A nft-2 -p 17 -m udp -j RETURN\n-A nft-2 -m nft --expression \"udp dport == 53 (of a later "
     "fragment)\" -j ACCEPT\n"},
};

static bool has_lines(const struct buffer *text, const char *lines)
{
	if (!lines)
		return true;
	if (!*lines)
		return !text->data || !strstr(text->data, "-A INPUT");
	/* Of the chains that are made each has its lines together. */
	const char *at = text->data ? strstr(text->data, "-A INPUT") : NULL;
	return at && strncmp(at, lines, strlen(lines)) == 0;
}

static void rules_become_lines(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct buffer json = {0}, said = {0};
		struct nft_texts texts = {0};
		buffer_printf(&json,
			      "{\"nftables\":[" TABLE("inet")
				  BASE("inet", "in", "filter", "input", "0", "accept") CHAIN("inet", "x")
				      RULE("inet", "in", "%s") "]}",
			      samples[i].statements);
		int error = read_json(json.data, &texts, &said);
		if (error || !has_lines(&texts.rules[FAMILY_IPV4], samples[i].ip) ||
		    !has_lines(&texts.rules[FAMILY_IPV6], samples[i].ip6))
			fail_msg("%s: %d\n%s\n%s%s", samples[i].statements, error, said.data ? said.data : "",
				 texts.rules[0].data ? texts.rules[0].data : "",
				 texts.rules[1].data ? texts.rules[1].data : "");
		nft_texts_fini(&texts);
		buffer_fini(&json);
		buffer_fini(&said);
	}
}

struct ruleset_sample {
	const char *json;
	int error;
	const char *expected[4]; /* in IPv4's text, the sets' or the messages */
};

#define SET(type, flags, elements)                                                                           \
	",{\"set\":{\"family\":\"ip\",\"table\":\"t\",\"name\":\"s\",\"type\":" type ",\"flags\":[" flags    \
	"],\"elem\":[" elements "]}}"
#define LOOK_UP(op, key) RULE("ip", "in", MATCH(op, key, "\"@s\"") "," DROP)
#define IN BASE("ip", "in", "filter", "input", "0", "drop")
#define CONCAT(a, b) "{\"concat\":[" a "," b "]}"

static const struct ruleset_sample rulesets[] = {
    {"{\"nftables\":[" TABLE("ip") IN SET("\"ipv4_addr\"", "\"interval\"",
					  "{\"prefix\":{\"addr\":\"192.0.2.0\",\"len\":24}},"
					  "{\"range\":[\"198.51.100.1\",\"198.51.100.3\"]}")
	 LOOK_UP("!=", PAYLOAD("ip", "saddr")) "]}",
     0,
     {"create s hash:net family inet\nadd s 192.0.2.0/24\nadd s 198.51.100.1\nadd s 198.51.100.2/31\n",
      ":INPUT DROP [0:0]\n-A INPUT -m set ! --match-set s src -j DROP\n"}},
    /* The protocol is the rule's: one set becomes one for each. */
    {"{\"nftables\":[" TABLE("ip")
	 IN SET("[\"ipv4_addr\",\"inet_service\"]", "", "{\"concat\":[\"192.0.2.1\",80]}")
	     LOOK_UP("==", CONCAT(PAYLOAD("ip", "daddr"), PAYLOAD("tcp", "dport")))
		 LOOK_UP("!=", CONCAT(PAYLOAD("ip", "daddr"), PAYLOAD("udp", "dport"))) "]}",
     0,
     {"create s hash:ip,port family inet\nadd s 192.0.2.1,6:80\n", "add s-1 192.0.2.1,17:80\n",
      "-A INPUT -p 6 -m set --match-set s dst,dst -j DROP\n",
      "-A INPUT -p 17 -m udp -m set ! --match-set s-1 dst,dst -j DROP\n"}},
    {"{\"nftables\":[" TABLE("ip") IN SET("\"ipv4_addr\"", "\"timeout\"",
					  "{\"elem\":{\"val\":\"192.0.2.1\",\"timeout\":60,\"expires\":7,"
					  "\"comment\":\"a\",\"counter\":{\"packets\":1,\"bytes\":2}}}")
	 LOOK_UP("==", PAYLOAD("ip", "saddr")) "]}",
     0,
     {"create s hash:ip family inet timeout 0 counters comment\n"
      "add s 192.0.2.1 timeout 8 packets 1 bytes 2 comment \"a\"\n"}},
    /* The hops that are left are written in the table that may. */
    {"{\"nftables\":[" TABLE("ip") BASE("ip", "m", "filter", "prerouting", "-150", "accept")
	 RULE("ip", "m", "{\"mangle\":{\"key\":" PAYLOAD("ip", "ttl") ",\"value\":5}}") "]}",
     0,
     {"-A PREROUTING -j TTL --ttl-set 5\n"}},
    {"{\"nftables\":[" TABLE("ip")
	 IN RULE("ip", "in", "{\"mangle\":{\"key\":" PAYLOAD("ip", "ttl") ",\"value\":5}}") "]}",
     0,
     {"-A INPUT -j NFT --statement "}},
    /* What rules add to a set is not known any more. */
    {"{\"nftables\":[" TABLE("ip") IN SET("\"ipv4_addr\"", "", "\"192.0.2.1\"") RULE(
	 "ip", "in", "{\"set\":{\"op\":\"add\",\"elem\":" PAYLOAD("ip", "saddr") ",\"set\":\"@s\"}}") "]}",
     0,
     {"-A INPUT -j SET --add-set s src\n"}},
    /* Of two at one place, accepting in the first goes on with the second; so does the policy. */
    {"{\"nftables\":[" TABLE("ip") BASE("ip", "a", "filter", "input", "-5", "accept") IN CHAIN("ip", "x")
	 RULE("ip", "a", "{\"jump\":{\"target\":\"x\"}}") RULE("ip", "x", ACCEPT)
	     RULE("ip", "in", "{\"return\":null}") "]}",
     0,
     {"-A INPUT -j x\n-A INPUT -g in\n", "-A x -g in\n", "-A in -j DROP\n-A in -j DROP\n", ":INPUT ACCEPT"}},
    /* NAT is where the kernel has it, whatever the priority. */
    {"{\"nftables\":[" TABLE("ip") BASE("ip", "n", "nat", "prerouting", "0", "accept")
	 BASE("ip", "m", "filter", "prerouting", "-110", "accept") RULE("ip", "m", DROP)
	     RULE("ip", "n",
		  MATCH("==", PAYLOAD("tcp", "dport"),
			"80") ",{\"dnat\":{\"addr\":\"192.0.2.9\",\"port\":8080}}") "]}",
     0,
     {"*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j DROP\n",
      "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p 6 -m tcp --dport 80 -j DNAT --to-destination "
      "192.0.2.9:8080\n"}},
    {"{\"nftables\":[" TABLE("ip") BASE("ip", "n", "nat", "prerouting", "-100", "accept")
	 BASE("ip", "m", "filter", "prerouting", "0", "accept") "]}",
     -EINVAL,
     {"nft-no-place", "chain m of table t, handle 2: at priority 0 of PREROUTING"}},
    {"{\"nftables\":[" TABLE("ip") IN RULE("ip", "in", "{\"jump\":{\"target\":\"y\"}}") "]}",
     -EINVAL,
     {"nft-no-chain"}},
    /* Names that are iptables' own already. */
    {"{\"nftables\":[" TABLE("ip") IN CHAIN("ip", "LOG") CHAIN("ip", "filter-INPUT")
	 RULE("ip", "in", "{\"jump\":{\"target\":\"LOG\"}}")
	     RULE("ip", "in", "{\"goto\":{\"target\":\"filter-INPUT\"}}") "]}",
     0,
     {"-A INPUT -j LOG-1\n-A INPUT -g INPUT-1\n"}},
    /* What an element limits is part of the look-up; what ends is no constant. */
    {"{\"nftables\":[" TABLE("ip") IN ",{\"set\":{\"family\":\"ip\",\"table\":\"t\",\"name\":\"s\",\"type\":"
				      "\"ipv4_addr\",\"stmt\":[{\"counter\":null},{\"quota\":{\"val\":500}}],"
				      "\"elem\":[\"192.0.2.1\"]}}" LOOK_UP("==", PAYLOAD("ip", "saddr")) "]}",
     -EINVAL,
     {"its elements limit"}},
    {"{\"nftables\":[" TABLE("ip") IN SET(
	 "\"ipv4_addr\"", "", "{\"elem\":{\"val\":\"192.0.2.1\",\"limit\":{\"rate\":1,\"per\":\"second\"}}}")
	 LOOK_UP("==", PAYLOAD("ip", "saddr")) "]}",
     -EINVAL,
     {"its elements limit"}},
    {"{\"nftables\":[" TABLE("ip")
	 IN SET("\"inet_service\"", "\"timeout\"", "{\"elem\":{\"val\":22,\"timeout\":60,\"expires\":7}}")
	     LOOK_UP("==", PAYLOAD("tcp", "dport")) "]}",
     0,
     {"-m nft --expression"}},
    /* nft 1.0.6 prints a statement that changes a map in words. */
    {"{\"nftables\":[" TABLE("ip") BASE("ip", "n", "nat", "prerouting", "-100",
					"accept") ",{\"map\":{\"family\":\"ip\",\"table\":\"t\",\"name\":"
						  "\"m\",\"type\":\"ipv4_addr\",\"map\":\"ipv4_addr\","
						  "\"elem\":[[\"192.0.2.1\",\"192.0.2.2\"]]}}" RULE(
						      "ip", "n", "\"update @m { ip saddr : 192.0.2.3 }\"")
						      RULE("ip", "n",
							   "{\"dnat\":{\"addr\":{\"map\":{\"key\":" PAYLOAD(
							       "ip", "saddr") ",\"data\":\"@m\"}}}}") "]}",
     0,
     {"-A PREROUTING -j NFT --statement \"{\\\"dnat\\\""}},
    /* Not all was listed. */
    {"{\"nftables\":[{\"metainfo\":{}}" IN RULE("ip", "in", DROP) "]}",
     -EINVAL,
     {"the table itself is not there"}},
    {"{\"nftables\":[" TABLE("ip") RULE("ip", "in", DROP) "]}",
     -EINVAL,
     {"a rule of a chain that is not there"}},
    {"{\"nftables\":[" TABLE(
	 "ip") ",{\"add\":{\"element\":{\"family\":\"ip\",\"table\":\"t\",\"name\":\"s\"}}}]}",
     -EINVAL,
     {"elements apart from their set s"}},
    /* What is passed over by intent is none of these. */
    {"{\"nftables\":[{\"table\":{\"family\":\"netdev\",\"name\":\"t\"}}" RULE("netdev", "in", DROP) "]}",
     0,
     {"nft-not-read"}},
    {"{\"nftables\":[{\"table\":{\"family\":\"netdev\",\"name\":\"t\"}}]}", 0, {"nft-not-read"}},
    {"{\"nftables\":[{\"delete\":{\"table\":{\"family\":\"ip\",\"name\":\"t\"}}}]}", -EINVAL, {"nft-json"}},
    {"{\"nftables\":1}", -EINVAL, {"nft-json"}},
    {"{\"nftables\":[", -EINVAL, {"cut off"}},
    {"{\"nftables\":[}", -EINVAL, {"not JSON"}},
    {"{\"nftables\":[" TABLE("ip") IN ",{\"rule\":{\"family\":\"ip\",\"table\":\"t\",\"chain\":\"in\"}}]}",
     -EINVAL,
     {"without statements"}},
};

static void rulesets_become_texts(void **state)
{
	(void)state;

	for (size_t i = 0; i < sizeof(rulesets) / sizeof(*rulesets); i++) {
		struct buffer said = {0};
		struct nft_texts texts = {0};
		int error = read_json(rulesets[i].json, &texts, &said);
		if (texts.rules[FAMILY_IPV4].data)
			buffer_puts(&said, texts.rules[FAMILY_IPV4].data);
		if (texts.sets.data)
			buffer_puts(&said, texts.sets.data);
		bool good = error == rulesets[i].error;
		for (size_t k = 0; k < 4 && rulesets[i].expected[k]; k++)
			good = good && said.data && strstr(said.data, rulesets[i].expected[k]);
		if (!good)
			fail_msg("%s: %d\n%s", rulesets[i].json, error, said.data ? said.data : "");
		nft_texts_fini(&texts);
		buffer_fini(&said);
	}
}

static void deep_json_is_refused(void **state)
{
	struct buffer json = {0}, said = {0};
	struct nft_texts texts = {0};
	(void)state;

	buffer_puts(&json, "{\"nftables\":");
	for (int i = 0; i < 100000; i++)
		buffer_puts(&json, "[");
	assert_int_equal(read_json(json.data, &texts, &said), -EINVAL);
	assert_non_null(strstr(said.data, "nft-json"));
	nft_texts_fini(&texts);
	buffer_fini(&json);
	buffer_fini(&said);
}

static void files_are_known_by_what_they_hold(void **state)
{
	(void)state;

	assert_true(nft_is_json(TEXT(" {\n \"nftables\": []}")));
	assert_false(nft_is_json(TEXT("{\"other\": []}")));
	assert_true(nft_is_script(TEXT("#!/usr/sbin/nft -f\n"), "x"));
	assert_true(nft_is_script(TEXT("# of the edge\n\ntable inet filter {"), "x"));
	assert_true(nft_is_script(TEXT("flush ruleset\n"), "x"));
	assert_true(nft_is_script(TEXT("add table ip x"), "x"));
	assert_true(nft_is_script(TEXT(""), "x.nft"));
	assert_false(nft_is_script(TEXT("add bans 192.0.2.1\n"), "x"));
	assert_false(nft_is_script(TEXT("flush bans\n"), "x"));
	assert_false(nft_is_script(TEXT("create bans hash:ip\n"), "x"));
	assert_false(nft_is_script(TEXT("*filter\nCOMMIT\n"), "x"));
}

/* Where this machine has what it takes: nft, and namespaces. */
static void scripts_are_listed_or_refused(void **state)
{
	struct diagnostics *sink = diagnostics_new();
	struct buffer json = {0}, said = {0};
	(void)state;

	int error =
	    nft_scratch_list(TEXT("table ip t {\n chain c {\n  drop\n }\n}\n"), "script", sink, &json);
	if (error == -ENOENT || error == -EPERM) {
		diagnostics_free(sink);
		skip();
	}
	assert_int_equal(error, 0);
	assert_true(nft_is_json((struct text){json.data, json.size}));
	assert_non_null(strstr(json.data, "\"drop\""));
	error = nft_scratch_list(TEXT("table ip t {\n chain c {\n  dorp\n }\n}\n"), "script", sink, &json);
	assert_int_equal(error, -EINVAL);
	diagnostics_print(sink, &said);
	if (!said.data || !strstr(said.data, "script:3:7: error[nft-refused]"))
		fail_msg("%s", said.data ? said.data : "");
	diagnostics_free(sink);
	buffer_fini(&json);
	buffer_fini(&said);
}

/* Of a user's file; what weir itself had written it does not say twice. */
static void what_is_not_the_same_is_said(void **state)
{
	static const struct {
		const char *statements, *code;
		bool said;
	} cases[] = {
	    {MATCH("==", PAYLOAD("tcp", "dport"), "22") "," DROP, "[nft-authentication-header]", true},
	    {MATCH("==", PAYLOAD("ip6", "saddr"), "\"2001:db8::1\"") "," DROP, "[nft-authentication-header]",
	     false},
	    {"{\"dup\":{\"addr\":\"192.0.2.1\",\"dev\":\"eth1\"}}", "[nft-interface-name]", true},
	    {"{\"dup\":{\"addr\":\"192.0.2.1\"}}", "[nft-interface-name]", false},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer json = {0}, said = {0};
		struct ruleset *ruleset = NULL;
		struct diagnostics *sink = diagnostics_new();
		const char *family = strstr(cases[i].statements, "dup") ? "ip" : "inet";
		buffer_printf(&json,
			      "{\"nftables\":[{\"table\":{\"family\":\"%s\",\"name\":\"t\",\"handle\":1}},"
			      "{\"chain\":{\"family\":\"%s\",\"table\":\"t\",\"name\":\"c\",\"handle\":2,"
			      "\"type\":\"filter\",\"hook\":\"input\",\"prio\":0,\"policy\":\"accept\"}},"
			      "{\"rule\":{\"family\":\"%s\",\"table\":\"t\",\"chain\":\"c\",\"handle\":7,"
			      "\"expr\":[%s]}}]}",
			      family, family, family, cases[i].statements);
		struct rules_text text = {"list.json", {json.data, json.size}};
		int error = rules_load_texts(&text, 1, sink, &ruleset);
		diagnostics_print(sink, &said);
		if (error || (said.data && strstr(said.data, cases[i].code)) != cases[i].said)
			fail_msg("%d %s: %s", error, cases[i].statements, said.data ? said.data : "");
		ruleset_free(ruleset);
		diagnostics_free(sink);
		buffer_fini(&json);
		buffer_fini(&said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rules_become_lines),
	    cmocka_unit_test(rulesets_become_texts),
	    cmocka_unit_test(deep_json_is_refused),
	    cmocka_unit_test(files_are_known_by_what_they_hold),
	    cmocka_unit_test(scripts_are_listed_or_refused),
	    cmocka_unit_test(what_is_not_the_same_is_said),
	};

	return cmocka_run_group_tests_name("nft_read", tests, NULL, NULL);
}
