/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rewriting: rules that differ in a port alone become rules of -m multiport. */
#include "rewrite_fixture.h"

static void three_ports_are_one_rule(void **state)
{
	(void)state;
	filter("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -i eth0 -p tcp -m tcp --dport 443 -j ACCEPT\n"
	       "-A INPUT -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "-A INPUT -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT\n"
	       "COMMIT\n");
	expect("-A INPUT -i eth0 -p tcp -m multiport --dports 22,80,443 -j ACCEPT\n");
	struct rewrite_place place = place_of(TABLE_FILTER, "INPUT", 2);
	assert_int_equal(place.fate, FATE_PORT);
	assert_int_equal(place.number, 1);
	struct buffer member = {0};
	rewrite_print_member(rewrite, &before->tables[FAMILY_IPV4][TABLE_FILTER].hooks[HOOK_INPUT]->rules[1],
			     &member);
	assert_string_equal(member.data, "tcp:22");
	buffer_fini(&member);
	assert_true(rewrite_loses_hot_drop(rewrite));
}

static void two_stay(void **state)
{
	(void)state;
	filter("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --dport 22 -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --dport 53 -j DROP\n"
	       "-A INPUT -i eth0 -p tcp -m tcp --dport 25 -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp --sport 25 -j ACCEPT\n"
	       "COMMIT\n");
	assert_false(rewrite_changed(rewrite));
}

/* What follows or overlaps is a range, which takes two of the fifteen places. */
static void ranges_are_put_together(void **state)
{
	(void)state;
	filter("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -p udp -m udp --sport 1000:1010 -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --sport 1011:1020 -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --sport 1015 -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --sport 7 -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --sport 8 -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --sport 65535 -j ACCEPT\n"
	       "COMMIT\n");
	expect("-A INPUT -p udp -m multiport --sports 7,8,1000:1020,65535 -j ACCEPT\n");
}

static void sixteen_are_two_rules(void **state)
{
	struct buffer body = {0};
	(void)state;

	for (unsigned i = 0; i < 17; i++)
		buffer_printf(&body, "-A INPUT -s 203.0.113.0/24 -p tcp -m tcp --dport %u -j DROP\n",
			      10 + 2 * i);
	filter_built(&body);
	expect("-A INPUT -s 203.0.113.0/24 -p tcp -m multiport --dports "
	       "10,12,14,16,18,20,22,24,26,28,30,32,34,36,38 -j DROP\n"
	       "-A INPUT -s 203.0.113.0/24 -p tcp -m multiport --dports 40,42 -j DROP\n");
}

/* What is alone at the end stays as it was. */
static void a_rule_that_is_left_over_stays(void **state)
{
	struct buffer body = {0};
	(void)state;

	for (unsigned i = 0; i < 16; i++)
		buffer_printf(&body, "-A INPUT -p tcp -m tcp --dport %u -j DROP\n", 10 + 2 * i);
	filter_built(&body);
	expect("-A INPUT -p tcp -m multiport --dports 10,12,14,16,18,20,22,24,26,28,30,32,34,36,38 -j DROP\n"
	       "-A INPUT -p tcp -m tcp --dport 40 -j DROP\n");
}

static void opposite_verdicts_keep_their_order(void **state)
{
	(void)state;
	filter("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -p tcp -m tcp --dport 1 -j DROP\n"
	       "-A INPUT -p tcp -m tcp --dport 2 -j DROP\n"
	       "-A INPUT -p tcp -m tcp --dport 3 -j DROP\n"
	       "-A INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 5 -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp --dport 4 -j DROP\n"
	       "-A INPUT -p tcp -m tcp --dport 5 -j DROP\n"
	       "COMMIT\n");
	expect("-A INPUT -p tcp -m multiport --dports 1:4 -j DROP\n"
	       "-A INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 5 -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp --dport 5 -j DROP\n");
}

/* A port that is logged twice must be logged twice. */
static void rules_that_go_on_have_no_port_twice(void **state)
{
	(void)state;
	filter("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -p tcp -m tcp --dport 1 -j LOG\n"
	       "-A INPUT -p tcp -m tcp --dport 2:5 -j LOG\n"
	       "-A INPUT -p tcp -m tcp --dport 9 -j LOG\n"
	       "-A INPUT -p tcp -m tcp --dport 3 -j LOG\n"
	       "COMMIT\n");
	expect("-A INPUT -p tcp -m multiport --dports 1:5,9 -j LOG\n"
	       "-A INPUT -p tcp -m tcp --dport 3 -j LOG\n");
}

static void what_else_a_rule_asks_stays_in_its_place(void **state)
{
	(void)state;
	filter("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 80 -m mark --mark 0x1 -j ACCEPT\n"
	       "-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -m mark --mark 0x1 -j ACCEPT\n"
	       "-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 25 -m mark --mark 0x1 -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp --dport 23 -j REJECT --reject-with tcp-reset\n"
	       "-A INPUT -p tcp -m tcp --dport 113 -j REJECT --reject-with tcp-reset\n"
	       "-A INPUT -p tcp -m tcp --dport 445 -j REJECT --reject-with tcp-reset\n"
	       "COMMIT\n");
	expect(
	    "-A INPUT -p tcp -m conntrack --ctstate NEW -m multiport --dports 22,25,80 -m mark --mark 0x1 -j "
	    "ACCEPT\n"
	    "-A INPUT -p tcp -m multiport --dports 23,113,445 -j REJECT --reject-with tcp-reset\n");
}

/* What -m tcp asks besides is not in -m multiport. */
static void what_is_no_port_alone_stays(void **state)
{
	(void)state;
	filter("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -p tcp -m tcp --dport 80 --tcp-flags SYN,ACK SYN -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp --dport 22 --tcp-flags SYN,ACK SYN -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp --dport 25 --tcp-flags SYN,ACK SYN -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp ! --dport 25 -j LOG\n"
	       "-A INPUT -p tcp -m tcp ! --dport 26 -j LOG\n"
	       "-A INPUT -p tcp -m tcp ! --dport 27 -j LOG\n"
	       "COMMIT\n");
	assert_false(rewrite_changed(rewrite));
}

static void the_comment_of_all_stays_and_others_are_told(void **state)
{
	(void)state;
	filter("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -p tcp -m tcp --dport 80 -m comment --comment web -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp --dport 443 -m comment --comment web -j ACCEPT\n"
	       "-A INPUT -p tcp -m tcp --dport 8080 -m comment --comment web -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --dport 53 -m comment --comment dns -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --dport 67 -j ACCEPT\n"
	       "-A INPUT -p udp -m udp --dport 123 -m comment --comment ntp -j ACCEPT\n"
	       "COMMIT\n");
	expect("-A INPUT -p tcp -m multiport --dports 80,443,8080 -m comment --comment web -j ACCEPT\n"
	       "-A INPUT -p udp -m multiport --dports 53,67,123 -j ACCEPT\n");
	const struct rule *rules = before->tables[FAMILY_IPV4][TABLE_FILTER].hooks[HOOK_INPUT]->rules;
	struct buffer lost = {0};
	rewrite_print_lost_comment(rewrite, &rules[0], &lost);
	assert_int_equal(lost.size, 0);
	rewrite_print_lost_comment(rewrite, &rules[5], &lost);
	assert_string_equal(lost.data, "ntp");
	buffer_fini(&lost);
}

/* Of the same rules a set of addresses and ports holds more. */
static void what_makes_the_longer_list_is_chosen(void **state)
{
	struct buffer body = {0};
	(void)state;

	for (unsigned i = 0; i < 9; i++)
		buffer_printf(&body, "-A INPUT -d 192.0.2.%u/32 -p tcp -m tcp --dport %u -j DROP\n",
			      1 + i / 3, 80 + i % 3);
	filter_built(&body);
	expect("-A INPUT -m set --match-set weir-v4-services-1 dst,dst -j DROP\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(three_ports_are_one_rule, forget),
	    cmocka_unit_test_teardown(two_stay, forget),
	    cmocka_unit_test_teardown(ranges_are_put_together, forget),
	    cmocka_unit_test_teardown(sixteen_are_two_rules, forget),
	    cmocka_unit_test_teardown(a_rule_that_is_left_over_stays, forget),
	    cmocka_unit_test_teardown(opposite_verdicts_keep_their_order, forget),
	    cmocka_unit_test_teardown(rules_that_go_on_have_no_port_twice, forget),
	    cmocka_unit_test_teardown(what_else_a_rule_asks_stays_in_its_place, forget),
	    cmocka_unit_test_teardown(what_is_no_port_alone_stays, forget),
	    cmocka_unit_test_teardown(the_comment_of_all_stays_and_others_are_told, forget),
	    cmocka_unit_test_teardown(what_makes_the_longer_list_is_chosen, forget),
	};
	return cmocka_run_group_tests_name("rewrite_ports", tests, NULL, NULL);
}
