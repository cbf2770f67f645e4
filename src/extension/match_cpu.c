/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m cpu: the processor that handles the packet: net/netfilter/xt_cpu.c. Which it is is not known.
 */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

enum { CPU_NUMBER, CPU_COUNT };

static const struct guide guides[CPU_COUNT] = {
    [CPU_NUMBER] = {.name = "--cpu",
		    .kind = GUIDE_NUMBER,
		    .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
		    .max = UINT32_MAX},
};

static int cpu_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, CPU_COUNT);
}

static int cpu_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, CPU_COUNT, match->span,
			     "-m cpu");
}

static void cpu_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m cpu");
	guided_print_all(match->data, guides, CPU_COUNT, rule->chain->table->family, out);
}

const struct match_type match_cpu = {
    .name = "cpu",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, true},
    .parse = cpu_parse,
    .finish = cpu_finish,
    .print = cpu_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
