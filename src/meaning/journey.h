/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: two rulesets compared along the whole way of a packet, where they differ chain by chain.
 */
#ifndef WEIR_MEANING_JOURNEY_H
#define WEIR_MEANING_JOURNEY_H

#include "meaning/behaviour.h"
#include "meaning/delta.h"
#include "meaning/difference.h"

#define JOURNEY_SPARES 64 /* behaviour_options.spares */

struct journey_request {
	struct behaviour *behaviour;
	struct delta *delta;
	enum family family;
	const struct difference_options *options;
	unsigned wanted; /* events that are looked at */
	size_t region_limit;
	double deadline;
	bool trimmed; /* rules that no changed one meets are left out */
	size_t chain_count;
	const struct difference_chain *chains; /* of this family, compared */
	struct arena *arena;
};

/* Those journeys on which some chain differs, or may, as undecided for that reason. Returns how many. */
size_t journeys_list(const struct journey_request *request, const char *reason,
		     struct difference_journey *journeys);
/* Those journeys on which some chain differs, or may. 0 or -ENOMEM. */
int journeys_compare(const struct journey_request *request, struct difference_journey *journeys,
		     size_t *count);

#endif
