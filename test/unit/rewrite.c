/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rewriting: what becomes of rules, and what stays. */
#include "rewrite_fixture.h"

#include "meaning/reach.h"

/* --- The other steps
 * ---------------------------------------------------------------------------------------------- */

static void what_was_said_is_not_said_again(void **state)
{
	struct buffer body = {0};
	(void)state;

	buffer_puts(&body, "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
			   "-A INPUT -s 192.0.2.0/24 -j DROP\n"
			   "-A INPUT -p tcp -m tcp --dport 22 -m comment --comment again -j ACCEPT\n"
			   "-A INPUT -p udp -j LOG\n-A INPUT -p udp -j LOG\n");
	filter_built(&body);
	expect("-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "-A INPUT -s 192.0.2.0/24 -j DROP\n"
	       "-A INPUT -p udp -j LOG\n-A INPUT -p udp -j LOG\n");
	struct rewrite_place place = place_of(TABLE_FILTER, "INPUT", 3);
	assert_int_equal(place.fate, FATE_REPEATED);
	assert_int_equal(place.by->number, 1);
}

/* The second may match what the first did not: the set is filled in between. */
static void a_set_that_rules_fill_is_asked_again(void **state)
{
	struct buffer text = {0};
	(void)state;

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			   "-A INPUT -m set --match-set learned src -j DROP\n"
			   "-A INPUT -p tcp -m tcp --dport 23 -j SET --add-set learned src\n"
			   "-A INPUT -m set --match-set learned src -j DROP\nCOMMIT\n");
	const char *texts[] = {text.data, "create learned hash:ip\n"};
	rewrite_texts(texts, 2);
	buffer_fini(&text);
	assert_false(rewrite_changed(rewrite));
}

static void chains_that_nobody_calls_go(void **state)
{
	(void)state;
	filter("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       ":lost - [0:0]\n:below - [0:0]\n:used - [0:0]\n"
	       "-A INPUT -p tcp -j used\n-A lost -j below\n-A below -j DROP\n-A used -s 192.0.2.1/32 -j "
	       "DROP\nCOMMIT\n");
	expect("-A INPUT -p tcp -j used\n-A used -s 192.0.2.1/32 -j DROP\n");
	assert_int_equal(place_of(TABLE_FILTER, "below", 1).fate, FATE_UNCALLED);
	assert_null(strstr(rules4.data, "lost"));
}

static void rewrite_with_reach(const char *text)
{
	const char *texts[] = {text};
	struct reach_report *report = NULL;
	struct ruleset *ruleset = load(texts, 1);

	assert_int_equal(reach_compute(ruleset, FAMILY_IPV4, 0, &report), 0);
	assert_int_equal(
	    rewrite_compute(ruleset, &(struct rewrite_options){.reach[FAMILY_IPV4] = report}, &rewrite), 0);
	reach_free(report);
	before = ruleset;
	rewrite_print_rules(rewrite, FAMILY_IPV4, &rules4);
}

static void dead_rules_go(void **state)
{
	(void)state;
	rewrite_with_reach("*filter\n:INPUT ACCEPT [0:0]\n"
			   "-A INPUT -s 192.0.2.0/24 -j DROP\n"
			   "-A INPUT -s 192.0.2.7/32 -p tcp -j ACCEPT\n"
			   "-A INPUT -s 192.0.2.7/32 -m limit --limit 1/s -j ACCEPT\nCOMMIT\n");
	expect("-A INPUT -s 192.0.2.0/24 -j DROP\n"
	       "-A INPUT -s 192.0.2.7/32 -m limit --limit 1/sec -j ACCEPT\n");
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 2).fate, FATE_DEAD);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 2).by->number, 1);
}

/* The last rule is reached: behind NOTRACK the state is UNTRACKED. */
static void notrack_brings_rules_to_life(void **state)
{
	(void)state;
	rewrite_with_reach("*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			   "-A PREROUTING -m state --state UNTRACKED -j ACCEPT\n"
			   "-A PREROUTING -p tcp -j CT --notrack\n"
			   "-A PREROUTING -m state --state INVALID,NEW,RELATED,ESTABLISHED -j ACCEPT\n"
			   "-A PREROUTING -p tcp -j DROP\nCOMMIT\n");
	assert_int_equal(place_of(TABLE_RAW, "PREROUTING", 4).fate, FATE_KEPT);
}

static void what_many_ask_is_asked_once(void **state)
{
	struct buffer body = {0};
	(void)state;

	buffer_puts(&body, "-A INPUT -i lo -j ACCEPT\n");
	for (unsigned i = 0; i < 16; i++)
		buffer_printf(&body,
			      "-A INPUT -i eth0 -p tcp -m tcp --dport %u -m mac --mac-source "
			      "00:00:5e:00:53:%02x -j %s\n",
			      100 + i, i, i % 2 ? "ACCEPT" : "DROP");
	buffer_puts(&body, "-A INPUT -i eth0 -j RETURN\n");
	filter_built(&body);
	assert_has(&rules4, ":weir-INPUT-1 - [0:0]\n");
	assert_has(&rules4, "-A INPUT -i lo -j ACCEPT\n-A INPUT -i eth0 -p tcp -j weir-INPUT-1\n-A INPUT -i "
			    "eth0 -j RETURN\n");
	assert_has(
	    &rules4,
	    "-A weir-INPUT-1 -p tcp -m tcp --dport 100 -m mac --mac-source 00:00:5e:00:53:00 -j DROP\n");
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 2).number, 1);
}

static void what_is_met_most_comes_first(void **state)
{
	(void)state;
	filter("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "[1:40] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "[9:40] -A INPUT -s 192.0.2.0/24 -j DROP\n"
	       "[5:40] -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
	       "[90:40] -A INPUT -s 203.0.113.0/24 -p udp -j ACCEPT\nCOMMIT\n");
	/* The last one shares no packet with those before it; of the others the second and third do. */
	expect("[90:40] -A INPUT -s 203.0.113.0/24 -p udp -j ACCEPT\n"
	       "[1:40] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "[9:40] -A INPUT -s 192.0.2.0/24 -j DROP\n"
	       "[5:40] -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n");
	assert_true(place_of(TABLE_FILTER, "INPUT", 4).moved);
}

static void its_own_output_it_leaves_alone(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 9, "-j DROP");
	for (unsigned i = 0; i < 9; i++)
		buffer_printf(&body, "-A INPUT -d 192.0.2.1/32 -p udp -m udp --dport %u -j ACCEPT\n", i + 1);
	filter_built(&body);
	struct buffer rules = rules4, own_sets = sets;
	rules4 = sets = (struct buffer){0};
	const char *texts[] = {rules.data, own_sets.data};
	forget(NULL);
	rewrite_texts(texts, 2);
	assert_false(rewrite_changed(rewrite));
	assert_string_equal(rules4.data, rules.data);
	buffer_fini(&rules);
	buffer_fini(&own_sets);
}

/* What is proven within so many nodes, and the steps that were left out for it. */
static enum difference_answer prove_within(const char *text, size_t nodes, unsigned *left_out)
{
	struct diagnostics *sink = diagnostics_new();
	const struct difference_options proof = {.effects = true, .region_limit = 1, .node_budget = nodes};

	before = load(&text, 1);
	assert_int_equal(rewrite_compute(before, &options, &rewrite), 0);
	assert_int_equal(rewrite_prove_less(&rewrite, &proof, sink, &after, &difference, left_out), 0);
	diagnostics_free(sink);
	return difference->answer;
}

/* Bans cost less than services in two dimensions; with still fewer nodes nothing is proven. */
static void a_small_budget_takes_fewer_steps(void **state)
{
	struct buffer text = {0};
	unsigned left_out = 0, proven = 0, partly = 0, undecided = 0;

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 1; i <= 20; i++)
		buffer_printf(&text, "-A INPUT -i eth0 -s 192.0.2.%u/32 -j DROP\n", i);
	for (unsigned i = 1; i <= 20; i++)
		buffer_printf(&text, "-A INPUT -i eth0 -s 192.0.2.%u/32 -j DROP\n", i);
	for (unsigned i = 1; i <= 20; i++)
		buffer_printf(&text,
			      "-A INPUT -i eth1 -d 198.51.100.%u/32 -p tcp -m tcp --dport %u -j ACCEPT\n", i,
			      1000 + 37 * i);
	buffer_puts(&text, "COMMIT\n");
	for (size_t nodes = 20; nodes < 20000; nodes += nodes / 10) {
		enum difference_answer answer = prove_within(text.data, nodes, &left_out);
		proven += answer == DIFFERENCE_NONE && !left_out;
		partly += answer == DIFFERENCE_NONE && left_out;
		undecided += answer == DIFFERENCE_UNDECIDED;
		assert_true(answer != DIFFERENCE_FOUND);
		assert_true(answer == DIFFERENCE_UNDECIDED || rewrite_changed(rewrite));
		forget(state);
	}
	print_message("%u proven, %u with fewer steps, %u undecided\n", proven, partly, undecided);
	assert_true(proven && partly && undecided);
	buffer_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(what_was_said_is_not_said_again, forget),
	    cmocka_unit_test_teardown(a_set_that_rules_fill_is_asked_again, forget),
	    cmocka_unit_test_teardown(chains_that_nobody_calls_go, forget),
	    cmocka_unit_test_teardown(dead_rules_go, forget),
	    cmocka_unit_test_teardown(notrack_brings_rules_to_life, forget),
	    cmocka_unit_test_teardown(what_many_ask_is_asked_once, forget),
	    cmocka_unit_test_teardown(what_is_met_most_comes_first, forget),
	    cmocka_unit_test_teardown(its_own_output_it_leaves_alone, forget),
	    cmocka_unit_test_teardown(a_small_budget_takes_fewer_steps, forget),
	};
	return cmocka_run_group_tests_name("rewrite", tests, NULL, NULL);
}
