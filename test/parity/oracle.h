/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine, asked about one packet under every unknown: what the region is held against. */
#ifndef WEIR_TEST_PARITY_ORACLE_H
#define WEIR_TEST_PARITY_ORACLE_H

#include "engine/engine.h"
#include "meaning/region.h"

/* What a packet was counted on: a struct rule, or the struct chain of a policy. */
struct trace {
	size_t count, capacity;
	struct traced {
		const void *counted;
		enum truth truth;
		uint32_t bytes; /* that the packet had there: TCPMSS adds some */
#define TRACED_LENGTH_UNKNOWN UINT32_MAX
	} * items;
	bool hot_drop;
	bool routed; /* behind PREROUTING, perhaps */
};

void trace_fini(struct trace *trace);
void trace_record(void *context, const struct step *step);          /* engine_trace over a struct trace */
size_t trace_times(const struct trace *trace, const void *counted); /* counted for sure */

/* Called for each combination of unknowns. */
typedef void (*oracle_visit)(void *context, const struct packet *packet, enum path path,
			     const struct outcome *outcome, const struct trace *trace);

/* Runs the engine with every connection state the packet could have, every interface it could come in and
 * leave by (names that the generator uses and one more), and delivery or forwarding, as the options leave
 * them open. Calls visit (may be NULL) for each. Whether all of them drop it for sure without an effect that
 * is not allowed. */
bool oracle_drops(const struct ruleset *ruleset, const struct packet *packet,
		  const struct region_options *options, oracle_visit visit, void *context);

#endif
