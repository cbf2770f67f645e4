/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TRACE: each rule that the packet matches from here on is logged; goes on: net/netfilter/xt_TRACE.c. */
#include "extension/option.h"
#include "extension/types.h"

static int trace_finish(struct rule_parser *parser, struct target *target);

const struct target_type target_trace = {
    .name = "TRACE",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .finish = trace_finish,
    .effects = EFFECT_LOG,
    .tables = 1 << TABLE_RAW,
};

/* "meta nftrace set 1", which is for every table. */
static const struct target_type target_trace_nft = {
    .name = "TRACE",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .finish = trace_finish,
    .effects = EFFECT_LOG,
};

static int trace_finish(struct rule_parser *parser, struct target *target)
{
	if (option_is_nft(parser))
		target->type = &target_trace_nft;
	return 0;
}
