/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is wrong with a ruleset, or costs more than it has to: findings. Each kind is one file of this folder
 * and stands in one registry (registry.c). A finding says only what holds; where that cannot be told from the
 * rules, it is silent. */
#ifndef WEIR_CHECK_CHECK_H
#define WEIR_CHECK_CHECK_H

#include "base/diagnostic.h"
#include "meaning/region.h"
#include "ruleset/ruleset.h"

struct check;

struct finding_type {
	const char *code; /* stable, kebab-case */
	enum severity severity;
	const char *title;               /* in a few words, without a full stop */
	const char *why;                 /* it matters: whole sentences */
	const char *action;              /* what to do: whole sentences */
	int (*run)(struct check *check); /* 0, -ENOMEM */
};

extern const struct finding_type *const finding_types[];
extern const size_t finding_type_count;
const struct finding_type *finding_type_find(const char *code); /* NULL: none */

/* How this host reaches an address. */
enum check_route {
	CHECK_ROUTE_UNKNOWN,
	CHECK_ROUTE_LINK,
	CHECK_ROUTE_VIA,
	CHECK_ROUTE_OWN,
	CHECK_ROUTE_NONE
};

struct check_options {
	size_t node_budget; /* of each family's diagrams; 0: default */
	/* Asks the host that the rules are loaded on; address in network byte order. NULL: they are looked at
	 * elsewhere, and what hangs on routes is not known. */
	enum check_route (*route)(enum family family, const uint8_t *address);
	/* Addresses of this host and of networks behind it, and the interface by which packets from elsewhere
	 * come. Not given (0, NULL): as far as the rules show them. */
	size_t own_count;
	const struct region_local *own;
	const char *outside;
};

struct check_result {
	size_t found[SEVERITY_ERROR + 1];
	size_t hidden;  /* of those: not in the sink, since there are so many of their kind */
	bool undecided; /* the budget did not do for some rule: it may be dead, and nothing says so */
};

/* Adds what is found to the sink, in the order of the input; the first finding of each kind has its reason.
 * The ruleset must stay as long as the sink. 0, -ENOMEM. */
int check_run(const struct ruleset *ruleset, const struct check_options *options, struct diagnostics *sink,
	      struct check_result *result);

#endif
