/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The packet notation: what it takes, what it refuses and where it points. */
#include "packet/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct parsed {
	int result;
	struct packet packet;
	struct buffer printed;     /* packet_print() of it */
	struct buffer diagnostics; /* as the user sees them */
};

static struct parsed parse(const char *text)
{
	struct parsed parsed = {0};
	struct arena *arena = arena_new();
	struct diagnostics *sink = diagnostics_new();
	struct source *source = source_new(arena, "--packet", text, strlen(text));
	parsed.result = packet_parse(source, sink, &parsed.packet);
	if (parsed.result == 0)
		packet_print(&parsed.packet, &parsed.printed);
	diagnostics_print(sink, &parsed.diagnostics);
	diagnostics_free(sink);
	arena_free(arena);
	return parsed;
}

static void parsed_fini(struct parsed *parsed)
{
	buffer_fini(&parsed->printed);
	buffer_fini(&parsed->diagnostics);
}

static void expect_printed(const char *text, const char *printed)
{
	struct parsed parsed = parse(text);
	if (parsed.result)
		print_error("%s\n%s", text, parsed.diagnostics.data);
	assert_int_equal(parsed.result, 0);
	assert_string_equal(parsed.printed.data, printed);
	parsed_fini(&parsed);
}

static void expect_refused(const char *text, const char *code, const char *carets)
{
	struct parsed parsed = parse(text);
	if (parsed.result == 0 || !strstr(parsed.diagnostics.data, code))
		print_error("%s\n%s", text, parsed.diagnostics.data ? parsed.diagnostics.data : "taken");
	assert_int_not_equal(parsed.result, 0);
	assert_non_null(strstr(parsed.diagnostics.data, code));
	if (carets && !strstr(parsed.diagnostics.data, carets))
		print_error("%s\n%s", text, parsed.diagnostics.data);
	if (carets)
		assert_non_null(strstr(parsed.diagnostics.data, carets));
	parsed_fini(&parsed);
}

static void a_packet_is_printed_as_it_is_written(void **state)
{
	(void)state;
	const char *text =
	    "family=4 in=eth0 proto=tcp src=198.51.100.7 dst=192.0.2.1 sport=40000 dport=443 flags=syn "
	    "state=new frag=no";
	expect_printed(text, text);
	text = "family=6 in=eth0 out=eth1 proto=icmpv6 src=2001:db8::1 dst=2001:db8::2 type=packet-too-big "
	       "code=0 "
	       "state=related length=1280 frag=no";
	expect_printed(text, text);
	expect_printed("family=4 proto=udp frag=later", "family=4 proto=udp frag=later");
}

static void every_key_is_printed_as_it_is_written(void **state)
{
	(void)state;
	const char *text =
	    "family=4 in=eth0 ttl=64 tos=0x10 mac=00:00:5e:00:53:af pkttype=multicast mark=0xffffffff "
	    "time=2026-01-31T10:00:00Z";
	expect_printed(text, text);
	text = "family=6 proto=udp frag=no hl=255 tos=0xb8 pkttype=unicast mark=0 "
	       "time=2554-07-21T23:34:33.709551615Z";
	expect_printed(text, text);
	expect_printed("pkttype=Broadcast tos=184 mark=16 ttl=0x40 mac=00:00:5E:00:53:AF",
		       "family=4 ttl=64 tos=0xb8 mac=00:00:5e:00:53:af pkttype=broadcast mark=0x10");
	expect_printed("family=6 ttl=1", "family=6 hl=1");
	expect_printed("hl=1 src=2001:db8::1", "family=6 src=2001:db8::1 hl=1");
	struct parsed parsed = parse("ttl=0 tos=0 mac=00:00:00:00:00:00 pkttype=unicast mark=0 "
				     "time=1970-01-01T00:00:00Z");
	assert_int_equal(parsed.result, 0);
	assert_int_equal(parsed.packet.known,
			 KNOWN_TTL | KNOWN_TOS | KNOWN_MAC | KNOWN_TYPE | KNOWN_MARK | KNOWN_TIME);
	assert_null(parsed.packet.bytes);
	parsed_fini(&parsed);
}

static void values_of_bytes_and_words_have_their_limits(void **state)
{
	(void)state;
	expect_refused("ttl=256", "bad-value", "^~~");
	expect_refused("ttl=-1", "bad-value", "^~");
	expect_refused("family=6 hl=256", "hl=256", "^~~");
	expect_refused("hl=64", "only IPv6 has a hop limit", "^~~~~");
	expect_refused("family=6 hl=64 ttl=64", "repeated-key", "^~~~~~");
	expect_refused("tos=0x100", "DSCP", "^~~~~");
	expect_refused("mark=0x100000000", "bad-value", "^~~~~~~~~~~");
	expect_refused("mark=0x10/0xff", "bad-value", NULL);
	expect_refused("pkttype=host", "unicast, broadcast or multicast", "^~~~");
	expect_refused("mac=00:00:5e:00:53", "bad-value", "^~~~~~~~~~~~~~");
	expect_refused("mac=00-00-5e-00-53-01", "bad-value", NULL);
	expect_refused("mac=00:00:5e:00:53:0g", "bad-value", NULL);
	expect_refused("mac=00:00:5e:00:53:01:", "bad-value", NULL);
	expect_refused("in=lo mac=00:00:5e:00:53:01", "no Ethernet address", "^~~~~~~~~~~~~~~~~~~~~");
}

static void expect_time(const char *text, uint64_t nanoseconds)
{
	char pair[64];
	snprintf(pair, sizeof(pair), "time=%s", text);
	struct parsed parsed = parse(pair);
	if (parsed.result)
		print_error("%s\n%s", text, parsed.diagnostics.data);
	assert_int_equal(parsed.result, 0);
	assert_true(parsed.packet.known & KNOWN_TIME);
	assert_int_equal(parsed.packet.time, nanoseconds);
	parsed_fini(&parsed);
}

static void times_are_those_of_rfc_3339(void **state)
{
	(void)state;
	const uint64_t second = 1000000000;
	expect_time("1970-01-01T00:00:00Z", 0);
	expect_time("2001-09-09T01:46:40Z", 1000000000 * second);
	expect_time("2000-02-29t23:59:59z", 951868799 * second);
	expect_time("2100-03-01T00:00:00Z", 4107542400 * second); /* 2100 has no 29 February */
	expect_time("2026-01-31T10:00:00+01:00", 1769850000 * second);
	expect_time("2026-01-31T09:00:00.25Z", 1769850000 * second + second / 4);
	expect_time("2026-01-31T03:30:00.000000001-05:30", 1769850000 * second + 1);
	expect_printed("time=1969-12-31T23:00:00-01:00", "family=4 time=1970-01-01T00:00:00Z");
	static const char *const refused[] = {
	    "2026-01-31",
	    "2026-01-31T10:00:00",
	    "2026-01-31T10:00Z",
	    "2026-01-31 10:00:00Z",
	    "2026-02-29T10:00:00Z",
	    "2100-02-29T10:00:00Z",
	    "2026-13-01T10:00:00Z",
	    "2026-00-01T10:00:00Z",
	    "2026-01-00T10:00:00Z",
	    "2026-01-31T24:00:00Z",
	    "2026-01-31T10:60:00Z",
	    "2026-12-31T23:59:60Z",
	    "2026-01-31T10:00:00.Z",
	    "2026-01-31T10:00:00.0000000001Z",
	    "2026-01-31T10:00:00+0100",
	    "2026-01-31T10:00:00+24:00",
	    "2026-01-31T10:00:00Zulu",
	    "1969-12-31T23:59:59Z",
	    "1970-01-01T00:00:00+01:00",
	    "2554-07-21T23:34:33.709551616Z",
	    "2554-07-21T23:34:34Z",
	    "9999-12-31T23:59:59Z",
	    "26-01-31T10:00:00Z",
	    "1769850000",
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char pair[64];
		snprintf(pair, sizeof(pair), "time=%s", refused[i]);
		expect_refused(pair, i == 3 ? "not-a-pair" : "RFC 3339", NULL);
	}
}

/* What is printed is parsed to the same packet, whatever is known of it. */
static void what_is_printed_is_parsed_again(void **state)
{
	(void)state;
	const uint32_t known = KNOWN_TTL | KNOWN_TOS | KNOWN_MAC | KNOWN_TYPE | KNOWN_MARK | KNOWN_TIME;
	unsigned seed = 20260103;
	printf("# seed %u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 2000; round++) {
		struct packet packet = {.family = rand() % 2 ? FAMILY_IPV6 : FAMILY_IPV4,
					.known = (uint32_t)rand() & known,
					.ttl = (uint8_t)rand(),
					.tos = (uint8_t)rand(),
					.mark = (uint32_t)rand(),
					.type = (unsigned)rand() % 3,
					.time = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 12};
		for (size_t i = 0; i < sizeof(packet.mac); i++)
			packet.mac[i] = (uint8_t)rand();
		struct buffer printed = {0};
		packet_print(&packet, &printed);
		struct parsed parsed = parse(printed.data);
		if (parsed.result)
			print_error("%s\n%s", printed.data, parsed.diagnostics.data);
		assert_int_equal(parsed.result, 0);
		assert_int_equal(parsed.packet.family, packet.family);
		assert_int_equal(parsed.packet.known, packet.known);
		assert_true(!(packet.known & KNOWN_TTL) || parsed.packet.ttl == packet.ttl);
		assert_true(!(packet.known & KNOWN_TOS) || parsed.packet.tos == packet.tos);
		assert_true(!(packet.known & KNOWN_MARK) || parsed.packet.mark == packet.mark);
		assert_true(!(packet.known & KNOWN_TYPE) || parsed.packet.type == packet.type);
		assert_true(!(packet.known & KNOWN_TIME) || parsed.packet.time == packet.time);
		if (packet.known & KNOWN_MAC)
			assert_memory_equal(parsed.packet.mac, packet.mac, sizeof(packet.mac));
		parsed_fini(&parsed);
		buffer_fini(&printed);
	}
}

static void what_is_not_given_is_not_known(void **state)
{
	(void)state;
	struct parsed parsed = parse("src=192.0.2.1");
	assert_int_equal(parsed.result, 0);
	assert_int_equal(parsed.packet.known, KNOWN_SOURCE);
	parsed_fini(&parsed);
	parsed = parse("");
	assert_int_equal(parsed.result, 0);
	assert_int_equal(parsed.packet.known, 0);
	parsed_fini(&parsed);
	parsed = parse("proto=tcp dport=80");
	assert_true(parsed.packet.known & KNOWN_DESTINATION_PORT);
	assert_false(parsed.packet.known & (KNOWN_SOURCE_PORT | KNOWN_PORTS | KNOWN_TCP_FLAGS));
	assert_true(parsed.packet.known & KNOWN_FRAGMENT);
	parsed_fini(&parsed);
}

static void addresses_and_protocol_tell_the_family(void **state)
{
	(void)state;
	expect_printed("src=2001:DB8::1", "family=6 src=2001:db8::1");
	expect_printed("dst=2001:db8::1", "family=6 dst=2001:db8::1");
	expect_printed("proto=ipv6-icmp", "family=6 proto=icmpv6");
	expect_printed("proto=47", "family=4 proto=gre");
	expect_printed("proto=201 family=6", "family=6 proto=201");
}

static void flags_are_a_list(void **state)
{
	(void)state;
	expect_printed("proto=tcp flags=ack,SYN", "family=4 proto=tcp flags=syn,ack frag=no");
	expect_printed("proto=tcp flags=none", "family=4 proto=tcp flags=none frag=no");
	expect_refused("proto=tcp flags=syn,ak", "unknown TCP flag 'ak'", " ^~\n");
	expect_refused("proto=tcp flags=syn,", "unknown TCP flag ''", NULL);
}

static void types_have_names_and_only_some_need_a_code(void **state)
{
	(void)state;
	expect_printed("proto=icmp type=echo-request",
		       "family=4 proto=icmp type=echo-request code=0 frag=no");
	expect_printed("proto=icmp type=200 code=3", "family=4 proto=icmp type=200 code=3 frag=no");
	expect_refused("proto=icmp type=3", "several codes", "^~~~~~");
	expect_refused("proto=icmp code=1", "a code belongs to a type", "^~~~~~");
	expect_refused("proto=tcp type=8", "only ICMP has it", "^~~~~~");
	expect_refused("proto=icmp family=6 type=8", "only ICMPv6 has it", NULL);
	expect_refused("proto=icmp type=256", "bad-value", "^~~");
}

static void unknown_keys_and_values_are_errors_with_a_place(void **state)
{
	(void)state;
	expect_refused("scr=192.0.2.1", "unknown-key", "^~~\n");
	expect_refused("in=eth0 192.0.2.1", "not-a-pair", "^~~~~~~~~");
	expect_refused("in=eth0 in=eth1", "repeated-key", "^~~~~~~");
	expect_refused("src=", "bad-value", "^~~~");
	expect_refused("src=192.0.2.256", "an IPv4 address", "^~~~~~~~~~~");
	expect_refused("src=192.0.2.0/24", "not a prefix", NULL);
	expect_refused("in=averylonginterface", "at most 15", NULL);
	expect_refused("in=a/b", "bad-value", NULL);
	expect_refused("proto=tpc", "bad-value", "^~~");
	expect_refused("proto=256", "bad-value", "^~~");
	expect_refused("proto=tcp dport=65536", "bad-value", "^~~~~");
	expect_refused("state=old", "bad-value", "^~~");
	expect_refused("family=5", "4 or 6", "^");
	expect_refused("frag=maybe", "no, first or later", NULL);
}

static void impossible_packets_are_refused(void **state)
{
	(void)state;
	expect_refused("src=192.0.2.1 dst=2001:db8::1", "impossible-packet", "^~~~~~~~~~~~~~~");
	expect_refused("family=6 src=192.0.2.1", "an IPv4 address in an IPv6 packet", NULL);
	expect_refused("dport=80", "which protocol's port?", "^~~~~~~~");
	expect_refused("proto=icmp dport=80", "this protocol has no ports", NULL);
	expect_refused("proto=udp flags=syn", "only TCP has flags", NULL);
	expect_refused("proto=tcp dport=80 frag=later", "no transport header", "^~~~~~~~");
	expect_refused("proto=tcp flags=syn length=39", "shorter", "^~~~~~~~~");
	expect_refused("length=19", "shorter", NULL);
	expect_refused("family=4 length=65536", "bad-value", NULL);
}

static void every_error_of_a_line_is_told(void **state)
{
	(void)state;
	struct parsed parsed = parse("scr=1 state=old proto=tpc");
	assert_non_null(strstr(parsed.diagnostics.data, "'scr'"));
	assert_non_null(strstr(parsed.diagnostics.data, "state=old"));
	assert_non_null(strstr(parsed.diagnostics.data, "proto=tpc"));
	parsed_fini(&parsed);
}

static void a_refused_packet_changes_nothing(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct diagnostics *sink = diagnostics_new();
	const char *text = "src=192.0.2.1 dport=x";
	struct packet packet, before;
	memset(&packet, 0x5a, sizeof(packet));
	before = packet;
	assert_int_not_equal(packet_parse(source_new(arena, "p", text, strlen(text)), sink, &packet), 0);
	assert_memory_equal(&packet, &before, sizeof(packet));
	diagnostics_free(sink);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_packet_is_printed_as_it_is_written),
	    cmocka_unit_test(every_key_is_printed_as_it_is_written),
	    cmocka_unit_test(values_of_bytes_and_words_have_their_limits),
	    cmocka_unit_test(times_are_those_of_rfc_3339),
	    cmocka_unit_test(what_is_printed_is_parsed_again),
	    cmocka_unit_test(what_is_not_given_is_not_known),
	    cmocka_unit_test(addresses_and_protocol_tell_the_family),
	    cmocka_unit_test(flags_are_a_list),
	    cmocka_unit_test(types_have_names_and_only_some_need_a_code),
	    cmocka_unit_test(unknown_keys_and_values_are_errors_with_a_place),
	    cmocka_unit_test(impossible_packets_are_refused),
	    cmocka_unit_test(every_error_of_a_line_is_told),
	    cmocka_unit_test(a_refused_packet_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
