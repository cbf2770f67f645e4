/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From rules to proven tables, in one go: what every command that puts weir in front of something does. */
#include "plane/plane.h"

#include "base/clock.h"

#include <errno.h>

#define RULE_LIMIT_MIN 32 /* tables of fewer rules of each chain are not worth a try */

static size_t longest_chain(const struct ruleset *ruleset)
{
	size_t longest = 0;
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		for (enum table_id table = 0; table < TABLE_COUNT; table++)
			for (size_t i = 0; i < ruleset->tables[family][table].chain_count; i++)
				if (ruleset->tables[family][table].chains[i]->rule_count > longest)
					longest = ruleset->tables[family][table].chains[i]->rule_count;
	return longest;
}

static int attempt(const struct ruleset *ruleset, const struct region_options *options,
		   struct region *regions[FAMILY_COUNT], struct plane **plane, struct buffer *why)
{
	double start = clock_seconds();
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		int result = region_compute(ruleset, family, options, &regions[family]);
		if (result)
			return result;
	}
	double meant = clock_seconds();
	const struct region *used[FAMILY_COUNT];
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		used[family] = regions[family];
	int result = plane_build(used, plane);
	if (result)
		return result;
	double built = clock_seconds();
	result = plane_prove(*plane, used, why);
	(*plane)->statistics.meaning_seconds = meant - start;
	(*plane)->statistics.build_seconds = built - meant;
	(*plane)->statistics.proof_seconds = clock_seconds() - built;
	return result;
}

int plane_compute(const struct ruleset *ruleset, const struct region_options *options,
		  struct region *regions[FAMILY_COUNT], struct plane **plane, struct buffer *why)
{
	struct region_options less = *options;
	for (;;) {
		int result = attempt(ruleset, &less, regions, plane, why);
		size_t limit = less.rule_limit ? less.rule_limit : longest_chain(ruleset);
		if (result != -E2BIG || limit / 2 < RULE_LIMIT_MIN)
			return result;
		less.rule_limit = limit / 2;
		for (enum family family = 0; family < FAMILY_COUNT; family++)
			region_cleanup(&regions[family]);
		for (enum family family = 0; family < FAMILY_COUNT; family++)
			regions[family] = NULL;
	}
}
