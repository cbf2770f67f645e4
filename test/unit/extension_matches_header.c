/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The matches on what stands in the packet's bytes: length, string, u32, bpf, dscp, tos, ecn, the extension
 * headers of IPv6, ah, esp, ipcomp, dccp, TCP options, icmp. How they are read and printed, what they say of
 * packets, and what they say when not all of a packet is known or something has changed it. */
#include "extension_rules.h"

#include "extension/extension.h"
#include "extension/fields.h"
#include "ruleset/rule_parser.h"

#include "extension_matches_header_lines.h"
#include "extension_matches_header_packets.h"

#define LINK_RAW 101
#define BYTES_MAX 256

/* The packet's bytes stay in `bytes`. */
static void decode(const char *hex, size_t captured, uint8_t bytes[BYTES_MAX], struct packet *packet)
{
	size_t size = strlen(hex) / 2;
	enum link_verdict verdict;

	assert_in_range(size, 1, BYTES_MAX);
	for (size_t i = 0; i < size; i++) {
		unsigned byte;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (uint8_t)byte;
	}
	assert_int_equal(packet_decode(LINK_RAW, bytes, captured && captured < size ? captured : size, size,
				       packet, &verdict),
			 0);
	assert_int_equal(verdict, FRAME_OK);
}

/* The rule's last match on that packet. */
static enum truth evaluate_packet(const char *rule, const struct packet *packet, bool *hot_drop)
{
	struct loaded loaded = load_rules(packet->family, "raw", "", rule);
	struct evaluation evaluation = {.has_state = TRUTH_NO, .certain = true};

	const struct match *match = &loaded.rule->matches[loaded.rule->match_count - 1];
	assert_true(match->type->modelled);
	enum truth truth = match->type->evaluate(match, loaded.rule, packet, &evaluation);
	*hot_drop = evaluation.hot_drop;
	loaded_free(&loaded);
	return truth;
}

static void reads_and_prints_as_iptables_does(void **state)
{
	(void)state;
	ASSERT_LINES(lines, "");
}

static void matches_say_what_the_kernel_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(evaluate_cases) / sizeof(*evaluate_cases); i++) {
		uint8_t bytes[BYTES_MAX];
		struct packet packet;
		bool hot_drop;
		decode(evaluate_cases[i].packet, 0, bytes, &packet);
		enum truth truth = evaluate_packet(evaluate_cases[i].rule, &packet, &hot_drop);
		if (truth != evaluate_cases[i].truth || hot_drop != evaluate_cases[i].hot_drop)
			fail_msg("%s on %s: %d, hot drop %d", evaluate_cases[i].rule,
				 evaluate_cases[i].packet, truth, hot_drop);
	}
}

static void nothing_is_said_of_bytes_that_are_not_there(void **state)
{
	static const struct {
		enum family family;
		const char *rule;
	} rules[] = {
	    {FAMILY_IPV4, "-m length --length 40"},
	    {FAMILY_IPV4, "-m dscp --dscp 0"},
	    {FAMILY_IPV4, "-m tos --tos 0"},
	    {FAMILY_IPV4, "-m ecn --ecn-ip-ect 0"},
	    {FAMILY_IPV4, "-p tcp -m ecn --ecn-tcp-ece"},
	    {FAMILY_IPV4, "-m string --string a --algo bm"},
	    {FAMILY_IPV4, "-m string ! --string a --algo bm"},
	    {FAMILY_IPV4, "-m u32 --u32 0=0"},
	    {FAMILY_IPV4, "-m u32 ! --u32 0xffffffff=0"},
	    {FAMILY_IPV4, "-m bpf --bytecode \"2,48 0 0 0,22 0 0 0\""},
	    {FAMILY_IPV4, "-m bpf --object-pinned /sys/fs/bpf/program"},
	    {FAMILY_IPV4, "-p tcp -m tcp --tcp-option 2"},
	    {FAMILY_IPV4, "-p tcp -m tcpmss --mss 1"},
	    {FAMILY_IPV4, "-p ah -m ah"},
	    {FAMILY_IPV4, "-p esp -m esp"},
	    {FAMILY_IPV4, "-p ipcomp -m ipcomp"},
	    {FAMILY_IPV4, "-p dccp -m dccp --dccp-types ACK"},
	    {FAMILY_IPV6, "-m ah"},
	    {FAMILY_IPV6, "-m frag"},
	    {FAMILY_IPV6, "-m rt"},
	    {FAMILY_IPV6, "-m srh"},
	    {FAMILY_IPV6, "-m hbh"},
	    {FAMILY_IPV6, "-m dst"},
	    {FAMILY_IPV6, "-p mh -m mh"},
	    {FAMILY_IPV6, "-m ipv6header --header none"},
	    {FAMILY_IPV6, "-m eui64"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		struct packet packet = {.family = rules[i].family, .known = KNOWN_FRAGMENT};
		bool hot_drop;
		if (evaluate_packet(rules[i].rule, &packet, &hot_drop) != TRUTH_UNKNOWN || hot_drop)
			fail_msg("%s", rules[i].rule);
	}
}

struct cut_case {
	const char *packet;
	size_t captured;
	const char *rule;
	enum truth truth;
};

static void a_snapshot_length_leaves_the_rest_unknown(void **state)
{
	static const struct cut_case cases[] = {
	    {get4, 45, "-m string --string \"GET /\" --algo bm", TRUTH_YES},
	    {get4, 45, "-m string --string index --algo bm", TRUTH_UNKNOWN},
	    {get4, 45, "-m string ! --string index --algo bm", TRUTH_UNKNOWN},
	    {get4, 45, "-m string --string index --algo bm --to 44", TRUTH_NO},
	    {get4, 45, "-m string --string indexes-are-long-words --algo bm", TRUTH_NO},
	    {get4, 45, "-m u32 --u32 55=0x2f312e31", TRUTH_UNKNOWN},
	    {get4, 45, "-m u32 --u32 56=0x2f312e31", TRUTH_NO},
	    {get4, 45, "-m u32 --u32 \"55=0x2f312e31&&0>>28=6\"", TRUTH_NO},
	    {get4, 45, "-m bpf --bytecode \"2,48 0 0 50,22 0 0 0\"", TRUTH_UNKNOWN},
	    {get4, 45, "-m bpf --bytecode \"2,48 0 0 59,22 0 0 0\"", TRUTH_NO},
	    {get4, 45, "-m length --length 59", TRUTH_YES},
	    {syn4, 44, "-p tcp -m tcp --tcp-option 2", TRUTH_UNKNOWN},
	    {rt0_6, 64, "-m rt --rt-type 0 --rt-segsleft 1", TRUTH_YES},
	    {rt0_6, 64, "-m rt --rt-type 0 --rt-0-addrs 2001:db8::1,2001:db8::2", TRUTH_UNKNOWN},
	    {rt0_6, 64, "-m rt --rt-type 0 --rt-0-addrs 2001:db8::3,2001:db8::2", TRUTH_NO},
	    {srh6, 64, "-m srh --srh-lsid 2001:db8::1", TRUTH_YES},
	    {srh6, 64, "-m srh --srh-nsid 2001:db8::1", TRUTH_YES},
	    {srh6, 63, "-m srh --srh-nsid 2001:db8::1", TRUTH_UNKNOWN},
	    {hbh6, 56, "-m hbh --hbh-opts 5", TRUTH_YES},
	    {hbh6, 43, "-m hbh --hbh-opts 5", TRUTH_UNKNOWN},
	    {hbh6, 43, "-m hbh --hbh-opts 6", TRUTH_NO},
	    {hbh6, 43, "-m hbh --hbh-opts 5:2", TRUTH_UNKNOWN},
	    {hbh6, 44, "-m ipv6header --header hop", TRUTH_UNKNOWN},
	    {hbh6, 44, "-m frag", TRUTH_UNKNOWN},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t bytes[BYTES_MAX];
		struct packet packet;
		bool hot_drop;
		decode(cases[i].packet, cases[i].captured, bytes, &packet);
		enum truth truth = evaluate_packet(cases[i].rule, &packet, &hot_drop);
		if (truth != cases[i].truth || hot_drop)
			fail_msg("%s with %zu bytes: %d, hot drop %d", cases[i].rule, cases[i].captured,
				 truth, hot_drop);
	}
}

static void change_ttl(struct packet *packet)
{
	packet->ttl--;
}

static void change_tos(struct packet *packet)
{
	packet->tos ^= 4;
}

static void change_destination(struct packet *packet)
{
	packet->destination[3]++;
}

static void change_port(struct packet *packet)
{
	packet->destination_port++;
}

static void what_was_changed_on_the_way_is_not_in_the_bytes(void **state)
{
	static const struct {
		void (*change)(struct packet *packet);
		const char *rule;
		enum truth truth;
	} cases[] = {
	    {change_ttl, "-m u32 --u32 8>>24=64", TRUTH_UNKNOWN},
	    {change_ttl, "-m u32 --u32 4>>16=1", TRUTH_YES},
	    {change_ttl, "-m u32 --u32 \"10&0xffff=0xc000\"", TRUTH_UNKNOWN}, /* the checksum */
	    {change_ttl, "-m u32 --u32 12=0xc0000201", TRUTH_YES},
	    {change_ttl, "-m string --string \"GET /\" --algo bm", TRUTH_YES},
	    {change_ttl, "-m string --string nowhere --algo bm", TRUTH_NO},
	    {change_ttl, "-m string --hex-string \"|40|\" --algo bm --to 9", TRUTH_UNKNOWN},
	    {change_ttl, "-m bpf --bytecode \"2,48 0 0 8,22 0 0 0\"", TRUTH_UNKNOWN},
	    {change_tos, "-m u32 --u32 0>>28=4", TRUTH_UNKNOWN},
	    {change_tos, "-m dscp --dscp 47", TRUTH_YES},
	    {change_tos, "-m dscp --dscp 46", TRUTH_NO},
	    {change_tos, "-m tos --tos 0xbc", TRUTH_YES},
	    {change_destination, "-m u32 --u32 12=0xc0000201", TRUTH_YES},
	    {change_destination, "-m u32 --u32 16=0xcb007109", TRUTH_UNKNOWN},
	    {change_destination, "-m u32 --u32 36=0", TRUTH_UNKNOWN}, /* TCP's checksum */
	    {change_destination, "-m u32 --u32 40=0x47455420", TRUTH_YES},
	    {change_port, "-m u32 --u32 20=0x04000050", TRUTH_UNKNOWN},
	    {change_port, "-m u32 --u32 16=0xcb007109", TRUTH_YES},
	    {change_port, "-m string --string HTTP --algo kmp", TRUTH_YES},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t bytes[BYTES_MAX];
		struct packet packet;
		bool hot_drop;
		decode(get4, 0, bytes, &packet);
		cases[i].change(&packet);
		enum truth truth = evaluate_packet(cases[i].rule, &packet, &hot_drop);
		if (truth != cases[i].truth)
			fail_msg("case %zu, %s: %d", i, cases[i].rule, truth);
	}
}

static void eui64_compares_the_source_address_with_the_mac(void **state)
{
	struct packet packet = {
	    .family = FAMILY_IPV6,
	    .known = KNOWN_SOURCE | KNOWN_MAC,
	    .mac = {0x02, 0x00, 0x5e, 0x00, 0x53, 0x01},
	    .source = {0x20, 0x01, 0x0d, 0xb8, [8] = 0x00, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x53, 0x01}};
	bool hot_drop;
	(void)state;

	assert_int_equal(evaluate_packet("-m eui64", &packet, &hot_drop), TRUTH_YES);
	packet.source[8] = 0x02;
	assert_int_equal(evaluate_packet("-m eui64", &packet, &hot_drop), TRUTH_NO);
	packet.known = KNOWN_SOURCE;
	assert_int_equal(evaluate_packet("-m eui64", &packet, &hot_drop), TRUTH_UNKNOWN);
}

/* The node of the rule's last match. */
static diagram_node mean_of(const struct loaded *loaded, const struct fields *fields)
{
	const struct match *match = &loaded->rule->matches[loaded->rule->match_count - 1];

	return match->type->mean(match, loaded->rule, fields);
}

static void check_meanings(enum family family, const char *first, const char *second, bool same, bool never)
{
	struct loaded loaded[2] = {load_rules(family, "raw", "", first),
				   load_rules(family, "raw", "", second)};
	struct fields *fields = fields_new(family);

	assert_non_null(fields);
	for (unsigned i = 0; i < 2; i++) {
		assert_non_null(loaded[i].rule);
		const struct match *match = &loaded[i].rule->matches[loaded[i].rule->match_count - 1];
		if (match->type->declare)
			assert_int_equal(match->type->declare(match, loaded[i].rule, fields), 0);
	}
	assert_int_equal(fields_seal(fields, 10000), 0);
	diagram_node nodes[2] = {mean_of(&loaded[0], fields), mean_of(&loaded[1], fields)};
	assert_true(nodes[0] != DIAGRAM_UNDECIDED && nodes[1] != DIAGRAM_UNDECIDED);
	if ((nodes[0] == nodes[1]) != same || (nodes[1] == DIAGRAM_FALSE) != never)
		fail_msg("%s and %s", first, second);
	fields_free(fields);
	for (unsigned i = 0; i < 2; i++)
		loaded_free(&loaded[i]);
}

/* iptables-save prints nothing for a whole range, be it negated or not. */
static void matches_printed_alike_do_not_mean_the_same(void **state)
{
	(void)state;
	check_meanings(FAMILY_IPV4, "-p esp -m esp", "-p esp -m esp ! --espspi :", false, true);
	check_meanings(FAMILY_IPV4, "-p ah -m ah", "-p ah -m ah ! --ahspi :", false, true);
	check_meanings(FAMILY_IPV4,
		       "-p ipcomp -m ipcomp --ipcompspi :", "-p ipcomp -m ipcomp ! --ipcompspi :", false,
		       true);
	check_meanings(FAMILY_IPV6, "-m frag", "-m frag ! --fragid :", false, true);
	check_meanings(FAMILY_IPV6, "-m rt", "-m rt ! --rt-segsleft :", false, true);
	check_meanings(FAMILY_IPV6, "-p mh -m mh", "-p mh -m mh ! --mh-type :", false, true);
	check_meanings(FAMILY_IPV6, "-m frag", "-m frag --fragid :", true, false);
	check_meanings(FAMILY_IPV4, "-m length --length 40", "-m length --length 0x28", true, false);
	check_meanings(FAMILY_IPV4, "-m dscp --dscp 46", "-m dscp --dscp-class EF", true, false);
	check_meanings(FAMILY_IPV4, "-m dscp --dscp 46", "-m dscp ! --dscp 46", false, false);
	check_meanings(FAMILY_IPV4, "-p dccp -m dccp --dport 80", "-p dccp -m dccp --dport 81", false, false);
	check_meanings(FAMILY_IPV4, "-p dccp -m dccp --dport 80", "-p dccp -m dccp --dport 80:80", true,
		       false);
}

static void a_pinned_program_may_do_anything(void **state)
{
	struct loaded pinned =
	    load_rules(FAMILY_IPV4, "raw", "", "-m bpf --object-pinned /sys/fs/bpf/program");
	struct loaded own = load_rules(FAMILY_IPV4, "raw", "", "-m bpf --bytecode \"1,6 0 0 1\"");
	(void)state;

	assert_non_null(pinned.rule);
	assert_non_null(own.rule);
	assert_int_equal(pinned.rule->matches[0].type->effects(&pinned.rule->matches[0]), EFFECT_UNKNOWN);
	assert_int_equal(own.rule->matches[0].type->effects(&own.rule->matches[0]), 0);
	loaded_free(&pinned);
	loaded_free(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_prints_as_iptables_does),
	    cmocka_unit_test(matches_say_what_the_kernel_says),
	    cmocka_unit_test(nothing_is_said_of_bytes_that_are_not_there),
	    cmocka_unit_test(a_snapshot_length_leaves_the_rest_unknown),
	    cmocka_unit_test(what_was_changed_on_the_way_is_not_in_the_bytes),
	    cmocka_unit_test(eui64_compares_the_source_address_with_the_mac),
	    cmocka_unit_test(matches_printed_alike_do_not_mean_the_same),
	    cmocka_unit_test(a_pinned_program_may_do_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
