/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a match means as a diagram against what it says of one packet, for random packets with all fields
 * known: where it knows, the diagram must say the same whatever the opaque predicates are, and where it does
 * not, they must decide. */
#include "extension_rules.h"

#include "extension/extension.h"
#include "extension/fields.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define PACKETS 400      /* for each rule */
#define PREDICATES_MAX 6 /* of one match, all of whose values are tried */

static const char *const sets4 = "create a hash:ip family inet hashsize 1024 maxelem 65536\n"
				 "add a 192.0.2.1\n"
				 "add a 192.0.2.3\n"
				 "create n hash:net family inet hashsize 1024 maxelem 65536\n"
				 "add n 192.0.2.0/29\n"
				 "add n 192.0.2.2/31 nomatch\n"
				 "add n 192.0.2.3\n"
				 "create p hash:ip,port family inet hashsize 1024 maxelem 65536\n"
				 "add p 192.0.2.1,tcp:80\n"
				 "add p 192.0.2.1,udp:53\n"
				 "add p 192.0.2.2,icmp:8/0\n"
				 "add p 192.0.2.3,47:0\n"
				 "create d hash:ip,port family inet hashsize 1024 maxelem 65536\n"
				 "add d 192.0.2.1,33:0\n"
				 "add d 192.0.2.1,tcp:80\n"
				 "create t hash:net family inet hashsize 1024 maxelem 65536 timeout 600\n"
				 "add t 192.0.2.0/30 timeout 0\n"
				 "add t 192.0.2.1 timeout 60 nomatch\n"
				 "add t 192.0.2.5 timeout 60\n"
				 "create z hash:ip family inet hashsize 1024 maxelem 65536 netmask 30\n"
				 "add z 192.0.2.4\n"
				 "create e hash:ip family inet hashsize 1024 maxelem 65536\n"
				 "create c hash:ip family inet hashsize 1024 maxelem 65536 counters\n"
				 "add c 192.0.2.1\nadd c 192.0.2.3\n"
				 "create b bitmap:ip range 192.0.2.0/24 netmask 30\n"
				 "add b 192.0.2.4\n"
				 "create bp bitmap:port range 0-65535\n"
				 "add bp 53\nadd bp 80\n"
				 "create np hash:net,port\n"
				 "add np 192.0.2.0/30,udp:53\n"
				 "create o list:set size 8\n"
				 "add o a\nadd o np\n";

static const char *const sets6 = "create p hash:ip,port family inet6 hashsize 1024 maxelem 65536\n"
				 "add p 2001:db8::1,tcp:80\n"
				 "add p 2001:db8::2,icmpv6:128/0\n"
				 "create n hash:net family inet6 hashsize 1024 maxelem 65536\n"
				 "add n 2001:db8::/125\n"
				 "add n 2001:db8::2/127 nomatch\n";

/* "~": the diagram leaves open what evaluation knows. */
static const char *const rules4[] = {
    "-p tcp -m tcp",
    "-p tcp --dport 80",
    "-p tcp ! --dport 80 --sport 50:60",
    "-p tcp ! --dport 0:65535",
    "-p tcp --syn",
    "-p tcp ! --tcp-flags SYN,ACK SYN",
    "-p tcp --tcp-flags FIN SYN",
    "-p tcp ! --tcp-flags FIN SYN",
    "-p tcp --tcp-option 2 --dport 80",
    "-p tcp ! --tcp-option 2",
    "-p udp --dport 90:80",
    "-p udp ! --dport 90:80",
    "-p udp --dport 50:",
    "-p icmp --icmp-type any",
    "-p icmp ! --icmp-type any",
    "-p icmp --icmp-type 8",
    "-p icmp ! --icmp-type 8/0",
    "-p tcp -m multiport --dports 53,80:90",
    "-p udp -m multiport ! --ports 53,80:90",
    "-p udp -m multiport --sports 53",
    "-m state --state NEW,ESTABLISHED",
    "-m state ! --state INVALID",
    "-m conntrack --ctstate NEW",
    "-m conntrack ! --ctstate NEW,UNTRACKED",
    "-m conntrack --ctstate DNAT,RELATED",
    "-m conntrack ! --ctstate SNAT",
    "-m conntrack --ctstate UNTRACKED,NEW --ctproto tcp",
    "-m conntrack --ctdir REPLY",
    "-m conntrack ! --ctexpire 5",
    "-m set --match-set a src",
    "-m set ! --match-set a dst",
    "-m set --match-set n src",
    "-m set ! --match-set n src",
    "~-m set --match-set n src --return-nomatch",
    "-m set --match-set p src,dst",
    "-m set ! --match-set p src,src",
    "-m set --match-set p src",
    "-m set ! --match-set p dst",
    "~-m set --match-set d src,dst",
    "~-m set ! --match-set d src,dst",
    "-m set --match-set t src",
    "-m set ! --match-set t dst",
    "-m set --match-set z src",
    "-m set --match-set e src",
    "~-m set --match-set o src",
    "-m set --match-set c src --packets-gt 3",
    "-m set ! --match-set c src --packets-gt 3",
    "-m set --match-set a src --packets-gt 3",
    "-m set --match-set b src",
    "-m set --match-set bp dst",
    "-m set ! --match-set bp dst",
    "-p udp -m set --match-set bp src",
    "-p udp -m set ! --match-set bp dst",
    "-p tcp -m multiport --dports 53,80:90",
    "-p tcp -m multiport ! --ports 53,80:90",
    "~-m set ! --match-set np src,dst",
    "-m comment --comment x",
    "-m limit --limit 3/min",
    "~-m mark ! --mark 0x1",
    "-m connmark --mark 0x1",
    "-m connmark ! --mark 0x1",
    "-m connbytes --connbytes 5:10 --connbytes-dir both --connbytes-mode packets",
    "-m connbytes ! --connbytes 5:10 --connbytes-dir both --connbytes-mode packets",
    "-m connlabel --label 5",
    "-m connlabel ! --label 5",
    "-m connlabel ! --label 5 --set",
    "-m helper --helper ftp",
    "-m helper ! --helper ftp",
    "-m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 5",
    "-m cluster --cluster-total-nodes 2 ! --cluster-local-node 1 --cluster-hash-seed 5",
    "-m rpfilter",
    "-m rpfilter --invert",
    "-m statistic --mode random --probability 1",
    "-m statistic --mode random ! --probability 1",
    "-m statistic --mode random --probability 0",
    "-m statistic --mode random ! --probability 0.5",
    "-m statistic --mode nth --every 2 --packet 0",
    "-p tcp -m osf --genre Linux",
    "-p tcp -m osf ! --genre Linux",
    "-m iprange --src-range 192.0.2.3-192.0.2.6",
    "-m iprange ! --dst-range 192.0.2.0-192.0.2.5 --src-range 192.0.2.2-224.0.0.3",
    "-m iprange --src-range 192.0.2.9-192.0.2.3",
    "-m iprange ! --src-range 192.0.2.9-192.0.2.3",
    "-m iprange ! --src-range 0.0.0.0-255.255.255.255",
    "-m addrtype --dst-type MULTICAST,LOCAL",
    "-m addrtype ! --dst-type MULTICAST,LOCAL",
    "-m addrtype ! --src-type BROADCAST",
    "-m addrtype --src-type UNICAST ! --dst-type LOCAL --limit-iface-in",
    "-p sctp -m sctp --sport 50:90 ! --dport 80",
    "-p sctp -m sctp ! --dport 0:65535",
    "-p sctp -m sctp --chunk-types any INIT",
    "-p sctp -m sctp --dport 80 ! --chunk-types all DATA:B,SACK",
    "-m quota --quota 5",
    "-m recent --rcheck",
    "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a",
    "-m connlimit --connlimit-above 3",
    "~-m time --timestart 10:00",
    "~-m ttl ! --ttl-eq 5",
    "~-m pkttype --pkt-type unicast",
    "~-m mac ! --mac-source 02:00:00:00:00:01",
    "-m physdev --physdev-in eth0",
    "-m policy --dir in --pol none",
    "-m socket",
    "-m cpu --cpu 0",
    "-m realm --realm 5",
    "-m devgroup --src-group 5",
    "-m cgroup --cgroup 5",
    "-m nfacct --nfacct-name x",
    "-m ipvs --ipvs",
    "-m rateest --rateest a --rateest-lt --rateest-bps 5bit",
    "-m owner --uid-owner 5",
    "-p dccp -m dccp --sport 50:90 ! --dport 80",
    "~-p dccp -m dccp --dport 80 ! --dccp-types REQUEST",
    "~-p ah -m ah ! --ahspi 5",
    "~-p esp -m esp --espspi 5:9",
    "~-p ipcomp -m ipcomp --ipcompspi 5",
    "~-p tcp -m tcpmss --mss 5:9",
    "~-p tcp -m ecn ! --ecn-tcp-cwr",
    "~-m length ! --length 5:90",
    "~-m dscp ! --dscp 5",
    "~-m tos ! --tos 5",
    "~-m string --string a --algo bm",
    "~-m u32 --u32 \"0&0xff=5\"",
    "~-m bpf --bytecode \"1,6 0 0 1\"",
};

static const char *const rules6[] = {
    "-p ipv6-icmp --icmpv6-type 128",
    "-p ipv6-icmp ! --icmpv6-type 128/0",
    "-p tcp --dport 80",
    "-m set --match-set p src,dst",
    "-m set ! --match-set p src,dst",
    "-m set --match-set n src",
    "-m set ! --match-set n dst",
    "-p tcp -m multiport ! --dports 80",
    "-m rpfilter",
    "-m rpfilter --invert",
    "-m iprange --src-range 2001:db8::3-2001:db8::ffff:9",
    "-m iprange ! --dst-range ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "-m addrtype --dst-type UNICAST",
    "-m addrtype ! --src-type MULTICAST --dst-type LOCAL",
    "-m addrtype --src-type UNSPEC",
    "-m addrtype ! --src-type UNSPEC",
    "-m addrtype --dst-type UNICAST,LOCAL",
    "-m addrtype --dst-type UNICAST,MULTICAST",
};

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t random_below(uint32_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % limit;
}

/* One of a few near each other, or at times one of those that are of a kind of their own. */
static void random_address(enum family family, uint8_t *bytes)
{
	static const char *const special4[] = {"0.0.0.0", "0.0.0.1", "224.0.0.3", "239.0.0.1",
					       "255.255.255.255"};
	static const char *const special6[] = {"::", "::1", "ff02::1", "fe80::1", "::ffff:192.0.2.1"};
	address value;
	char text[INET6_ADDRSTRLEN];

	snprintf(text, sizeof(text), "%s%u",
		 family == FAMILY_IPV4 ? "192.0.2." : "2001:db8::", (unsigned)random_below(9));
	if (!random_below(4))
		snprintf(text, sizeof(text), "%s",
			 (family == FAMILY_IPV4 ? special4 : special6)[random_below(5)]);
	memset(bytes, 0, 16);
	assert_int_equal(address_parse(family, text_of(text), &value), 0);
	address_to_bytes(family, value, bytes);
}

/* As a decoder leaves it: ports only where the protocol has them, nothing of a later fragment. */
static void random_packet(enum family family, uint8_t protocol, struct packet *packet)
{
	static const uint8_t protocols4[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE,
					     IPPROTO_DCCP};
	static const uint8_t protocols6[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6, IPPROTO_NONE,
					     IPPROTO_SCTP};
	static const uint16_t ports[] = {0, 53, 55, 80, 85, 90, 65535};

	*packet = (struct packet){.family = family, .known = ~0u, .length = 100};
	strcpy(packet->in, "eth0");
	random_address(family, packet->source);
	random_address(family, packet->destination);
	packet->protocol =
	    protocol ? protocol : (family == FAMILY_IPV4 ? protocols4 : protocols6)[random_below(5)];
	packet->more_fragments = random_below(6) == 0;
	packet->fragment_offset = (uint16_t)(random_below(5) == 0 ? 1 + random_below(3) : 0);
	if (packet->fragment_offset)
		return;
	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) {
		packet->icmp_type =
		    (uint8_t)(random_below(2) ? (family == FAMILY_IPV4 ? 8 : 128) : random_below(256));
		packet->icmp_code = (uint8_t)random_below(2);
	} else if (packet->protocol != IPPROTO_GRE && packet->protocol != IPPROTO_NONE) {
		packet->source_port = ports[random_below(7)];
		packet->destination_port = ports[random_below(7)];
	}
	if (packet->protocol == IPPROTO_TCP)
		packet->tcp_flags = (uint8_t)random_below(256);
}

struct tried {
	struct fields *fields;
	diagram_node mean;
	bool *bits, *opaque;
	bool vague;
};

/* 1 << what the diagram says, for all values of the opaque predicates. */
static unsigned diagram_says(const struct tried *tried, const struct packet *packet,
			     enum connection_state state)
{
	size_t count = tried->fields->predicate_count;
	unsigned said = 0;

	assert_in_range(count, 0, PREDICATES_MAX);
	for (unsigned values = 0; values < 1u << count; values++) {
		for (size_t i = 0; i < count; i++)
			tried->opaque[i] = values >> i & 1;
		fields_assign(tried->fields, packet, state, tried->opaque, tried->bits);
		said |= 1u << (diagram_evaluate(tried->fields->diagram, tried->mean, tried->bits) != 0);
	}
	return said;
}

static void compare(const struct tried *tried, const struct match *match, const struct rule *rule,
		    const struct packet *packet, const char *text)
{
	struct evaluation evaluation = {
	    .has_state = TRUTH_YES, .state_known = true, .state = random_below(STATE_COUNT)};
	enum truth truth = match->type->evaluate(match, rule, packet, &evaluation);
	unsigned said = diagram_says(tried, packet, evaluation.state);
	unsigned open = 1u << false | 1u << true;
	unsigned expected = truth == TRUTH_UNKNOWN ? open : 1u << (truth == TRUTH_YES);

	if (said == expected || (tried->vague && said == open))
		return;
	struct buffer out = {0};
	packet_print(packet, &out);
	print_error("%s: evaluate() says %d, the diagram %u, offset %u, protocol %u, state %d, of %s\n", text,
		    truth, said, packet->fragment_offset, packet->protocol, evaluation.state,
		    out.data ? out.data : "");
	buffer_fini(&out);
	fail();
}

static void check_rule(enum family family, const char *sets, const char *text)
{
	bool vague = *text == '~';
	text += vague;
	struct loaded loaded = load_rules(family, "mangle", sets, text);
	const struct match *match = &loaded.rule->matches[0];
	struct tried tried = {.fields = fields_new(family), .vague = vague};
	assert_non_null(tried.fields);
	if (match->type->declare)
		assert_int_equal(match->type->declare(match, loaded.rule, tried.fields), 0);
	size_t declared = tried.fields->predicate_count;
	assert_int_equal(fields_seal(tried.fields, 100000), 0);
	tried.mean = match->type->mean(match, loaded.rule, tried.fields);
	assert_int_not_equal(tried.mean, DIAGRAM_UNDECIDED);
	assert_int_equal(tried.fields->predicate_count, declared); /* mean() finds, and makes nothing new */
	tried.bits = calloc(diagram_variables(tried.fields->diagram) + 1, sizeof(bool));
	tried.opaque = calloc(declared + 1, sizeof(bool));
	for (unsigned i = 0; i < PACKETS; i++) {
		struct packet packet;
		random_packet(family, loaded.rule->protocol, &packet);
		compare(&tried, match, loaded.rule, &packet, text);
	}
	free(tried.bits);
	free(tried.opaque);
	fields_free(tried.fields);
	loaded_free(&loaded);
}

static void the_diagram_agrees_with_evaluation(void **state)
{
	(void)state;
	print_message("# seed %#llx\n", (unsigned long long)seed);
	for (size_t i = 0; i < sizeof(rules4) / sizeof(*rules4); i++)
		check_rule(FAMILY_IPV4, sets4, rules4[i]);
	for (size_t i = 0; i < sizeof(rules6) / sizeof(*rules6); i++)
		check_rule(FAMILY_IPV6, sets6, rules6[i]);
}

/* The last rule's first match, and the one before it, as diagrams over the same fields. */
static void mean_two(const char *table, const char *rules, bool *same, bool *opposite)
{
	struct loaded loaded = load_rules(FAMILY_IPV4, table, sets4, rules);
	struct fields *fields = fields_new(FAMILY_IPV4);
	const struct rule *pair[2] = {loaded.rule - 1, loaded.rule};
	diagram_node means[2];

	assert_non_null(fields);
	for (int i = 0; i < 2; i++) {
		const struct match *match = &pair[i]->matches[0];
		assert_int_equal(match->type->declare ? match->type->declare(match, pair[i], fields) : 0, 0);
	}
	assert_int_equal(fields_seal(fields, 100000), 0);
	for (int i = 0; i < 2; i++)
		means[i] = pair[i]->matches[0].type->mean(&pair[i]->matches[0], pair[i], fields);
	*same = means[0] == means[1];
	*opposite = diagram_not(fields->diagram, means[0]) == means[1];
	fields_free(fields);
	loaded_free(&loaded);
}

static void opaque_matches_share_what_may_be_shared(void **state)
{
	(void)state;
	static const struct {
		const char *rules;
		bool same, opposite;
	} cases[] = {
	    {"-m mac --mac-source 02:00:00:00:00:01\n-m mac --mac-source 02:00:00:00:00:01", true, false},
	    {"-m mac --mac-source 02:00:00:00:00:01\n-m mac --mac-source 02:00:00:00:00:02", false, false},
	    /* Without an Ethernet header both are false. */
	    {"-m mac --mac-source 02:00:00:00:00:01\n-m mac ! --mac-source 02:00:00:00:00:01", false, false},
	    {"-m mark --mark 0x1\n-m mark ! --mark 0x1", false, true},
	    {"-m pkttype --pkt-type unicast\n-m pkttype ! --pkt-type unicast", false, true},
	    {"-m string ! --string \"a ! --b\" --algo bm\n-m string --string \"a ! --b\" --algo bm", false,
	     false},
	    {"-m limit --limit 3/min\n-m limit --limit 3/min", false, false},
	    {"-m statistic --mode random --probability 0.5\n-m statistic --mode random --probability 0.5",
	     false, false},
	    {"-m conntrack --ctdir REPLY\n-m conntrack --ctdir REPLY", true, false},
	    /* What a connection is like is taken to stay while a packet passes a table. */
	    {"-m connmark --mark 1\n-m connmark --mark 1", true, false},
	    {"-m connbytes --connbytes 5 --connbytes-dir both --connbytes-mode bytes\n"
	     "-m connbytes --connbytes 5 --connbytes-dir both --connbytes-mode bytes",
	     true, false},
	    {"-m connlabel --label 5\n-m connlabel --label 5", false, false},
	    {"-m conntrack --ctstatus ASSURED\n-m conntrack --ctstatus ASSURED", true, false},
	    {"-m conntrack --ctorigsrc 192.0.2.1\n-m conntrack --ctorigsrc 192.0.2.1", true, false},
	    {"-m iprange --src-range 192.0.2.1-192.0.2.3\n-m iprange ! --src-range 192.0.2.1-192.0.2.3",
	     false, true},
	    {"-m addrtype --dst-type LOCAL\n-m addrtype ! --dst-type LOCAL", false, true},
	    {"-m addrtype --dst-type LOCAL\n-m addrtype --src-type LOCAL", false, false},
	    {"-m addrtype --dst-type LOCAL\n-m addrtype --dst-type LOCAL --limit-iface-in", false, false},
	    {"-p sctp -m sctp --chunk-types any INIT\n-p sctp -m sctp --chunk-types any INIT", true, false},
	    {"-p sctp -m sctp --chunk-types any INIT\n-p sctp -m sctp --chunk-types all INIT", false, false},
	    {"-m quota --quota 5\n-m quota --quota 5", false, false},
	    {"-m cpu --cpu 0\n-m cpu --cpu 0", false, false},
	    {"-m time --timestart 10:00\n-m time --timestart 10:00", false, false},
	    {"-m recent --rcheck\n-m recent --rcheck", false, false},
	    {"-m conntrack --ctexpire 5\n-m conntrack --ctexpire 5", false, false},
	    {"-m set --match-set c src --packets-gt 3\n-m set --match-set c src --packets-gt 3", false,
	     false},
	    {"-m set --match-set np src,dst\n-m set --match-set np src,dst", true, false},
	    {"-m set --match-set np src,dst\n-m set ! --match-set np src,dst", false, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool same, opposite;
		mean_two("filter", cases[i].rules, &same, &opposite);
		if (same != cases[i].same || opposite != cases[i].opposite)
			fail_msg("%s: same %d, opposite %d", cases[i].rules, same, opposite);
	}
}

static void a_plain_set_has_a_meaning(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		bool has;
	} cases[] = {
	    {"-m set --match-set a src", true},
	    {"-m set ! --match-set a src", false},
	    {"-m set --match-set p src", false},
	    {"-m set --match-set n src --return-nomatch", false},
	    {"-m set --match-set c src --packets-gt 3", false},
	    {"-m set --match-set np src,dst", false},
	    {"-m set --match-set b src", true},
	    {"-m comment --comment x", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loaded loaded = load_rules(FAMILY_IPV4, "filter", sets4, cases[i].rule);
		struct fields *fields = fields_new(FAMILY_IPV4);
		struct set_meaning meaning = {0};
		const struct match *match = &loaded.rule->matches[0];
		if (match->type->declare)
			assert_int_equal(match->type->declare(match, loaded.rule, fields), 0);
		assert_int_equal(fields_seal(fields, 1000), 0);
		assert_int_equal(match_set_meaning(match, fields, &meaning), cases[i].has);
		if (cases[i].has)
			assert_non_null(meaning.certain);
		fields_free(fields);
		loaded_free(&loaded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_diagram_agrees_with_evaluation),
	    cmocka_unit_test(opaque_matches_share_what_may_be_shared),
	    cmocka_unit_test(a_plain_set_has_a_meaning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
