/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that changed places. Whatever was done to a chain: packets that are not said to be touched meet the
 * same in both, as diagrams of the whole chains have it. And what may change places is found to have done so.
 */
#include "meaning/behaviour.h"
#include "meaning/delta.h"
#include "meaning/difference.h"
#include "meaning/reach.h"
#include "read/load.h"
#include "rewrite/rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct ruleset *load(const char *rules, const char *sets)
{
	struct rules_text texts[2] = {{"rules", {rules, strlen(rules)}}, {"sets", {sets, strlen(sets)}}};
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	if (rules_load_texts(texts, sets[0] ? 2 : 1, sink, &ruleset)) {
		struct buffer out = {0};
		diagnostics_print(sink, &out);
		print_error("%s\n%s\n%s", rules, sets, out.data ? out.data : "");
		fail();
	}
	diagnostics_free(sink);
	return ruleset;
}

/* --- random chains
 * ------------------------------------------------------------------------------------------------------- */

#define LINES_MAX 80
#define SETS_MAX 6
#define LINE_SIZE 256

/* A chain as text, and the sets that it looks into. */
struct draft {
	bool raw;
	size_t count;
	char lines[LINES_MAX][LINE_SIZE]; /* without "-A CHAIN" */
	size_t own_count;                 /* of a chain that the other side has not */
	char own[LINES_MAX][LINE_SIZE];
	struct buffer sets;
	unsigned set_count;
};

static unsigned random_below(uint64_t *seed, unsigned limit)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((*seed >> 33) % limit);
}

static void put_address(uint64_t *seed, const char *option, struct buffer *out)
{
	static const char *const addresses[] = {"192.0.2.1/32", "192.0.2.2/32", "192.0.2.0/30",
						"192.0.2.0/24", "198.51.100.7/32"};
	if (random_below(seed, 3) == 0)
		return;
	buffer_printf(out, "%s%s %s ", random_below(seed, 12) ? "" : "! ", option,
		      addresses[random_below(seed, sizeof(addresses) / sizeof(addresses[0]))]);
}

static void put_matches(uint64_t *seed, bool raw, struct buffer *out)
{
	static const char *const protocols[] = {
	    "-p tcp -m tcp --dport 80 ",
	    "-p tcp -m tcp --dport 80:443 ",
	    "-p tcp ",
	    "-p udp -m udp --dport 53 ",
	    "-p udp -m udp --sport 53 ",
	    "-p icmp ",
	    "! -p tcp ",
	    "-p tcp -m tcp ! --dport 22 ",
	};
	put_address(seed, "-s", out);
	put_address(seed, "-d", out);
	if (random_below(seed, 2))
		buffer_puts(out, protocols[random_below(seed, sizeof(protocols) / sizeof(protocols[0]))]);
	if (random_below(seed, raw ? 3 : 8) == 0)
		buffer_puts(out,
			    random_below(seed, 2) ? "-m state --state NEW " : "-m state --state UNTRACKED ");
	if (!raw && random_below(seed, 15) == 0)
		buffer_puts(out, "-m mark --mark 0x1 ");
	if (random_below(seed, 15) == 0)
		buffer_puts(out, "-m mac --mac-source 02:00:00:00:00:01 ");
	if (random_below(seed, 8) == 0)
		buffer_puts(out, "-m limit --limit 5/sec ");
}

static void make_line(uint64_t *seed, bool raw, char *line, size_t size)
{
	static const char *const filter_targets[] = {
	    "-j ACCEPT",
	    "-j DROP",
	    "-j ACCEPT",
	    "-j DROP",
	    "-j ACCEPT",
	    "-j DROP",
	    "-j RETURN",
	    "-j LOG --log-prefix \"a \"",
	    "-j shared",
	    "-g shared",
	    "-j REJECT --reject-with icmp-port-unreachable",
	};
	static const char *const raw_targets[] = {"-j NOTRACK", "-j NOTRACK", "-j NOTRACK",    "-j ACCEPT",
						  "-j DROP",    "-j shared",  "-j CT --zone 1"};
	struct buffer out = {0};
	put_matches(seed, raw, &out);
	unsigned limit = raw ? sizeof(raw_targets) / sizeof(raw_targets[0])
			     : sizeof(filter_targets) / sizeof(filter_targets[0]);
	/* Most of them are of those that may change places. */
	unsigned which = random_below(seed, 4) ? random_below(seed, raw ? 5 : 6) : random_below(seed, limit);
	buffer_puts(&out, raw ? raw_targets[which] : filter_targets[which]);
	snprintf(line, size, "%s", out.data);
	buffer_fini(&out);
}

#define BANS 20

/* A few rules of all kinds, and rules whose order matters to nobody between them. */
static void make_draft(uint64_t *seed, struct draft *draft)
{
	unsigned left = BANS;
	*draft = (struct draft){.raw = random_below(seed, 3) == 0};
	draft->count = BANS + 4 + random_below(seed, 12);
	for (size_t i = 0; i < draft->count; i++) {
		bool ban = random_below(seed, (unsigned)(draft->count - i)) < left;
		if (ban)
			snprintf(draft->lines[i], sizeof(draft->lines[0]), "-s 203.0.113.%u/32 -j DROP",
				 left--);
		else
			make_line(seed, draft->raw, draft->lines[i], sizeof(draft->lines[i]));
	}
}

static bool is_ban(const char *line)
{
	return strncmp(line, "-s 203.", 7) == 0;
}

static void swap_lines(struct draft *draft, size_t a, size_t b)
{
	char line[LINE_SIZE];
	memcpy(line, draft->lines[a], sizeof(line));
	memcpy(draft->lines[a], draft->lines[b], sizeof(line));
	memcpy(draft->lines[b], line, sizeof(line));
}

static void remove_line(struct draft *draft, size_t index)
{
	memmove(draft->lines[index], draft->lines[index + 1],
		(draft->count - index - 1) * sizeof(draft->lines[0]));
	draft->count--;
}

/* Some rules that ask for a source alone become one over a set. */
static void make_set(uint64_t *seed, struct draft *draft)
{
	const char *target = random_below(seed, 2) ? "-j ACCEPT" : "-j DROP";
	char name[16], seen[8][32];
	size_t place = draft->count, members = 0;
	if (draft->set_count == SETS_MAX)
		return;
	snprintf(name, sizeof(name), "set%u", draft->set_count);
	for (size_t i = 0; i < draft->count && members < 8;) {
		char source[32], expected[64];
		bool fits = sscanf(draft->lines[i], "-s %31s", source) == 1;
		snprintf(expected, sizeof(expected), "-s %s %s", fits ? source : "", target);
		bool again = false;
		for (size_t k = 0; fits && k < members; k++)
			again |= strcmp(seen[k], source) == 0;
		if (!fits || again || strcmp(expected, draft->lines[i]) != 0) {
			i++;
			continue;
		}
		if (!members) {
			buffer_printf(&draft->sets, "create %s hash:net\n", name);
			draft->set_count++;
			place = i;
		}
		snprintf(seen[members++], sizeof(seen[0]), "%s", source);
		buffer_printf(&draft->sets, "add %s %s\n", name, source);
		if (place == i)
			i++;
		else
			remove_line(draft, i);
	}
	if (members)
		snprintf(draft->lines[place], sizeof(draft->lines[0]), "-m set --match-set %s src %s", name,
			 target);
}

/* Rules in a row become a chain that one rule in their place jumps to. */
static void make_chain(uint64_t *seed, struct draft *draft)
{
	size_t length = 2 + random_below(seed, 6), begin = random_below(seed, (unsigned)draft->count);
	if (draft->own_count || begin + length > draft->count)
		return;
	memcpy(draft->own, draft->lines[begin], length * sizeof(draft->lines[0]));
	draft->own_count = length;
	for (size_t i = 1; i < length; i++)
		remove_line(draft, begin + 1);
	snprintf(draft->lines[begin], sizeof(draft->lines[0]), "%s-j own",
		 random_below(seed, 2) ? "" : "-s 192.0.2.0/24 ");
}

/* So many have changed places that pairing them one by one does not do. */
static void turn_bans(struct draft *draft)
{
	for (size_t begin = 0, end = draft->count - 1; begin < end;) {
		if (!is_ban(draft->lines[begin]))
			begin++;
		else if (!is_ban(draft->lines[end]))
			end--;
		else
			swap_lines(draft, begin++, end--);
	}
}

static void mutate(uint64_t *seed, struct draft *draft)
{
	turn_bans(draft);
	for (unsigned i = random_below(seed, 3); i > 0; i--)
		swap_lines(draft, random_below(seed, (unsigned)draft->count),
			   random_below(seed, (unsigned)draft->count));
	for (unsigned i = random_below(seed, 3); i > 0; i--)
		make_set(seed, draft);
	if (random_below(seed, 2) == 0)
		make_chain(seed, draft);
	if (random_below(seed, 3) == 0)
		remove_line(draft, random_below(seed, (unsigned)draft->count));
	if (random_below(seed, 4) == 0)
		make_line(seed, draft->raw, draft->lines[random_below(seed, (unsigned)draft->count)],
			  sizeof(draft->lines[0]));
}

static struct ruleset *load_draft(const struct draft *draft)
{
	const char *chain = draft->raw ? "PREROUTING" : "INPUT";
	struct buffer rules = {0};
	buffer_puts(&rules, draft->raw ? "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
				       : "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
					 ":OUTPUT ACCEPT [0:0]\n");
	buffer_puts(&rules, ":shared - [0:0]\n");
	if (draft->own_count)
		buffer_puts(&rules, ":own - [0:0]\n");
	for (size_t i = 0; i < draft->count; i++)
		buffer_printf(&rules, "-A %s %s\n", chain, draft->lines[i]);
	for (size_t i = 0; i < draft->own_count; i++)
		buffer_printf(&rules, "-A own %s\n", draft->own[i]);
	buffer_puts(&rules, "-A shared -s 192.0.2.2/32 -j ACCEPT\nCOMMIT\n");
	struct ruleset *ruleset = load(rules.data, draft->sets.data ? draft->sets.data : "");
	buffer_fini(&rules);
	return ruleset;
}

/* --- what is untouched is the same
 * ------------------------------------------------------------------------------------------------------- */

struct tally {
	unsigned tried, untouched, some, differ;
};

static void check_untouched(const struct ruleset *const sides[2], bool raw, struct tally *tally)
{
	const struct behaviour_options options = {.node_budget = 1000000, .effects = true};
	struct behaviour *behaviour = NULL;
	struct delta *delta = NULL;
	enum table_id table = raw ? TABLE_RAW : TABLE_FILTER;
	enum hook hook = raw ? HOOK_PREROUTING : HOOK_INPUT;
	assert_int_equal(behaviour_new(FAMILY_IPV4, sides, 2, &options, &behaviour), 0);
	assert_int_equal(delta_new(behaviour, sides, FAMILY_IPV4, &delta), 0);
	struct diagram *diagram = behaviour_fields(behaviour)->diagram;
	diagram_node touched = delta_domain(delta, table, hook);
	assert_true(touched != DIAGRAM_UNDECIDED);
	behaviour_look_at_all(behaviour);
	diagram_node before = behaviour_chain(behaviour, 0, table, hook, DIAGRAM_TRUE);
	diagram_node after = behaviour_chain(behaviour, 1, table, hook, DIAGRAM_TRUE);
	diagram_node different = diagram_and(diagram, behaviour_domain(behaviour, hook),
					     behaviour_difference(behaviour, before, after));
	/* Of the chains' places those of the same rules are pairs; where there are several, not always the
	 * same ones as here. */
	assert_true(diagram_minus(diagram, different, touched) == DIAGRAM_FALSE);
	tally->tried++;
	tally->untouched += touched == DIAGRAM_FALSE;
	tally->some += touched != DIAGRAM_FALSE && touched != DIAGRAM_TRUE;
	tally->differ += different != DIAGRAM_FALSE;
	delta_free(delta);
	behaviour_free(behaviour);
}

static void test_what_is_untouched_is_the_same(void **state)
{
	const char *text = getenv("SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	struct tally tally = {0};
	(void)state;
	print_message("SEED=%llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < 600; i++) {
		struct draft first, second;
		make_draft(&seed, &first);
		second = first;
		mutate(&seed, &second);
		struct ruleset *before = load_draft(&first), *after = load_draft(&second);
		const struct ruleset *const sides[2] = {before, after};
		const struct ruleset *const turned[2] = {after, before};
		check_untouched(sides, first.raw, &tally);
		check_untouched(turned, first.raw, &tally);
		ruleset_free(before);
		ruleset_free(after);
		buffer_fini(&second.sets);
	}
	print_message("%u compared: %u untouched, of %u some; %u differ\n", tally.tried, tally.untouched,
		      tally.some, tally.differ);
	assert_true(tally.untouched > 0 && tally.some > 0 && tally.differ > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_untouched_is_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
