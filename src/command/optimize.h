/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir optimize: what its files share. */
#ifndef WEIR_COMMAND_OPTIMIZE_H
#define WEIR_COMMAND_OPTIMIZE_H

#include "command/output.h"
#include "rewrite/rewrite.h"

#include <stdbool.h>

struct json_object;

/* optimize_print.c */
void optimize_print_map(const struct rewrite *rewrite, struct buffer *out);
void optimize_print_summary(const struct rewrite *rewrite, struct buffer *out);
void optimize_print_rules(const struct rewrite *rewrite, struct buffer *out);
void optimize_print_costs(const struct rewrite_cost *costs, size_t count, struct buffer *out);
struct json_object *optimize_json(const struct rewrite *rewrite, const struct rewrite_cost *costs,
				  size_t cost_count);

/* optimize.c: says where, and gives the exit code. */
int optimize_not_proven(const struct difference *difference);
/* optimize_nft.c: the rules in nftables' words, proven to do the same. An exit code, after a message when it
 * is not EXIT_DONE. */
int optimize_nft(const struct ruleset *rules, const struct difference_options *options,
		 struct buffer *script);

/* optimize_cost.c: both rulesets loaded in network namespaces, and packets sent to them. 0 with *measured,
 * which also says why nothing was measured; -errno when not even that could be. */
struct optimize_cost;
int optimize_cost_measure(const struct ruleset *before, const struct ruleset *after,
			  struct optimize_cost **measured);
void optimize_cost_free(struct optimize_cost *measured);
void optimize_print_measured(const struct optimize_cost *measured, struct buffer *out);
struct json_object *optimize_measured_json(const struct optimize_cost *measured);

#endif
