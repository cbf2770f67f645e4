/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is left of each rule by the ones before it. */
#include "extension_rules.h"

#include "meaning/reach.h"

struct expected {
	enum reach reach;
	int taker;      /* number of the first rule that is named for it; 0: none */
	bool redundant; /* of SOME */
};

static void check(const char *sets, const char *rules, const struct expected *expected, size_t count)
{
	struct loaded loaded = load_chain(FAMILY_IPV4, "filter", "INPUT", sets, rules);
	struct reach_report *report = NULL;
	assert_int_equal(reach_compute(loaded.ruleset, FAMILY_IPV4, 0, &report), 0);
	assert_non_null(loaded.rule);
	const struct chain *chain = loaded.rule->chain;
	assert_int_equal(chain->rule_count, count);
	for (size_t i = 0; i < count; i++) {
		const struct rule_reach *reach = reach_of(report, &chain->rules[i]);
		int taker = reach->taker_count ? (int)reach->takers[0]->number : 0;
		if (reach->reach != expected[i].reach || reach->redundant != expected[i].redundant ||
		    taker != expected[i].taker)
			fail_msg("rule %zu of\n%s\nis %d, taken by rule %d, redundant %d", i + 1, rules,
				 (int)reach->reach, taker, reach->redundant);
	}
	reach_free(report);
	loaded_free(&loaded);
}
#define CHECK(sets, rules, ...)                                                                              \
	do {                                                                                                 \
		const struct expected expected[] = {__VA_ARGS__};                                            \
		check(sets, rules, expected, sizeof(expected) / sizeof(expected[0]));                        \
	} while (0)

static void a_rule_behind_one_that_covers_it_is_taken(void **state)
{
	(void)state;
	CHECK("",
	      "-s 192.0.2.0/24 -j DROP\n-s 192.0.2.7 -p tcp -m tcp --dport 80 -j ACCEPT\n-s 192.0.2.0/23 -j "
	      "DROP",
	      {REACH_SOME}, {REACH_TAKEN, 1}, {REACH_SOME, 1});
}

static void several_rules_together_take_one(void **state)
{
	(void)state;
	CHECK("", "-s 192.0.2.0/25 -j DROP\n-s 192.0.2.128/25 -j REJECT\n-s 192.0.2.0/24 -j ACCEPT",
	      {REACH_SOME}, {REACH_SOME}, {REACH_TAKEN, 1});
}

static void a_set_takes_its_members(void **state)
{
	(void)state;
	CHECK("create a hash:net family inet hashsize 1024 maxelem 65536\nadd a 192.0.2.0/24\nadd a "
	      "198.51.100.1\n",
	      "-m set --match-set a src -j DROP\n-s 192.0.2.9 -j ACCEPT\n-s 198.51.100.0/24 -j ACCEPT",
	      {REACH_SOME}, {REACH_TAKEN, 1}, {REACH_SOME, 1, true});
}

static void what_may_not_match_takes_nothing_for_sure(void **state)
{
	(void)state;
	CHECK("", "-m limit --limit 5/sec -j ACCEPT\n-s 192.0.2.9 -j DROP\n-m mark --mark 1 -j DROP\n-j DROP",
	      {REACH_SOME}, {REACH_SOME, 0, true}, {REACH_SOME, 2, true}, {REACH_SOME, 2});
}

static void rules_that_go_on_take_nothing(void **state)
{
	(void)state;
	CHECK("", "-s 192.0.2.9 -j LOG\n-s 192.0.2.9\n-s 192.0.2.9 -j DROP", {REACH_SOME}, {REACH_SOME},
	      {REACH_SOME});
}

static void contradicting_conditions_match_nothing(void **state)
{
	(void)state;
	CHECK("",
	      "-p tcp -m tcp --dport 80 -m multiport --dports 81,82 -j DROP\n-s 192.0.2.1 -m iprange "
	      "--src-range "
	      "192.0.2.2-192.0.2.9 -j DROP",
	      {REACH_CONTRADICTS}, {REACH_CONTRADICTS});
	/* A later fragment has no port: both may be true of none but it is the first that says so. */
	CHECK("", "-f -p tcp -m tcp --dport 80 -j DROP", {REACH_CONTRADICTS});
}

static void what_the_policy_does_anyway_is_redundant(void **state)
{
	(void)state;
	CHECK("", "-s 192.0.2.1 -j DROP\n-s 192.0.2.2 -j ACCEPT", {REACH_SOME},
	      {REACH_SOME, 0, true}); /* ACCEPT */
	/* Not where something else comes between. */
	CHECK("", "-s 192.0.2.2 -j ACCEPT\n-p tcp -j DROP", {REACH_SOME}, {REACH_SOME, 1});
	/* LOG is not nothing; a rule without a target is there for its counter. */
	CHECK("", "-s 192.0.2.2 -j LOG\n-s 192.0.2.3", {REACH_SOME}, {REACH_SOME});
}

static void chains_are_reached_from_their_callers(void **state)
{
	static const char rules[] =
	    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	    ":web - [0:0]\n:lost - [0:0]\n"
	    "-A INPUT -p tcp -m tcp --dport 80 -j web\n"
	    "-A INPUT -p tcp -m tcp --dport 80 -j DROP\n"
	    "-A web -p udp -j DROP\n"
	    "-A web -s 192.0.2.1 -j RETURN\n"
	    "-A web -j ACCEPT\n"
	    "-A lost -j DROP\nCOMMIT\n";
	struct reach_report *report = NULL;
	struct loaded loaded = load_text(FAMILY_IPV4, "", rules);
	const struct table *table = &loaded.ruleset->tables[FAMILY_IPV4][TABLE_FILTER];
	(void)state;
	assert_int_equal(reach_compute(loaded.ruleset, FAMILY_IPV4, 0, &report), 0);
	const struct chain *input = table_find_chain(table, TEXT("INPUT")),
			   *web = table_find_chain(table, TEXT("web"));
	const struct chain *lost = table_find_chain(table, TEXT("lost"));
	assert_int_equal(reach_of(report, &web->rules[0])->reach, REACH_TAKEN); /* no UDP comes here */
	assert_int_equal(reach_of(report, &web->rules[1])->reach, REACH_SOME);
	assert_int_equal(reach_of(report, &web->rules[2])->reach, REACH_SOME);
	assert_int_equal(reach_of(report, &lost->rules[0])->reach, REACH_UNCALLED);
	/* What returned is what is left. */
	const struct rule_reach *rest = reach_of(report, &input->rules[1]);
	assert_int_equal(rest->reach, REACH_SOME);
	assert_true(rest->partly_taken);
	assert_ptr_equal(rest->takers[0], &input->rules[0]);
	reach_free(report);
	loaded_free(&loaded);
}

static void past_the_budget_nothing_is_said(void **state)
{
	struct loaded loaded = load_chain(FAMILY_IPV4, "filter", "INPUT", "",
					  "-s 192.0.2.0/24 -j DROP\n-s 192.0.2.7 -p tcp -j ACCEPT");
	struct reach_report *report = NULL;
	(void)state;
	assert_int_equal(reach_compute(loaded.ruleset, FAMILY_IPV4, 8, &report), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(reach_of(report, &loaded.rule->chain->rules[i])->reach, REACH_UNDECIDED);
	reach_free(report);
	loaded_free(&loaded);
}

static void notrack_brings_rules_of_raw_to_life(void **state)
{
	struct loaded loaded =
	    load_chain(FAMILY_IPV4, "raw", "PREROUTING", "",
		       "-m state --state UNTRACKED -j ACCEPT\n-p tcp -j CT --notrack\n"
		       "-m state --state INVALID,NEW,RELATED,ESTABLISHED -j ACCEPT\n-p tcp -j DROP");
	struct reach_report *report = NULL;
	(void)state;
	assert_int_equal(reach_compute(loaded.ruleset, FAMILY_IPV4, 0, &report), 0);
	assert_int_equal(reach_of(report, loaded.rule)->reach, REACH_SOME);
	reach_free(report);
	loaded_free(&loaded);
}

/* Beyond some thousand members what tells one from another is left out: what there is or is not must stay. */
static void a_large_set_of_addresses_and_ports(void **state)
{
	struct buffer sets = {0};
	(void)state;
	buffer_puts(&sets, "create a hash:ip,port family inet hashsize 1024 maxelem 65536\n");
	for (unsigned i = 0; i < 5000; i++)
		buffer_printf(&sets, "add a 198.18.%u.%u,tcp:%u\n", i / 250, i % 250, 1000 + i % 4000);
	buffer_puts(&sets, "add a 192.0.2.7,tcp:80\nadd a 192.0.2.8,tcp:80\nadd a 192.0.2.9,tcp:80\n"
			   "create b hash:ip,port family inet hashsize 1024 maxelem 65536\n"
			   "add b 198.18.0.0,tcp:1000\nadd b 192.0.2.8,tcp:80\n");
	assert_false(sets.failed);
	CHECK(sets.data, "-m set --match-set a src,dst -j DROP\n-m set --match-set a src,dst -j ACCEPT",
	      {REACH_SOME}, {REACH_TAKEN, 1});
	/* Members, with and without another port; what is no member. */
	CHECK(sets.data,
	      "-m set --match-set a src,dst -j DROP\n-s 192.0.2.7 -p tcp -m tcp --dport 80 -j ACCEPT\n"
	      "-s 192.0.2.7 -p tcp -m tcp --dport 81 -j ACCEPT\n-s 192.0.2.8/31 -p tcp -m tcp --dport 80 -j "
	      "ACCEPT\n-s 192.0.2.6/31 -p tcp -m tcp --dport 80 -j ACCEPT",
	      {REACH_SOME}, {REACH_TAKEN, 1}, {REACH_SOME, 0, true}, {REACH_TAKEN, 1}, {REACH_SOME, 1, true});
	/* Two sets, of which one holds some of the other. */
	CHECK(sets.data,
	      "-m set --match-set a src,dst -j DROP\n-m set --match-set b src,dst -j ACCEPT\n"
	      "-p tcp -m tcp --dport 900 -j DROP",
	      {REACH_SOME}, {REACH_TAKEN, 1}, {REACH_SOME});
	CHECK(sets.data,
	      "-m set --match-set b src,dst -j DROP\n-m set --match-set a src,dst -j ACCEPT\n"
	      "-m set --match-set a dst,dst -j DROP",
	      {REACH_SOME}, {REACH_SOME, 1}, {REACH_SOME, 1});
	/* No member has that port. */
	CHECK(sets.data,
	      "-p tcp -m tcp --dport 900 -j DROP\n-m set --match-set a src,dst -j DROP\n"
	      "-p tcp -m tcp --dport 900 -m set --match-set a src,dst -j DROP",
	      {REACH_SOME}, {REACH_SOME}, {REACH_CONTRADICTS});
	buffer_fini(&sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_rule_behind_one_that_covers_it_is_taken),
	    cmocka_unit_test(several_rules_together_take_one),
	    cmocka_unit_test(a_set_takes_its_members),
	    cmocka_unit_test(what_may_not_match_takes_nothing_for_sure),
	    cmocka_unit_test(rules_that_go_on_take_nothing),
	    cmocka_unit_test(contradicting_conditions_match_nothing),
	    cmocka_unit_test(what_the_policy_does_anyway_is_redundant),
	    cmocka_unit_test(chains_are_reached_from_their_callers),
	    cmocka_unit_test(notrack_brings_rules_of_raw_to_life),
	    cmocka_unit_test(past_the_budget_nothing_is_said),
	    cmocka_unit_test(a_large_set_of_addresses_and_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
