/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The early-drop region: which packets arriving at an interface the rules drop whatever the unknowns are, and
 * for each of them which rules would have counted it. */
#ifndef WEIR_MEANING_REGION_H
#define WEIR_MEANING_REGION_H

#include "extension/fields.h"
#include "ruleset/extension_type.h"
#include "ruleset/ruleset.h"

/* A range of destinations known to be delivered here: a route of type local. */
struct region_local {
	enum family family;
	address low, high;
};

/* What is known of the host and what the operator allows. */
struct region_options {
	const char *interface;               /* NULL: any of them but lo; the region holds whichever it is */
	enum truth forwarding[FAMILY_COUNT]; /* whether IFACE forwards; UNKNOWN: both paths must drop */
	/* Destinations known to be delivered here (routes of type local). Where none of a family is given and
	 * the host does not forward, every destination is taken as its own. */
	size_t local_count;
	const struct region_local *locals;
	enum truth
	    nat[FAMILY_COUNT]; /* whether NAT may rewrite tracked packets; UNKNOWN: as the nat table says */
	unsigned allowed;      /* enum effect: effects that need not hold a drop back */
	size_t node_budget;    /* 0: default */
	size_t rule_limit; /* items of a chain that are looked at; what is behind may do anything. 0: all */
	const struct ruleset *within; /* only what these rules, too, drop early; NULL: no others */
};

/* Something that is counted: a rule, a policy, or a list of rules that differ in one key only. */
enum unit_kind { UNIT_RULE, UNIT_POLICY, UNIT_LIST };

struct unit {
	enum unit_kind kind;
	const struct chain *chain;
	const struct rule *rule; /* UNIT_RULE; UNIT_LIST: the first of rule_count consecutive ones */
	size_t rule_count;       /* UNIT_LIST: element i of the predicate is rule[i]; otherwise 1, policy 0 */
	const struct predicate *predicate; /* UNIT_LIST: its key. UNIT_RULE: the set that it matches
					      positively, of which members may be counted; NULL without */
};

/* One way of being dropped early: what is counted, each once. */
struct attribution {
	size_t unit_count;
	const uint32_t *units; /* indexes into region->units, ascending */
	uint32_t limit;        /* only above region->limits[limit - 1]; 0: dropped whatever the rate */
};

/* A rate that XDP may hold in front of the rule that holds it (limit.c): a bucket for each source, which gets
 * a packet's worth every `cost` nanoseconds, up to `burst` of them. It holds more and fills up faster than
 * the rule's own. */
struct region_limit {
	uint32_t unit;   /* the rule */
	uint32_t bucket; /* limits of one number count together, at one rate: index of the first */
	uint64_t cost, burst;
	uint32_t prefix; /* bits of the source that tell sources apart; 0: all count together */
};

/* A rule or policy that drops, and what became of it. */
enum coverage { COVERAGE_ALL, COVERAGE_SOME, COVERAGE_NONE, COVERAGE_UNREACHED };
struct covered {
	uint32_t unit;
	enum coverage coverage;
	/* Not ALL: why, in words, with the rule in the way where one is. */
	const char *reason;
	const struct rule *blocker;
	const char *limit; /* dropped early above this rate only, in words; NULL: at any */
};

struct region {
	enum family family;
	struct arena *arena;
	struct fields *fields;
	/* Terminal 0: goes up to the kernel; t > 0: dropped early, or limited, counted as attributions[t].
	 * Tests no unknown variable. For parts of fragmented packets FIELD_FRAGMENT is FRAGMENT_FIRST, and
	 * what is said holds for every header the packet could have. */
	diagram_node root;
	bool undecided;           /* the budget was met: root is terminal 0 */
	bool narrowed;            /* the rules drop more early than is within the others */
	size_t attribution_count; /* including [0], which is unused */
	const struct attribution *attributions;
	size_t limit_count;
	const struct region_limit *limits;
	size_t unit_count;
	const struct unit *units;
	size_t covered_count; /* one for each unit that drops */
	const struct covered *covered;
	/* Rules whose counts XDP cannot tell for every dropped packet (they depend on unknowns or met the
	 * budget): unit indexes. Their packets are counted on the other rules only. */
	size_t uncounted_count;
	const uint32_t *uncounted;
	/* Further rules of which the same is true for parts of fragmented packets only: they look at what is
	 * behind the IP header. */
	size_t uncounted_parts;
	size_t nodes; /* of the diagram from root */
	/* Items of each chain that were looked at, where the budget did not do for all; 0: all. Rules behind
	 * them are left to the kernel. */
	size_t rule_limit;
};

/* 0, -ENOMEM, -E2BIG. A family without rules gives an empty region. Where the budget does not do for all
 * rules, fewer and fewer from the start of each chain are looked at; the region is undecided where even that
 * fails. */
int region_compute(const struct ruleset *ruleset, enum family family, const struct region_options *options,
		   struct region **region);
void region_free(struct region *region);
/* Boolean diagrams: what is dropped early whatever the rate, and what is above a limit only. */
diagram_node region_dropped(const struct region *region);
diagram_node region_limited(const struct region *region);
static inline void region_cleanup(struct region **region)
{
	if (*region)
		region_free(*region);
}

#endif
