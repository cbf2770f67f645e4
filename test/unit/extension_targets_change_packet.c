/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The targets that change the packet or its connection (NAT, marks, header fields): what they ask for and
 * what is left of a packet behind them. */
#include "extension_rules.h"

#include "extension/extension.h"
#include "packet/address.h"
#include "ruleset/rule_parser.h"

#include <netinet/in.h>

/* --- What NAT asks for
 * ------------------------------------------------------------------------------------------- */

static struct nat_range range_of(enum family family, const char *rule)
{
	struct loaded loaded = load_rules(family, "nat", "", rule);
	struct nat_range range;

	assert_int_equal(loaded.rule->target.type->kind, TARGET_REWRITE);
	assert_non_null(loaded.rule->target.type->nat);
	loaded.rule->target.type->nat(&loaded.rule->target, &range);
	loaded_free(&loaded);
	return range;
}

static void nat_tells_its_range(void **state)
{
	(void)state;
	struct nat_range range =
	    range_of(FAMILY_IPV4,
		     "-p tcp -j DNAT --to-destination 192.0.2.1-192.0.2.9:80-90/8080 --random --persistent");
	assert_true(range.has_address && range.has_ports && range.shifted);
	assert_true(range.random && range.persistent && !range.random_fully);
	assert_false(range.source || range.masquerade || range.redirect || range.map);
	assert_true(range.low == 0xc0000201 && range.high == 0xc0000209);
	assert_int_equal(range.port_low, 80);
	assert_int_equal(range.port_high, 90);
	assert_int_equal(range.port_base, 8080);

	range = range_of(FAMILY_IPV4, "-p udp -j DNAT --to-destination :53");
	assert_true(range.has_ports && !range.has_address && !range.shifted);
	assert_int_equal(range.port_low, 53);
	assert_int_equal(range.port_high, 53);

	range = range_of(FAMILY_IPV6, "-j DNAT --to-destination 2001:db8::1");
	assert_true(range.has_address && !range.has_ports);
	assert_true(range.low == ((address)0x20010db8 << 96 | 1) && range.high == range.low);

	range = range_of(FAMILY_IPV4, "-j SNAT --to-source 192.0.2.1 --random-fully");
	assert_true(range.source && range.has_address && range.random_fully && !range.masquerade);

	/* iptables cannot tell the kernel the base of SNAT: it is 0. */
	range = range_of(FAMILY_IPV4, "-p tcp -j SNAT --to-source 192.0.2.1:5-9/7");
	assert_true(range.shifted);
	assert_int_equal(range.port_base, 0);

	range = range_of(FAMILY_IPV4, "-j MASQUERADE");
	assert_true(range.source && range.masquerade && !range.has_address && !range.has_ports);

	range = range_of(FAMILY_IPV4, "-p tcp -j REDIRECT --to-ports 8080");
	assert_true(range.redirect && range.has_ports && !range.source && !range.has_address);
	assert_int_equal(range.port_low, 8080);

	range = range_of(FAMILY_IPV4, "-j NETMAP --to 192.0.2.77/24");
	assert_true(range.map && range.has_address && range.low == 0xc0000200);
	assert_int_equal(range.prefix, 24);
	range = range_of(FAMILY_IPV6, "-j NETMAP --to 2001:db8::/32");
	assert_int_equal(range.prefix, 32);
}

/* --- What is left of a packet
 * ------------------------------------------------------------------------------------- */

static void apply(enum family family, const char *rule, struct packet *packet, struct evaluation *evaluation)
{
	struct loaded loaded = load_rules(family, "mangle", "", rule);

	const struct target *target = &loaded.rule->target;
	assert_int_equal(target->type->kind, TARGET_CHANGE);
	if (target->type->apply)
		target->type->apply(target, packet, evaluation);
	loaded_free(&loaded);
}

#define UNKNOWN (-1)

/* A field before and behind the target; UNKNOWN: it is not known. */
static const struct {
	enum family family;
	const char *rule;
	int64_t before, after;
	uint32_t field; /* KNOWN_... */
} field_cases[] = {
    {FAMILY_IPV4, "-j MARK --set-mark 0x5", 0xff, 0x5, KNOWN_MARK},
    {FAMILY_IPV4, "-j MARK --set-mark 0x5", UNKNOWN, 0x5, KNOWN_MARK},
    {FAMILY_IPV4, "-j MARK --set-mark 0x5/0xf", UNKNOWN, UNKNOWN, KNOWN_MARK},
    {FAMILY_IPV4, "-j MARK --set-mark 0x15/0xf", 0xff, 0xf5, KNOWN_MARK}, /* (mark & ~0x1f) | 0x15 */
    {FAMILY_IPV4, "-j MARK --set-xmark 0x15/0xf", 0xff, 0xe5, KNOWN_MARK},
    {FAMILY_IPV4, "-j MARK --and-mark 0xf0", 0x1ff, 0xf0, KNOWN_MARK},
    {FAMILY_IPV4, "-j MARK --or-mark 0xf0", 0x1, 0xf1, KNOWN_MARK},
    {FAMILY_IPV6, "-j MARK --xor-mark 0xf0", 0xff, 0x0f, KNOWN_MARK},
    {FAMILY_IPV4, "-j DSCP --set-dscp-class EF", 0x03, 0xbb, KNOWN_TOS},
    {FAMILY_IPV4, "-j DSCP --set-dscp 1", UNKNOWN, UNKNOWN, KNOWN_TOS},
    {FAMILY_IPV4, "-j TOS --set-tos 0x10", UNKNOWN, 0x10, KNOWN_TOS},
    {FAMILY_IPV4, "-j TOS --set-tos Minimize-Delay", 0xe3, 0xd0, KNOWN_TOS},
    {FAMILY_IPV4, "-j TOS --set-tos 0x1f/0x0f", 0xff, 0xef, KNOWN_TOS},
    {FAMILY_IPV6, "-j TOS --and-tos 0x0f", 0xff, 0x0f, KNOWN_TOS},
    {FAMILY_IPV4, "-j TOS --or-tos 0x80", 0x01, 0x81, KNOWN_TOS},
    {FAMILY_IPV4, "-j TOS --xor-tos 0x03", 0x01, 0x02, KNOWN_TOS},
    {FAMILY_IPV4, "-j ECN --ecn-ip-ect 2", 0xff, 0xfe, KNOWN_TOS},
    {FAMILY_IPV4, "-j TTL --ttl-set 9", UNKNOWN, 9, KNOWN_TTL},
    {FAMILY_IPV4, "-j TTL --ttl-inc 10", 250, 255, KNOWN_TTL},
    {FAMILY_IPV4, "-j TTL --ttl-inc 1", UNKNOWN, UNKNOWN, KNOWN_TTL},
    {FAMILY_IPV4, "-j TTL --ttl-dec 10", 4, 0, KNOWN_TTL},
    {FAMILY_IPV6, "-j HL --hl-dec 1", 64, 63, KNOWN_TTL},
    {FAMILY_IPV4, "-j CLASSIFY --set-class 1:2", 7, 7, KNOWN_MARK},
};

static void changes_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(field_cases) / sizeof(*field_cases); i++) {
		struct packet packet = {.family = field_cases[i].family};
		struct evaluation evaluation = {.certain = true};
		int64_t after;
		if (field_cases[i].before != UNKNOWN) {
			packet.known = field_cases[i].field;
			packet.mark = (uint32_t)field_cases[i].before;
			packet.tos = packet.ttl = (uint8_t)field_cases[i].before;
		}
		apply(field_cases[i].family, field_cases[i].rule, &packet, &evaluation);
		after = field_cases[i].field == KNOWN_MARK  ? packet.mark
			: field_cases[i].field == KNOWN_TOS ? packet.tos
							    : packet.ttl;
		if (!(packet.known & field_cases[i].field))
			after = UNKNOWN;
		if (after != field_cases[i].after)
			fail_msg("%s: 0x%llx", field_cases[i].rule, (unsigned long long)after);
	}
}

#define MSS 2, 4, 0x05, 0xb4 /* 1460 */
#define PAD4 1, 1, 1, 1

/* An IPv4 packet with a SYN, a TCP header of `size` bytes with these options, and `data` bytes behind it. */
static struct packet syn(uint8_t *bytes, unsigned size, const uint8_t *options, unsigned option_size,
			 unsigned data)
{
	memset(bytes, 0, 20 + size + data);
	bytes[0] = 0x45;
	bytes[3] = (uint8_t)(20 + size + data);
	bytes[8] = 64;
	bytes[9] = IPPROTO_TCP;
	bytes[20 + 12] = (uint8_t)(size / 4 << 4);
	bytes[20 + 13] = 2;
	if (option_size)
		memcpy(bytes + 40, options, option_size);
	return (struct packet){
	    .family = FAMILY_IPV4,
	    .known = KNOWN_PROTOCOL | KNOWN_TCP_FLAGS | KNOWN_LENGTH | KNOWN_FRAGMENT | KNOWN_BYTES,
	    .protocol = IPPROTO_TCP,
	    .tcp_flags = 2,
	    .length = 20 + size + data,
	    .payload = data,
	    .bytes = bytes,
	    .bytes_size = 20 + size + data,
	    .transport = 20,
	};
}

enum left { SAME, BYTES_LOST, LONGER, LENGTH_LOST, DROPPED };

/* What a target left of `before`, all of it. */
static enum left left_of(const struct packet *before, const struct packet *after,
			 const struct evaluation *evaluation)
{
	if (evaluation->hot_drop)
		return DROPPED;
	if (!(after->known & KNOWN_LENGTH)) {
		assert_null(after->bytes);
		return LENGTH_LOST;
	}
	if (after->length != before->length) {
		assert_int_equal(after->length, before->length + 4);
		assert_null(after->bytes);
		return LONGER;
	}
	if (before->bytes && !after->bytes) {
		assert_false(after->known & KNOWN_BYTES);
		return BYTES_LOST;
	}
	return SAME;
}

static const uint8_t with_mss[] = {MSS}, without[] = {PAD4}, behind[] = {PAD4, MSS}, cut[] = {1, 2, 4, 5};

static const struct {
	const char *options;
	unsigned header; /* bytes of the TCP header */
	const uint8_t *bytes;
	unsigned size, data;
	enum left left;
} option_cases[] = {
    {"-j TCPMSS --set-mss 1400", 24, with_mss, 4, 0, BYTES_LOST},
    {"-j TCPMSS --set-mss 1460", 24, with_mss, 4, 0, SAME}, /* it is never raised */
    {"-j TCPMSS --set-mss 1461", 24, with_mss, 4, 9, SAME},
    {"-j TCPMSS --clamp-mss-to-pmtu", 24, with_mss, 4, 0, BYTES_LOST}, /* perhaps */
    {"-j TCPMSS --set-mss 1400", 28, behind, 8, 9, BYTES_LOST},
    {"-j TCPMSS --set-mss 1400", 20, without, 0, 0, LONGER},
    {"-j TCPMSS --set-mss 1400", 24, without, 4, 0, LONGER},
    {"-j TCPMSS --set-mss 1400", 24, cut, 4, 0, LONGER},   /* not a whole option */
    {"-j TCPMSS --set-mss 1400", 24, without, 4, 1, SAME}, /* data behind it is not moved */
    {"-j TCPMSS --set-mss 1400", 60, without, 4, 0, SAME}, /* the header cannot be longer */
    {"-j TCPMSS --set-mss 1400", 16, without, 0, 30, DROPPED},
    {"-j TCPOPTSTRIP --strip-options mss", 24, with_mss, 4, 0, BYTES_LOST},
    {"-j TCPOPTSTRIP --strip-options 3,8", 24, with_mss, 4, 0, SAME},
    {"-j TCPOPTSTRIP --strip-options 2", 28, behind, 8, 3, BYTES_LOST},
    {"-j TCPOPTSTRIP --strip-options 2", 24, cut, 4, 0, SAME},
    {"-j TCPOPTSTRIP", 24, with_mss, 4, 0, SAME},
    {"-j TCPOPTSTRIP --strip-options 2", 16, without, 0, 30, DROPPED},
    {"-j ECN --ecn-tcp-remove", 24, with_mss, 4, 0, SAME},
    {"-j ECN --ecn-tcp-cwr 1", 24, with_mss, 4, 0, BYTES_LOST},
    {"-j CHECKSUM --checksum-fill", 24, with_mss, 4, 0, BYTES_LOST},
};

static void changes_tcp_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(option_cases) / sizeof(*option_cases); i++) {
		uint8_t bytes[256];
		char rule[128];
		struct packet before = syn(bytes, option_cases[i].header, option_cases[i].bytes,
					   option_cases[i].size, option_cases[i].data);
		snprintf(rule, sizeof(rule), "-p tcp -m tcp --tcp-flags SYN,RST SYN %s",
			 option_cases[i].options);
		struct packet after = before;
		struct evaluation evaluation = {.certain = true};
		apply(FAMILY_IPV4, rule, &after, &evaluation);
		if (left_of(&before, &after, &evaluation) != option_cases[i].left)
			fail_msg("%s, case %zu: %d", rule, i, left_of(&before, &after, &evaluation));
	}
}

static const char *const set_mss = "-p tcp --syn -j TCPMSS --set-mss 1400";

static void what_is_not_known_of_options_is_not_known_behind(void **state)
{
	(void)state;
	uint8_t bytes[256];
	struct evaluation evaluation = {.certain = true};
	struct packet before = syn(bytes, 24, with_mss, 4, 0), packet = before;

	packet_forget_bytes(&before);
	packet = before;
	apply(FAMILY_IPV4, set_mss, &packet, &evaluation);
	assert_int_equal(left_of(&before, &packet, &evaluation), LENGTH_LOST);

	/* A later fragment has no header to be changed. */
	packet = before;
	packet.fragment_offset = 100;
	apply(FAMILY_IPV4, set_mss, &packet, &evaluation);
	assert_int_equal(left_of(&before, &packet, &evaluation), SAME);

	/* A header that was not captured whole. */
	before = packet = syn(bytes, 24, with_mss, 4, 0);
	packet.bytes_size = 42;
	packet.known &= ~(uint32_t)KNOWN_BYTES;
	apply(FAMILY_IPV4, set_mss, &packet, &evaluation);
	assert_int_equal(left_of(&before, &packet, &evaluation), LENGTH_LOST);

	/* Where it is not certain that the target runs, neither length is. */
	evaluation.certain = false;
	before = packet = syn(bytes, 20, NULL, 0, 0);
	apply(FAMILY_IPV4, set_mss, &packet, &evaluation);
	assert_int_equal(left_of(&before, &packet, &evaluation), LENGTH_LOST);
}

static void ecn_changes_flags(void **state)
{
	(void)state;
	struct packet packet = {.family = FAMILY_IPV4,
				.known = KNOWN_TCP_FLAGS | KNOWN_FRAGMENT,
				.protocol = IPPROTO_TCP,
				.tcp_flags = 0xc2};
	struct evaluation evaluation = {.certain = true};

	apply(FAMILY_IPV4, "-p tcp -j ECN --ecn-tcp-remove", &packet, &evaluation);
	assert_int_equal(packet.tcp_flags, 0x02);
	apply(FAMILY_IPV4, "-p tcp -j ECN --ecn-tcp-ece 1", &packet, &evaluation);
	assert_int_equal(packet.tcp_flags, 0x42);
	evaluation.certain = false;
	apply(FAMILY_IPV4, "-p tcp -j ECN --ecn-tcp-ece 1", &packet, &evaluation);
	assert_true(packet.known & KNOWN_TCP_FLAGS); /* the same either way */
	apply(FAMILY_IPV4, "-p tcp -j ECN --ecn-tcp-ece 0", &packet, &evaluation);
	assert_false(packet.known & KNOWN_TCP_FLAGS);

	/* A later fragment too short for a TCP header is dropped, as the kernel takes it for one. */
	packet.fragment_offset = 100;
	packet.known |= KNOWN_LENGTH;
	packet.length = 40;
	apply(FAMILY_IPV4, "-p tcp -j ECN --ecn-tcp-remove", &packet, &evaluation);
	assert_false(evaluation.hot_drop);
	packet.length = 39;
	apply(FAMILY_IPV4, "-p tcp -j ECN --ecn-tcp-remove", &packet, &evaluation);
	assert_true(evaluation.hot_drop);
}

/* --- Connection marks
 * --------------------------------------------------------------------------------------------- */

static void a_packet_gets_its_connections_mark(void **state)
{
	(void)state;
	const char *all = "-j CONNMARK --restore-mark", *part = "-j CONNMARK --restore-mark --nfmask 0xf0 "
								"--ctmask 0x3 --left-shift-mark 4";
	struct connection connection = {.mark = 0x17};
	struct evaluation evaluation = {.certain = true, .has_state = TRUTH_YES, .connection = &connection};
	struct packet packet = {.family = FAMILY_IPV4};

	apply(FAMILY_IPV4, part, &packet, &evaluation);
	assert_false(packet.known & KNOWN_MARK);
	apply(FAMILY_IPV4, all, &packet, &evaluation);
	assert_true(packet.known & KNOWN_MARK);
	assert_int_equal(packet.mark, 0x17);
	packet.mark = 0x1ff;
	apply(FAMILY_IPV4, part, &packet, &evaluation);
	assert_int_equal(packet.mark, 0x13f);

	/* Without a connection it keeps its own; where there may be one, who knows. */
	evaluation.connection = NULL;
	evaluation.state_known = true;
	evaluation.state = STATE_INVALID;
	apply(FAMILY_IPV4, all, &packet, &evaluation);
	assert_true(packet.known & KNOWN_MARK);
	evaluation.state = STATE_NEW;
	apply(FAMILY_IPV4, all, &packet, &evaluation);
	assert_false(packet.known & KNOWN_MARK);
	packet.known |= KNOWN_MARK;
	evaluation.state = STATE_INVALID;
	evaluation.has_state = TRUTH_NO; /* in raw, perhaps with a template */
	apply(FAMILY_IPV4, all, &packet, &evaluation);
	assert_false(packet.known & KNOWN_MARK);
}

static const struct {
	const char *rule;
	int64_t packet;
	uint32_t before;
	int64_t after; /* marks, the latter two of the connection */
} connection_cases[] = {
    {"-j CONNMARK --set-mark 0x5", UNKNOWN, 0xff, 0x5},
    {"-j CONNMARK --set-xmark 0x15/0xf", UNKNOWN, 0xff, 0xe5},
    {"-j CONNMARK --or-mark 0x100", UNKNOWN, 0xff, 0x1ff},
    {"-j CONNMARK --set-mark 0xf0 --right-shift-mark 4", 0, 0, 0xf},
    {"-j CONNMARK --save-mark", 0x33, 0x1, 0x33},
    {"-j CONNMARK --save-mark", UNKNOWN, 0x1, UNKNOWN},
    {"-j CONNMARK --save-mark --nfmask 0", UNKNOWN, 0x1, 0},
    {"-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xf --left-shift-mark 1", 0x1ff, 0x300, 0x2fe},
};

static void a_connection_gets_its_packets_mark(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(connection_cases) / sizeof(*connection_cases); i++) {
		struct connection connection = {.mark = connection_cases[i].before};
		struct evaluation evaluation = {.certain = true, .connection = &connection};
		struct packet packet = {.mark = (uint32_t)connection_cases[i].packet};
		if (connection_cases[i].packet != UNKNOWN)
			packet.known = KNOWN_MARK;
		struct packet before = packet;
		apply(FAMILY_IPV4, connection_cases[i].rule, &packet, &evaluation);
		if ((evaluation.connection ? (int64_t)connection.mark : UNKNOWN) != connection_cases[i].after)
			fail_msg("%s: 0x%x", connection_cases[i].rule, connection.mark);
		assert_true(packet.known == before.known && packet.mark == before.mark);
	}
}

/* Others could notice a mark that is not set because the packet never came. */
static void only_a_connections_mark_outlasts_the_packet(void **state)
{
	static const struct {
		const char *rule;
		unsigned effects;
		bool reads_state;
	} cases[] = {
	    {"-j CONNMARK --set-mark 1", EFFECT_STATE, true},
	    {"-j CONNMARK --save-mark", EFFECT_STATE, true},
	    {"-j CONNMARK --restore-mark", 0, true},
	    {"-j MARK --set-mark 1", 0, false},
	    {"-j TOS --set-tos 1", 0, false},
	    {"-j TTL --ttl-set 1", 0, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loaded loaded = load_rules(FAMILY_IPV4, "mangle", "", cases[i].rule);
		assert_int_equal(loaded.rule->target.type->effects, cases[i].effects);
		assert_int_equal(target_reads_state(&loaded.rule->target), cases[i].reads_state);
		loaded_free(&loaded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nat_tells_its_range),
	    cmocka_unit_test(changes_fields),
	    cmocka_unit_test(changes_tcp_options),
	    cmocka_unit_test(what_is_not_known_of_options_is_not_known_behind),
	    cmocka_unit_test(ecn_changes_flags),
	    cmocka_unit_test(a_packet_gets_its_connections_mark),
	    cmocka_unit_test(a_connection_gets_its_packets_mark),
	    cmocka_unit_test(only_a_connections_mark_outlasts_the_packet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
