/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rewriting: lists of rules become sets. */
#include "rewrite_fixture.h"

static void bans_become_a_set(void **state)
{
	struct buffer body = {0};
	(void)state;

	buffer_puts(&body, "-A INPUT -i lo -j ACCEPT\n");
	add_bans(&body, 1, 7, "-j DROP");
	buffer_puts(&body, "-A INPUT -s 198.51.100.0/24 -j DROP\n-A INPUT -p icmp -j ACCEPT\n");
	filter_built(&body);
	expect("-A INPUT -i lo -j ACCEPT\n"
	       "-A INPUT -m set --match-set weir-v4-nets-1 src -j DROP\n"
	       "-A INPUT -p icmp -j ACCEPT\n");
	assert_has(&sets, "create weir-v4-nets-1 hash:net family inet hashsize 1024 maxelem 65536\n");
	assert_has(&sets, "add weir-v4-nets-1 192.0.2.7\nadd weir-v4-nets-1 198.51.100.0/24\n");
	struct rewrite_place place = place_of(TABLE_FILTER, "INPUT", 9);
	assert_int_equal(place.fate, FATE_MEMBER);
	assert_int_equal(place.number, 2);
	assert_string_equal(place.set, "weir-v4-nets-1");
	assert_false(place.moved);
}

static void seven_stay(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 7, "-j DROP");
	filter_built(&body);
	assert_false(rewrite_changed(rewrite));
	assert_int_equal(rewrite_set_count(rewrite), 0);
}

static void services_of_three_chains_share_a_set(void **state)
{
	struct buffer raw = {0};
	(void)state;

	buffer_puts(&raw, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&raw, "-A PREROUTING -d 192.0.2.1/32 -p %s --dport %u -j CT --notrack\n",
			      i % 2 ? "udp" : "tcp", 50 + i);
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&raw, "-A OUTPUT -s 192.0.2.1/32 -p %s --sport %u -j CT --notrack\n",
			      i % 2 ? "udp" : "tcp", 50 + i);
	buffer_puts(&raw,
		    "COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 8; i-- > 0;)
		buffer_printf(&raw, "-A INPUT -d 192.0.2.1/32 -p %s --dport %u -j ACCEPT\n",
			      i % 2 ? "udp" : "tcp", 50 + i);
	buffer_puts(&raw, "COMMIT\n");
	filter(raw.data);
	buffer_fini(&raw);
	expect("-A PREROUTING -m set --match-set weir-v4-services-1 dst,dst -j CT --notrack\n"
	       "-A OUTPUT -m set --match-set weir-v4-services-1 src,src -j CT --notrack\n"
	       "-A INPUT -m set --match-set weir-v4-services-1 dst,dst -j ACCEPT\n");
	assert_int_equal(rewrite_set_count(rewrite), 1);
	assert_int_equal(rewrite_set_at(rewrite, 0).uses, 3);
	assert_true(rewrite_loses_hot_drop(rewrite));
}

static void opposite_verdicts_split_a_list(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j DROP");
	buffer_puts(&body, "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n");
	add_bans(&body, 101, 8, "-j DROP");
	filter_built(&body);
	expect("-A INPUT -m set --match-set weir-v4-nets-1 src -j DROP\n"
	       "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "-A INPUT -m set --match-set weir-v4-nets-2 src -j DROP\n");
}

static void a_rule_joins_its_list_past_rules_of_other_packets(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 4, "-p tcp -j DROP");
	buffer_puts(&body, "-A INPUT -s 198.51.100.7/32 -j ACCEPT\n-A INPUT -p udp -j ACCEPT\n"
			   "-A INPUT -s 203.0.113.0/24 -j DROP\n");
	add_bans(&body, 5, 4, "-p tcp -j DROP");
	filter_built(&body);
	expect("-A INPUT -p tcp -m set --match-set weir-v4-nets-1 src -j DROP\n"
	       "-A INPUT -s 198.51.100.7/32 -j ACCEPT\n"
	       "-A INPUT -p udp -j ACCEPT\n"
	       "-A INPUT -s 203.0.113.0/24 -j DROP\n");
	assert_true(place_of(TABLE_FILTER, "INPUT", 8).moved);
	assert_false(place_of(TABLE_FILTER, "INPUT", 4).moved);
}

static void nothing_moves_past_a_limit(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j DROP");
	buffer_puts(&body, "-A INPUT -s 198.51.100.7/32 -m limit --limit 3/min -j ACCEPT\n");
	add_bans(&body, 9, 7, "-j DROP");
	filter_built(&body);
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 8);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 16).fate, FATE_KEPT);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 16).number, 9);
}

static void what_a_set_cannot_hold_stays(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j DROP");
	buffer_puts(&body, "-A INPUT ! -s 192.0.2.0/24 -j DROP\n"
			   "-A INPUT -j DROP\n");
	filter_built(&body);
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 8);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 9).fate, FATE_KEPT);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 10).fate, FATE_KEPT);
}

/* iptables-save would print the first as if it asked for no port. */
static void rules_for_no_port_go(void **state)
{
	(void)state;
	filter("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -p tcp -m tcp ! --dport 0:65535 -j DROP\n-A INPUT -p udp -m udp --sport 0:65535 -j "
	       "DROP\nCOMMIT\n");
	expect("-A INPUT -p udp -m udp -j DROP\n");
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 1).fate, FATE_CONTRADICTS);
	forget(NULL);
	options.without = REWRITE_DEAD;
	const char *texts[] = {
	    "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp ! --dport 0:65535 -j DROP\nCOMMIT\n"};
	const struct difference_options proof = {.effects = true};
	struct diagnostics *sink = diagnostics_new();
	before = load(texts, 1);
	assert_int_equal(rewrite_compute(before, &options, &rewrite), 0);
	assert_int_equal(rewrite_prove(rewrite, &proof, sink, &after, &difference), -EINVAL);
	assert_int_equal(diagnostics_errors(sink), 1);
	diagnostics_free(sink);
}

/* Diagrams cannot say what such a mask holds: there is no proof, but no set with it either. */
static void a_mask_with_holes_is_no_member(void **state)
{
	struct buffer text = {0};
	(void)state;

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n");
	add_bans(&text, 1, 8, "-j DROP");
	buffer_puts(&text, "-A INPUT -s 192.0.0.9/255.255.0.255 -j DROP\nCOMMIT\n");
	const char *texts[] = {text.data};
	before = load(texts, 1);
	buffer_fini(&text);
	assert_int_equal(rewrite_compute(before, &options, &rewrite), 0);
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 8);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 9).fate, FATE_KEPT);
}

/* A packet from 192.0.2.1 is logged twice. */
static void lists_that_go_on_hold_no_packet_twice(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j LOG");
	buffer_puts(&body, "-A INPUT -s 192.0.2.0/30 -j LOG\n");
	filter_built(&body);
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 8);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 9).fate, FATE_KEPT);
}

static void lists_that_end_hold_packets_twice(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j REJECT");
	buffer_puts(&body, "-A INPUT -s 192.0.2.0/30 -j REJECT\n");
	filter_built(&body);
	expect(
	    "-A INPUT -m set --match-set weir-v4-nets-1 src -j REJECT --reject-with icmp-port-unreachable\n");
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 9);
}

static void a_tcp_reset_keeps_its_protocol(void **state)
{
	struct buffer body = {0};
	(void)state;

	for (unsigned i = 0; i < 8; i++)
		buffer_printf(
		    &body,
		    "-A INPUT -d 192.0.2.%u/32 -p tcp -m tcp --dport %u -j REJECT --reject-with tcp-reset\n",
		    1 + i, 50 + i);
	filter_built(&body);
	assert_false(rewrite_changed(rewrite));
}

static void other_matches_stay_in_the_rule(void **state)
{
	struct buffer body = {0};
	(void)state;

	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&body,
			      "-A INPUT -s 203.0.113.0/24 -d 192.0.2.%u/32 -i eth0 -p tcp -m conntrack "
			      "--ctstate NEW -m tcp "
			      "--dport %u -j ACCEPT\n",
			      1 + i, 50 + i);
	filter_built(&body);
	expect(
	    "-A INPUT -s 203.0.113.0/24 -i eth0 -m set --match-set weir-v4-services-1 dst,dst -m conntrack "
	    "--ctstate NEW -j ACCEPT\n");
}

static void pairs_of_addresses_with_ports(void **state)
{
	struct buffer body = {0};
	(void)state;

	for (unsigned i = 0; i < 8; i++)
		buffer_printf(
		    &body,
		    "-A INPUT -s 192.0.2.%u/32 -d 198.51.100.%u/32 -p tcp -m tcp --dport %u -j ACCEPT\n",
		    i + 1, i * 3, i + 80);
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&body, "-A INPUT -s 203.0.113.%u/29 -p udp -m udp --dport %u -j ACCEPT\n",
			      i * 8, i + 80);
	filter_built(&body);
	expect("-A INPUT -m set --match-set weir-v4-flows-1 src,dst,dst -j ACCEPT\n"
	       "-A INPUT -m set --match-set weir-v4-net-services-1 src,dst -j ACCEPT\n");
	assert_has(&sets, "add weir-v4-flows-1 192.0.2.2,tcp:81,198.51.100.3\n");
	assert_has(&sets, "add weir-v4-net-services-1 203.0.113.8/29,udp:81\n");
}

static void comments_go_to_the_members(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 7, "-j DROP");
	buffer_puts(&body,
		    "-A INPUT -s 192.0.2.8/32 -m comment --comment \"the \\\"worst\\\" one\" -j DROP\n");
	filter_built(&body);
	expect("-A INPUT -m set --match-set weir-v4-nets-1 src -j DROP\n");
	assert_has(&sets, "maxelem 65536 comment\n");
	assert_has(&sets, "add weir-v4-nets-1 192.0.2.8 comment \"the 'worst' one\"\n");
}

static void what_was_counted_is_carried_over(void **state)
{
	(void)state;
	struct buffer text = {0};

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [5:300]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&text, "[%u:%u] -A INPUT -s 192.0.2.%u/32 -j DROP\n", i, i * 100, i + 1);
	buffer_puts(&text, "COMMIT\n");
	filter(text.data);
	expect("[28:2800] -A INPUT -m set --match-set weir-v4-nets-1 src -j DROP\n");
	assert_has(&sets, "maxelem 65536 counters\n");
	assert_has(&sets, "add weir-v4-nets-1 192.0.2.8 packets 7 bytes 700\n");
	assert_has(&rules4, ":INPUT ACCEPT [5:300]\n");
	forget(NULL);
	options.no_counters = true;
	filter(text.data);
	assert_has(&sets, "add weir-v4-nets-1 192.0.2.8\n");
	buffer_fini(&text);
}

static void names_that_are_taken_are_left_alone(void **state)
{
	struct buffer text = {0};
	(void)state;

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			   "-A INPUT -m set --match-set weir-v4-nets-1 src -j ACCEPT\n");
	add_bans(&text, 1, 8, "-j DROP");
	buffer_puts(&text, "COMMIT\n");
	const char *texts[] = {text.data,
			       "create weir-v4-nets-1 hash:net\nadd weir-v4-nets-1 203.0.113.0/24\n"};
	rewrite_texts(texts, 2);
	buffer_fini(&text);
	expect("-A INPUT -m set --match-set weir-v4-nets-1 src -j ACCEPT\n"
	       "-A INPUT -m set --match-set weir-v4-nets-2 src -j DROP\n");
}

static void ipv6_has_sets_of_its_own(void **state)
{
	struct buffer text = {0};
	(void)state;

	buffer_puts(&text,
		    "# Generated by ip6tables-save\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
		    ":OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&text, "-A INPUT -s 2001:db8:%x::/48 -j DROP\n", i);
	buffer_puts(&text, "COMMIT\n");
	filter(text.data);
	buffer_fini(&text);
	assert_has(&rules6, "-A INPUT -m set --match-set weir-v6-nets-1 src -j DROP\n");
	assert_has(&sets, "create weir-v6-nets-1 hash:net family inet6 ");
	assert_null(rules4.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(bans_become_a_set, forget),
	    cmocka_unit_test_teardown(seven_stay, forget),
	    cmocka_unit_test_teardown(services_of_three_chains_share_a_set, forget),
	    cmocka_unit_test_teardown(opposite_verdicts_split_a_list, forget),
	    cmocka_unit_test_teardown(a_rule_joins_its_list_past_rules_of_other_packets, forget),
	    cmocka_unit_test_teardown(nothing_moves_past_a_limit, forget),
	    cmocka_unit_test_teardown(what_a_set_cannot_hold_stays, forget),
	    cmocka_unit_test_teardown(rules_for_no_port_go, forget),
	    cmocka_unit_test_teardown(a_mask_with_holes_is_no_member, forget),
	    cmocka_unit_test_teardown(lists_that_go_on_hold_no_packet_twice, forget),
	    cmocka_unit_test_teardown(lists_that_end_hold_packets_twice, forget),
	    cmocka_unit_test_teardown(a_tcp_reset_keeps_its_protocol, forget),
	    cmocka_unit_test_teardown(other_matches_stay_in_the_rule, forget),
	    cmocka_unit_test_teardown(pairs_of_addresses_with_ports, forget),
	    cmocka_unit_test_teardown(comments_go_to_the_members, forget),
	    cmocka_unit_test_teardown(what_was_counted_is_carried_over, forget),
	    cmocka_unit_test_teardown(names_that_are_taken_are_left_alone, forget),
	    cmocka_unit_test_teardown(ipv6_has_sets_of_its_own, forget),
	};
	return cmocka_run_group_tests_name("rewrite_lists", tests, NULL, NULL);
}
