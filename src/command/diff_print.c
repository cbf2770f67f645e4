/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir diff's answer, for people. */
#include "command/diff.h"

#include <stdio.h>

static const char *const family_names[FAMILY_COUNT] = {"IPv4", "IPv6"};
static const char *const side_names[] = {"old", "new"};
static const char *const journey_words[JOURNEY_COUNT] = {
    [JOURNEY_DELIVERED] = "that arrive and are delivered here",
    [JOURNEY_FORWARDED] = "that arrive and are forwarded",
    [JOURNEY_LEAVING] = "that leave from here",
};

static void print_fate(const char *word, const struct fate *fate)
{
	printf("%s %s", word, fate->verdict);
	if (fate->effects)
		printf(" (%s)", fate->effects);
}

static void print_rule(const struct seen *seen, size_t side, struct source_cursor *cursor)
{
	const struct rule *rule = seen->outcome.rule;
	const struct chain *chain = seen->outcome.chain;
	if (rule) {
		struct text text = rule_text(rule);
		printf("    %s: %s:%u: %.*s\n", side_names[side], rule->span.source->name,
		       source_line(cursor, rule->span), (int)text.size, text.data);
	} else if (chain) {
		printf("    %s: the policy of %.*s\n", side_names[side], (int)chain->name.size,
		       chain->name.data);
	} else if (seen->outcome.verdicts == VERDICT_ACCEPT) {
		printf("    %s: no such table\n", side_names[side]);
	}
}

static void print_region(const struct diff *diff, struct whereabouts where,
			 const struct difference_region *region)
{
	printf("  %s\n    ", region->words);
	print_fate("was", &region->before);
	print_fate(", is", &region->after);
	puts("");
	if (region->unknowns)
		printf("    where %s\n", region->unknowns);
	if (!region->has_witness)
		return;
	struct buffer packet = {0};
	packet_print(&region->packet, &packet);
	printf("    packet: %s\n", packet.data ? packet.data : "");
	buffer_fini(&packet);
	for (size_t side = 0; side < 2; side++) {
		struct source_cursor cursor = {0};
		struct seen seen = diff_ask(diff, side, where, region);
		print_rule(&seen, side, &cursor);
	}
}

static void print_regions(const struct diff *diff, struct whereabouts where,
			  const struct difference_region *regions, size_t count, size_t total)
{
	for (size_t i = 0; i < count; i++)
		print_region(diff, where, &regions[i]);
	if (total > count)
		printf("  and %zu more kinds of packets\n", total - count);
}

static void print_chain(const struct diff *diff, const struct difference_chain *chain)
{
	printf("%s %s %s", family_names[chain->family], table_names[chain->table], hook_names[chain->hook]);
	if (chain->answer == DIFFERENCE_UNDECIDED) {
		printf(": undecided: %s\n", chain->reason);
		return;
	}
	puts(": differs");
	if (!diff->options.journeys)
		print_regions(diff, (struct whereabouts){.chain = chain}, chain->regions, chain->region_count,
			      chain->region_total);
}

static void print_moves(const struct difference_journey *journey)
{
	for (size_t i = 0; i < journey->move_count; i++) {
		const struct difference_move *move = &journey->moves[i];
		printf("  dropped elsewhere: in %s %s instead of %s %s\n", table_names[move->after.table],
		       hook_names[move->after.hook], table_names[move->before.table],
		       hook_names[move->before.hook]);
	}
}

/* "another mark and another TOS". */
static void print_routing(unsigned routing)
{
	static const char *const words[] = {"mark", "TOS", "TTL", "mark of the connection"};
	bool any = false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(routing >> i & 1))
			continue;
		printf("%s another %s", any ? " and" : "", words[i]);
		any = true;
	}
}

static void print_routing_note(const struct difference *difference)
{
	enum difference_answer all = DIFFERENCE_NONE;
	for (size_t i = 0; i < difference->chain_count; i++) {
		const struct difference_chain *chain = &difference->chains[i];
		if (chain->routing_answer == DIFFERENCE_NONE)
			continue;
		printf("note: %s %s %s %s packets", family_names[chain->family], table_names[chain->table],
		       hook_names[chain->hook],
		       chain->routing_answer == DIFFERENCE_FOUND ? "gives some" : "may give some");
		print_routing(chain->routing);
		puts("");
		all = chain->routing_answer;
	}
	if (all != DIFFERENCE_NONE)
		puts("note: where routing goes by that (ip rule) they may go elsewhere, and meet other "
		     "chains: "
		     "--effects compares it");
}

static void print_note(const struct difference *difference)
{
	bool conntrack = false;
	for (size_t i = 0; i < difference->journey_count; i++)
		conntrack |= difference->journeys[i].conntrack;
	if (conntrack)
		puts("note: of the packets that both drop conntrack sees some on one side alone: there they "
		     "move "
		     "the state of\n"
		     "connections that are known (--effects takes that for a difference)");
}

static void print_journey(const struct diff *diff, const struct difference_journey *journey)
{
	printf("%s packets %s: ", family_names[journey->family], journey_words[journey->journey]);
	switch (journey->answer) {
	case DIFFERENCE_NONE:
		puts(diff->options.effects ? "the same get through, effects too" : "the same get through");
		print_moves(journey);
		break;
	case DIFFERENCE_UNDECIDED:
		printf("undecided: %s\n", journey->reason);
		break;
	case DIFFERENCE_FOUND:
		puts(journey->with_connection ? (journey->journey == JOURNEY_LEAVING
						     ? "differ, of those that REJECT answers with"
						     : "differ, of those that come over lo with a connection")
					      : "differ");
		print_regions(diff, (struct whereabouts){.journey = journey}, journey->regions,
			      journey->region_count, journey->region_total);
		break;
	}
}

static void print_end(const struct diff *diff, size_t equal)
{
	const struct difference *difference = diff->difference;
	size_t count = difference->chain_count;
	if (equal == count && diff_answer(diff) == DIFFERENCE_NONE) {
		printf("Equal: all %zu chains%s.\n", equal, diff->options.effects ? ", effects too" : "");
		return;
	}
	switch (diff_answer(diff)) {
	case DIFFERENCE_NONE:
		printf("The same packets get through, although %zu of %zu chains differ%s.\n", count - equal,
		       count, difference->answer == DIFFERENCE_FOUND ? " (--hooks tells how)" : " or may");
		break;
	case DIFFERENCE_FOUND:
		printf("They differ: %zu of %zu chains are equal.\n", equal, count);
		break;
	case DIFFERENCE_UNDECIDED:
		if (equal == count)
			puts("Undecided: all chains are equal, but packets may leave by other devices.");
		else
			printf("Undecided: %zu of %zu chains are equal, of the others it is not known%s.\n",
			       equal, count, diff->options.journeys ? " what comes of it" : "");
		break;
	}
}

void diff_print_text(const struct diff *diff)
{
	const struct difference *difference = diff->difference;
	size_t equal = 0;
	for (size_t i = 0; i < difference->chain_count; i++) {
		equal += difference->chains[i].answer == DIFFERENCE_NONE;
		if (difference->chains[i].answer != DIFFERENCE_NONE)
			print_chain(diff, &difference->chains[i]);
	}
	for (size_t i = 0; i < difference->journey_count; i++)
		print_journey(diff, &difference->journeys[i]);
	print_note(difference);
	print_routing_note(difference);
	print_end(diff, equal);
}
