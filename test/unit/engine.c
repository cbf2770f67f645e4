/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine, case by case: what ipt_do_table() does with a packet, and what may be said when something is
 * not known. Packets are written in the notation, rules as iptables-save prints them. */
#include "engine/engine.h"
#include "load_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ACCEPT VERDICT_ACCEPT
#define DROP VERDICT_DROP

#define MATCHED_MAX 64

struct way {
	struct outcome outcome;
	char *decider;           /* text of the rule that decided, or NULL */
	size_t matched, perhaps; /* STEP_RULE for sure, perhaps */
	unsigned policies;
	bool hot_drop;
};

static struct packet packet_of(const char *text)
{
	struct arena *arena = arena_new();
	struct diagnostics *sink = diagnostics_new();
	struct packet packet;
	struct source *source = source_new(arena, "packet", text, strlen(text));
	assert_int_equal(packet_parse(source, sink, &packet), 0);
	diagnostics_free(sink);
	arena_free(arena);
	return packet;
}

static void trace(void *context, const struct step *step)
{
	struct way *way = context;
	way->matched += step->kind == STEP_RULE && step->truth == TRUTH_YES;
	way->perhaps += step->kind == STEP_RULE && step->truth == TRUTH_UNKNOWN;
	way->policies += step->kind == STEP_POLICY;
	way->hot_drop |= step->kind == STEP_HOT_DROP;
}

static struct way run_packet(const char *rules, const struct packet *packet, enum path path)
{
	struct way way = {0};
	struct ruleset *ruleset = load_memory(rules);
	assert_int_equal(engine_run(ruleset, packet, path, trace, &way, &way.outcome), 0);
	if (way.outcome.rule) {
		struct text text = rule_text(way.outcome.rule);
		way.decider = strndup(text.data, text.size);
	}
	ruleset_free(ruleset);
	return way;
}

static struct way run(const char *rules, const char *packet, enum path path)
{
	struct packet parsed = packet_of(packet);
	return run_packet(rules, &parsed, path);
}

static void expect(const char *rules, const char *packet, unsigned verdicts, const char *decider)
{
	struct way way = run(rules, packet, PATH_INPUT);
	if (way.outcome.verdicts != verdicts)
		print_error("%s\n%s\nverdicts %u, expected %u\n", rules, packet, way.outcome.verdicts,
			    verdicts);
	assert_int_equal(way.outcome.verdicts, verdicts);
	if (decider)
		assert_string_equal(way.decider ? way.decider : "(none)", decider);
	else
		assert_null(way.decider);
	free(way.decider);
}

#define FILTER(rules)                                                                                        \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" rules "COMMIT\n"
#define RAW(rules) "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" rules "COMMIT\n"
#define MANGLE(rules)                                                                                        \
	"*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT "     \
	"[0:0]\n"                                                                                            \
	":POSTROUTING ACCEPT [0:0]\n" rules "COMMIT\n"
#define NAT(rules)                                                                                           \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT "    \
	"[0:0]\n" rules "COMMIT\n"

#define SYN "in=eth0 proto=tcp src=198.51.100.7 dst=192.0.2.1 sport=40000 dport=443 flags=syn state=new"

static void the_first_rule_that_matches_decides(void **state)
{
	(void)state;
	expect(FILTER("-A INPUT -s 198.51.100.7/32 -j DROP\n-A INPUT -j ACCEPT\n"), SYN, DROP,
	       "-A INPUT -s 198.51.100.7/32 -j DROP");
	expect(FILTER("-A INPUT -s 198.51.100.8/32 -j DROP\n-A INPUT -j ACCEPT\n"), SYN, ACCEPT,
	       "-A INPUT -j ACCEPT");
	expect(FILTER(""), SYN, ACCEPT, NULL);
	expect("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n", SYN, DROP,
	       NULL);
}

static void every_part_of_a_rule_can_be_inverted(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		bool matches;
	} cases[] = {
	    {"-s 198.51.100.0/24", true},
	    {"! -s 198.51.100.0/24", false},
	    {"-d 192.0.2.2/32", false},
	    {"! -d 192.0.2.2/32", true},
	    {"-s 0.0.0.7/0.0.0.255", true},
	    {"-s 0.0.0.8/0.0.0.255", false},
	    {"-i eth0", true},
	    {"! -i eth0", false},
	    {"-i eth+", true},
	    {"! -i eth+", false},
	    {"-i eth", false},
	    {"-i eth00", false},
	    {"-p tcp", true},
	    {"! -p tcp", false},
	    {"-p udp", false},
	    {"! -p udp", true},
	    {"-f", false},
	    {"! -f", true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char rules[512];
		snprintf(rules, sizeof(rules), FILTER("-A INPUT %s -j DROP\n"), cases[i].rule);
		struct way way = run(rules, SYN, PATH_INPUT);
		if ((way.outcome.verdicts == DROP) != cases[i].matches)
			print_error("%s\n", cases[i].rule);
		assert_int_equal(way.outcome.verdicts, cases[i].matches ? DROP : ACCEPT);
		free(way.decider);
	}
}

static void accept_ends_one_table_only(void **state)
{
	(void)state;
	expect(RAW("-A PREROUTING -j ACCEPT\n-A PREROUTING -j DROP\n") FILTER("-A INPUT -j DROP\n"), SYN,
	       DROP, "-A INPUT -j DROP");
	expect(RAW("-A PREROUTING -j DROP\n") FILTER("-A INPUT -j ACCEPT\n"), SYN, DROP,
	       "-A PREROUTING -j DROP");
	expect(MANGLE("-A INPUT -j DROP\n") FILTER("-A INPUT -j ACCEPT\n"), SYN, DROP, "-A INPUT -j DROP");
}

static void jumps_come_back_gotos_do_not(void **state)
{
	(void)state;
#define CHAINS ":A - [0:0]\n:B - [0:0]\n"
	expect(FILTER(CHAINS "-A INPUT -j A\n-A INPUT -j DROP\n-A A -s 192.0.2.9/32 -j ACCEPT\n"), SYN, DROP,
	       "-A INPUT -j DROP");
	/* The end of a chain reached by goto goes where that chain's caller would. */
	expect(FILTER(CHAINS "-A INPUT -g A\n-A INPUT -j DROP\n-A A -s 192.0.2.9/32 -j ACCEPT\n"), SYN,
	       ACCEPT, NULL);
	expect(FILTER(CHAINS "-A INPUT -j A\n-A INPUT -j DROP\n-A A -g B\n-A A -j ACCEPT\n-A B -j RETURN\n"),
	       SYN, DROP, "-A INPUT -j DROP");
	expect(FILTER(CHAINS "-A INPUT -j A\n-A INPUT -j DROP\n-A A -j B\n-A A -j ACCEPT\n-A B -j RETURN\n"),
	       SYN, ACCEPT, "-A A -j ACCEPT");
	/* RETURN in a built-in chain, or behind a goto from one, meets the policy. */
	expect(FILTER("-A INPUT -j RETURN\n-A INPUT -j DROP\n"), SYN, ACCEPT, NULL);
	expect(FILTER(CHAINS "-A INPUT -g A\n-A INPUT -j DROP\n-A A -j RETURN\n"), SYN, ACCEPT, NULL);
}

static void notrack_fixes_the_state_once(void **state)
{
	(void)state;
	const char *untracked =
	    RAW("-A PREROUTING -j NOTRACK\n") FILTER("-A INPUT -m state --state UNTRACKED -j DROP\n");
	expect(untracked, SYN, DROP, "-A INPUT -m state --state UNTRACKED -j DROP");
	expect(RAW("-A PREROUTING -j CT --notrack\n") FILTER("-A INPUT -m conntrack --ctstate NEW -j DROP\n"),
	       SYN, ACCEPT, NULL);
	/* What a target that is not modelled did to it before is not known: CT --zone leaves it tracked. */
	struct way way = run(RAW("-A PREROUTING -j CT --zone 5\n-A PREROUTING -j NOTRACK\n")
				 FILTER("-A INPUT -m state --state UNTRACKED -j DROP\n"),
			     SYN, PATH_INPUT);
	assert_true(way.outcome.verdicts & ACCEPT);
	assert_true(way.outcome.verdicts & DROP);
	assert_false(way.outcome.untracked);
	free(way.decider);
	/* Loopback traffic has its conntrack from OUTPUT. */
	way = run(untracked, "in=lo proto=udp src=192.0.2.1 dst=192.0.2.1 sport=1 dport=2 state=new",
		  PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
	assert_false(way.outcome.untracked);
	free(way.decider);
	/* Two that both do it: one of them does. */
	way = run(RAW("-A PREROUTING -s 198.51.100.7/32 -j NOTRACK\n-A PREROUTING -j NOTRACK\n") FILTER(""),
		  "in=eth0 proto=udp", PATH_INPUT);
	assert_true(way.outcome.untracked);
	free(way.decider);
}

static void before_conntrack_there_is_no_state(void **state)
{
	(void)state;
	expect(RAW("-A PREROUTING -m state --state NEW -j DROP\n"), SYN, ACCEPT, NULL);
	expect(RAW("-A PREROUTING -m state --state INVALID -j DROP\n"), SYN, DROP,
	       "-A PREROUTING -m state --state INVALID -j DROP");
	expect(MANGLE("-A PREROUTING -m state --state NEW -j DROP\n"), SYN, DROP,
	       "-A PREROUTING -m state --state NEW -j DROP");
}

static void an_unknown_match_leaves_both_ways_open(void **state)
{
	(void)state;
	const char *rules = FILTER("-A INPUT -s 198.51.100.7/32 -j DROP\n-A INPUT -j ACCEPT\n");
	struct way way = run(rules, "proto=tcp", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
	assert_non_null(way.outcome.unsure);
	assert_null(way.decider);
	assert_int_equal(way.matched, 0);
	assert_int_equal(way.perhaps, 2);
	/* Both ways are the same: certain, but of no one rule. */
	way = run(FILTER("-A INPUT -s 198.51.100.7/32 -j DROP\n-A INPUT -j DROP\n"), "proto=tcp", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, DROP);
	assert_null(way.outcome.rule);
	/* Another part of the rule says no: nothing is unknown. */
	way = run(FILTER("-A INPUT -s 198.51.100.7/32 -p udp -j DROP\n"), "proto=tcp", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT);
	assert_null(way.outcome.unsure);
	/* A jump perhaps taken: what is in the chain is possible, behind it all goes on. */
	way =
	    run(FILTER(CHAINS "-A INPUT -s 198.51.100.7/32 -j A\n-A INPUT -j ACCEPT\n-A A -p tcp -j DROP\n"),
		"proto=tcp", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
	/* A chain perhaps walked that only comes back leaves the rest certain. */
	way =
	    run(FILTER(CHAINS "-A INPUT -s 198.51.100.7/32 -j A\n-A INPUT -j DROP\n-A A -p tcp -j RETURN\n"),
		"proto=tcp", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, DROP);
	assert_string_equal(way.decider, "-A INPUT -j DROP");
	free(way.decider);
	/* A RETURN perhaps. */
	way =
	    run(FILTER("-A INPUT -s 198.51.100.7/32 -j RETURN\n-A INPUT -j DROP\n"), "proto=tcp", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
	/* A goto perhaps: it may go on behind the rule, or from the chain to the policy. */
	way = run(FILTER(CHAINS "-A INPUT -s 198.51.100.7/32 -g A\n-A INPUT -j DROP\n"), "proto=tcp",
		  PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
}

static void a_drop_perhaps_in_an_earlier_table_stays_possible(void **state)
{
	(void)state;
	struct way way = run(RAW("-A PREROUTING -s 198.51.100.7/32 -j DROP\n") FILTER("-A INPUT -j ACCEPT\n"),
			     "proto=tcp", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
	way = run(RAW("-A PREROUTING -s 198.51.100.7/32 -j ACCEPT\n") FILTER("-A INPUT -j DROP\n"),
		  "proto=tcp", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, DROP);
	assert_string_equal(way.decider, "-A INPUT -j DROP");
	free(way.decider);
}

static void a_target_that_is_not_modelled_may_do_anything(void **state)
{
	(void)state;
	struct way way =
	    run(MANGLE("-A PREROUTING -j IPMARK --addr src\n") FILTER("-A INPUT -j DROP\n"), SYN, PATH_INPUT);
	assert_true(way.outcome.verdicts & VERDICT_UNKNOWN);
	assert_true(way.outcome.verdicts & DROP);
	assert_true(way.outcome.effects & EFFECT_UNKNOWN);
	way = run(FILTER("-A INPUT -s 192.0.2.9/32 -j NFQUEUE --queue-num 1\n"), SYN, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT);
}

static void effects_are_told_whether_sure_or_perhaps(void **state)
{
	(void)state;
	struct way way = run(FILTER("-A INPUT -j LOG\n-A INPUT -j DROP\n"), SYN, PATH_INPUT);
	assert_int_equal(way.outcome.effects, EFFECT_LOG);
	assert_int_equal(way.outcome.verdicts, DROP);
	assert_int_equal(way.matched, 2);
	free(way.decider);
	way = run(FILTER("-A INPUT -s 198.51.100.7/32 -j LOG\n-A INPUT -j DROP\n"), "proto=tcp", PATH_INPUT);
	assert_int_equal(way.outcome.effects, EFFECT_LOG);
	free(way.decider);
	way = run(FILTER("-A INPUT -s 192.0.2.9/32 -j LOG\n-A INPUT -j REJECT\n"), SYN, PATH_INPUT);
	assert_int_equal(way.outcome.effects, EFFECT_REJECT);
	assert_int_equal(way.outcome.verdicts, VERDICT_REJECT);
	free(way.decider);
	/* The evaluation alone of a match with state counts, but not behind a part that says no. */
	way = run(FILTER("-A INPUT -m limit --limit 3/min -j DROP\n-A INPUT -j DROP\n"), SYN, PATH_INPUT);
	assert_true(way.outcome.effects);
	assert_int_equal(way.outcome.verdicts, DROP);
	way = run(FILTER("-A INPUT -p udp -m limit --limit 3/min -j DROP\n-A INPUT -j DROP\n"), SYN,
		  PATH_INPUT);
	assert_int_equal(way.outcome.effects, 0);
	free(way.decider);
}

static void the_output_device_is_known_in_forward_only(void **state)
{
	(void)state;
	const char *rules = FILTER(CHAINS "-A INPUT -j A\n-A FORWARD -j A\n-A A ! -o eth1 -j DROP\n");
	struct way way = run(rules, SYN, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, DROP); /* there is none, and none is not eth1 */
	free(way.decider);
	way = run(rules, SYN, PATH_FORWARD);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
	way = run(rules, SYN " out=eth1", PATH_FORWARD);
	assert_int_equal(way.outcome.verdicts, ACCEPT);
	way = run(rules, SYN " out=eth2", PATH_FORWARD);
	assert_int_equal(way.outcome.verdicts, DROP);
	free(way.decider);
}

static void behind_nat_the_destination_is_not_known(void **state)
{
	(void)state;
	const char *dnat = "-A PREROUTING -p tcp -j DNAT --to-destination 192.0.2.2\n";
	char rules[1024];
	snprintf(rules, sizeof(rules), NAT("%s") FILTER("-A INPUT -d 192.0.2.1/32 -j DROP\n"), dnat);
	struct way way = run(rules, SYN, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
	/* Packets without a connection are left alone. */
	way = run(rules, "src=198.51.100.7 dst=192.0.2.1 proto=tcp state=invalid", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, DROP);
	free(way.decider);
	snprintf(rules, sizeof(rules),
		 RAW("-A PREROUTING -j NOTRACK\n") NAT("%s") FILTER("-A INPUT -d 192.0.2.1/32 -j DROP\n"),
		 dnat);
	way = run(rules, SYN, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, DROP);
	free(way.decider);
	/* The source is the same. */
	snprintf(rules, sizeof(rules),
		 NAT("%s") FILTER("-A INPUT -s 198.51.100.7/32 -p tcp -m tcp --sport 40000 -j DROP\n"), dnat);
	way = run(rules, SYN, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, DROP);
	free(way.decider);
	/* SNAT: replies come to the address that it gave. */
	const char *snat =
	    NAT("-A POSTROUTING -o eth0 -j MASQUERADE\n") FILTER("-A INPUT -d 192.0.2.1/32 -j DROP\n");
	expect(snat, SYN, DROP, "-A INPUT -d 192.0.2.1/32 -j DROP");
	way = run(snat, "src=198.51.100.7 dst=192.0.2.1 proto=tcp state=established", PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
}

static void malformed_headers_are_dropped_at_once(void **state)
{
	(void)state;
	struct packet packet = packet_of("src=198.51.100.7 dst=192.0.2.1 proto=tcp frag=no");
	packet.transport_short = true;
	struct way way = run_packet(
	    FILTER("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n-A INPUT -j ACCEPT\n"), &packet, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, DROP);
	assert_true(way.hot_drop);
	free(way.decider);
	way = run_packet(FILTER("-A INPUT -s 192.0.2.9/32 -p tcp -m tcp --dport 80 -j ACCEPT\n"), &packet,
			 PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT);
	packet.known &= ~(uint32_t)KNOWN_SOURCE;
	way = run_packet(FILTER("-A INPUT -s 192.0.2.9/32 -p tcp -m tcp --dport 80 -j ACCEPT\n"), &packet,
			 PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);

	/* ip6tables -p reads the header chain itself, inverted or not. */
	packet = packet_of("src=2001:db8::1 dst=2001:db8::2 proto=60");
	packet.header_error = true;
	way = run_packet("# Generated by ip6tables-save v1.8.9\n" FILTER("-A INPUT ! -p udp -j ACCEPT\n"),
			 &packet, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, DROP);
	free(way.decider);
	way = run_packet(
	    "# Generated by ip6tables-save v1.8.9\n" FILTER("-A INPUT -s 2001:db8::1/128 -j ACCEPT\n"),
	    &packet, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT);
	free(way.decider);
}

static void what_another_program_gives_back_may_be_another_packet(void **state)
{
	(void)state;
	struct way way = run(MANGLE("-A PREROUTING -j NFQUEUE --queue-num 7\n")
				 FILTER("-A INPUT -s 192.0.2.9/32 -j DROP\n"),
			     SYN, PATH_INPUT);
	assert_true(way.outcome.verdicts & DROP);
	assert_int_equal(way.perhaps, 1);
	free(way.decider);
}

static void headers_that_are_not_known_may_be_malformed(void **state)
{
	(void)state;
	/* The notation has no bytes: is there an option, is it whole? */
	struct way way = run(FILTER("-A INPUT -p tcp -m tcpmss --mss 1:536 -j ACCEPT\n-A INPUT -j ACCEPT\n"),
			     SYN, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP);
	assert_int_equal(way.perhaps, 2);
	assert_int_equal(way.matched, 0);
	free(way.decider);
	/* Its target is run, perhaps. */
	way =
	    run(FILTER(":A - [0:0]\n-A INPUT -p tcp -m tcpmss --mss 1:536 -j A\n-A A -j REJECT --reject-with "
		       "icmp-port-unreachable\n"),
		SYN, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT | DROP | VERDICT_REJECT);
	free(way.decider);
	/* Not where the rule is for others. */
	way =
	    run(FILTER("-A INPUT -s 192.0.2.9/32 -p tcp -m tcpmss --mss 1:536 -j ACCEPT\n"), SYN, PATH_INPUT);
	assert_int_equal(way.outcome.verdicts, ACCEPT);
	free(way.decider);
}

static void chains_that_call_chains_end_within_a_bound(void **state)
{
	(void)state;
	struct buffer rules = {0};
	buffer_puts(&rules, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 60; i++)
		buffer_printf(&rules, ":C%u - [0:0]\n", i);
	buffer_puts(&rules, "-A INPUT -j C0\n-A INPUT -j DROP\n");
	for (unsigned i = 0; i < 59; i++)
		buffer_printf(&rules, "-A C%u -j C%u\n-A C%u -j C%u\n", i, i + 1, i, i + 1);
	buffer_puts(&rules, "COMMIT\n");
	struct way way = run(rules.data, SYN, PATH_INPUT); /* the kernel would take 2^60 steps */
	assert_true(way.outcome.verdicts & VERDICT_UNKNOWN);
	assert_false(way.outcome.verdicts == DROP);
	buffer_fini(&rules);
}

static unsigned verdicts_of(const char *rules, const char *packet, enum origin origin)
{
	const struct engine_options options = {.path = PATH_INPUT};
	struct packet parsed = packet_of(packet);
	struct ruleset *ruleset = load_memory(rules);
	struct engine *engine = NULL;
	struct outcome outcome;
	assert_int_equal(engine_new(ruleset, &options, &engine), 0);
	assert_int_equal(engine_packet(engine, &parsed, origin, NULL, NULL, &outcome), 0);
	engine_free(engine);
	ruleset_free(ruleset);
	return outcome.verdicts;
}

/* Whether a packet is the first one, which meets the policies of nat, is not known. */
static void nat_may_drop_by_its_policy_at_every_hook(void **state)
{
#define NAT_POLICIES(input, output)                                                                          \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT " input " [0:0]\n:OUTPUT " output                            \
	" [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
	static const char arriving[] =
	    "family=4 in=eth0 proto=udp src=192.0.2.9 dst=192.0.2.1 sport=1 dport=53 ",
			  leaving[] =
			      "family=4 out=eth0 proto=udp src=192.0.2.1 dst=192.0.2.9 sport=53 dport=1 ";
	char packet[200];
	(void)state;
	snprintf(packet, sizeof(packet), "%sstate=new", arriving);
	assert_true(verdicts_of(NAT_POLICIES("DROP", "ACCEPT") "COMMIT\n", packet, ORIGIN_RECEIVED) &
		    VERDICT_UNKNOWN);
	assert_int_equal(verdicts_of(NAT_POLICIES("ACCEPT", "DROP") "COMMIT\n", packet, ORIGIN_RECEIVED),
			 ACCEPT);
	snprintf(packet, sizeof(packet), "%sstate=established", arriving);
	assert_int_equal(verdicts_of(NAT_POLICIES("DROP", "ACCEPT") "COMMIT\n", packet, ORIGIN_RECEIVED),
			 ACCEPT);
	snprintf(packet, sizeof(packet), "%sstate=new", leaving);
	assert_true(verdicts_of(NAT_POLICIES("ACCEPT", "DROP") "COMMIT\n", packet, ORIGIN_LEAVING) &
		    VERDICT_UNKNOWN);
	/* Rules of OUTPUT send what leaves somewhere else. */
	assert_int_not_equal(
	    verdicts_of(
		NAT_POLICIES("ACCEPT", "ACCEPT") "-A OUTPUT -j DNAT --to-destination 192.0.2.7\nCOMMIT\n"
						 "*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d "
						 "192.0.2.7/32 -j DROP\nCOMMIT\n",
		packet, ORIGIN_LEAVING),
	    ACCEPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_rule_that_matches_decides),
	    cmocka_unit_test(every_part_of_a_rule_can_be_inverted),
	    cmocka_unit_test(accept_ends_one_table_only),
	    cmocka_unit_test(jumps_come_back_gotos_do_not),
	    cmocka_unit_test(notrack_fixes_the_state_once),
	    cmocka_unit_test(before_conntrack_there_is_no_state),
	    cmocka_unit_test(an_unknown_match_leaves_both_ways_open),
	    cmocka_unit_test(a_drop_perhaps_in_an_earlier_table_stays_possible),
	    cmocka_unit_test(a_target_that_is_not_modelled_may_do_anything),
	    cmocka_unit_test(effects_are_told_whether_sure_or_perhaps),
	    cmocka_unit_test(the_output_device_is_known_in_forward_only),
	    cmocka_unit_test(behind_nat_the_destination_is_not_known),
	    cmocka_unit_test(malformed_headers_are_dropped_at_once),
	    cmocka_unit_test(what_another_program_gives_back_may_be_another_packet),
	    cmocka_unit_test(headers_that_are_not_known_may_be_malformed),
	    cmocka_unit_test(chains_that_call_chains_end_within_a_bound),
	    cmocka_unit_test(nat_may_drop_by_its_policy_at_every_hook),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
