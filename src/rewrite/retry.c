/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What cannot be proven within the budget is tried again with a step less, the one first that leaves the
 * proof most to do for what it gains. Of the time that is left each try but the last gets two thirds; nodes
 * and memory are each try's own. */
#include "base/clock.h"
#include "rewrite/plan.h"

#include <errno.h>
#include <string.h>

/* Orders say nothing of what packets there are; dead rules hang on all before them; a chain in front of rules
 * is followed; lists gain most. */
static const unsigned drops[] = {REWRITE_ORDER, REWRITE_DEAD, REWRITE_PREFIX, REWRITE_LISTS,
				 REWRITE_REPEATED};
#define DROP_COUNT (sizeof(drops) / sizeof(drops[0]))

struct retry {
	const struct difference_options *options;
	struct diagnostics *sink;
	double deadline; /* clock_seconds(); 0: none */
	struct rewrite *rewrite;
	struct ruleset *after;
	struct difference *difference;
};

static void print_all(const struct rewrite *rewrite, struct buffer *out)
{
	rewrite_print_rules(rewrite, FAMILY_IPV4, out);
	rewrite_print_rules(rewrite, FAMILY_IPV6, out);
	rewrite_print_sets(rewrite, out);
}

static bool same_output(const struct rewrite *a, const struct rewrite *b)
{
	struct buffer left = {0}, right = {0};

	print_all(a, &left);
	print_all(b, &right);
	bool same = !left.failed && !right.failed && left.size == right.size &&
		    (!left.size || memcmp(left.data, right.data, left.size) == 0);
	buffer_fini(&left);
	buffer_fini(&right);
	return same;
}

static bool is_undecided(const struct retry *retry)
{
	return retry->difference->answer == DIFFERENCE_UNDECIDED;
}

static int prove_once(struct retry *retry, bool last)
{
	struct difference_options options = *retry->options;

	if (retry->deadline > 0) {
		double left = retry->deadline - clock_seconds();
		if (left < 1e-3)
			left = 1e-3;
		options.time_budget = (uint64_t)((last ? left : left * 2 / 3) * 1e9);
	}
	return rewrite_prove(retry->rewrite, &options, retry->sink, &retry->after, &retry->difference);
}

/* A rewrite with one of the steps less that were taken, and another outcome. NULL when there is none. */
static int take_less(const struct rewrite *rewrite, size_t *drop, struct rewrite **less)
{
	struct rewrite_options options = rewrite->options;
	int error = 0;

	*less = NULL;
	while (*drop < DROP_COUNT && !error && !*less) {
		unsigned step = drops[(*drop)++];
		if (options.without & step)
			continue;
		options.without |= step;
		error = rewrite_compute(rewrite->ruleset, &options, less);
		if (!error && same_output(rewrite, *less)) {
			rewrite_free(*less);
			*less = NULL;
			options.without &= ~step; /* it did nothing */
		}
	}
	return error;
}

int rewrite_prove_less(struct rewrite **rewrite, const struct difference_options *options,
		       struct diagnostics *sink, struct ruleset **after, struct difference **difference,
		       unsigned *left_out)
{
	unsigned asked = (*rewrite)->options.without;
	struct retry retry = {.options = options, .sink = sink, .rewrite = *rewrite};
	size_t drop = 0;

	if (options->time_budget)
		retry.deadline = clock_seconds() + (double)options->time_budget * 1e-9;
	int error = prove_once(&retry, !rewrite_changed(retry.rewrite));
	while (!error && is_undecided(&retry) && rewrite_changed(retry.rewrite) &&
	       !(retry.deadline > 0 && clock_seconds() > retry.deadline)) {
		struct rewrite *less = NULL;
		error = take_less(retry.rewrite, &drop, &less);
		/* What is left of the input as it is needs no proof, and gains nothing. */
		if (less && !rewrite_changed(less)) {
			rewrite_free(less);
			less = NULL;
		}
		if (!less)
			break;
		rewrite_free(retry.rewrite);
		*rewrite = retry.rewrite = less;
		difference_cleanup(&retry.difference);
		ruleset_cleanup(&retry.after);
		retry.difference = NULL;
		retry.after = NULL;
		error = prove_once(&retry, drop == DROP_COUNT);
	}
	if (error) {
		difference_cleanup(&retry.difference);
		ruleset_cleanup(&retry.after);
		return error;
	}
	*after = retry.after;
	*difference = retry.difference;
	*left_out = retry.rewrite->options.without & ~asked;
	return 0;
}
