/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "coverage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAMES 160

static struct extension_count {
	const char *name;
	enum family family;
	bool target;
	uint64_t rules, matched, packets; /* matched: rules that counted something */
} covered[NAMES];

uint64_t coverage_rules, coverage_packets;

static void add(const char *name, enum family family, bool target, uint64_t packets)
{
	for (size_t i = 0; i < NAMES && name && name[0]; i++) {
		if (!covered[i].name)
			covered[i] =
			    (struct extension_count){.name = name, .family = family, .target = target};
		if (strcmp(covered[i].name, name) != 0 || covered[i].family != family ||
		    covered[i].target != target)
			continue;
		covered[i].rules++;
		covered[i].matched += packets != 0;
		covered[i].packets += packets;
		return;
	}
}

void coverage_add(const struct rule_tally *tally)
{
	for (size_t c = 0; c < tally->chain_count; c++) {
		const struct chain *chain = tally->chains[c].chain;

		for (uint32_t r = 0; r < chain->rule_count; r++) {
			const struct rule *rule = &chain->rules[r];
			uint64_t packets = tally->counts[tally->chains[c].base + 1 + r].packets;

			coverage_rules++;
			coverage_packets += packets;
			for (uint32_t m = 0; m < rule->match_count; m++)
				add(rule->matches[m].type->name, tally->family, false, packets);
			add(rule->target.type->name, tally->family, true, packets);
		}
	}
}

void coverage_print(void)
{
	for (size_t i = 0; i < NAMES && covered[i].name; i++)
		printf("#   IPv%c %s %-12s in %6" PRIu64 " rules, %6" PRIu64 " that counted %8" PRIu64
		       " packets\n",
		       covered[i].family == FAMILY_IPV4 ? '4' : '6', covered[i].target ? "-j" : "-m",
		       covered[i].name, covered[i].rules, covered[i].matched, covered[i].packets);
}
