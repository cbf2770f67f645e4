/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m helper: the connection was expected by one that has a conntrack helper: helper_mt() in
 * net/netfilter/xt_helper.c. Without a connection, and of one that nobody expected, the answer is that of
 * "!"; a packet that is NEW is of no expected connection, or it would be RELATED.
 */
#include "extension/guided.h"
#include "extension/state.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <linux/netfilter/nf_conntrack_common.h>

#define NAME_MAX_SIZE 29 /* struct xt_helper_info; iptables cuts off what is longer */
#define STATES_UNEXPECTED (STATES_WITHOUT | 1u << STATE_NEW)

enum { HELPER_NAME, HELPER_COUNT };

static const struct guide guides[HELPER_COUNT] = {
    [HELPER_NAME] = {.name = "--helper",
		     .kind = GUIDE_STRING,
		     .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
		     .max = UINT32_MAX},
};

static int helper_parse(struct rule_parser *parser, struct match *match)
{
	int result = guided_parse(parser, &match->data, sizeof(struct guided), guides, HELPER_COUNT);

	if (result == 1)
		guided_cut(match->data, HELPER_NAME, NAME_MAX_SIZE);
	return result;
}

static int helper_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, HELPER_COUNT, match->span,
			     "-m helper");
}

static void helper_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m helper");
	guided_print_all(match->data, guides, HELPER_COUNT, rule->chain->table->family, out);
}

static enum truth helper_evaluate(const struct match *match, const struct rule *rule,
				  const struct packet *packet, struct evaluation *evaluation)
{
	const struct connection *connection = evaluation->connection;
	(void)rule;
	(void)packet;

	if (!(state_possible(evaluation) & ~STATES_UNEXPECTED) ||
	    (connection && !(connection->status & IPS_EXPECTED)))
		return guided_truth(match->data, HELPER_NAME, false);
	return TRUTH_UNKNOWN;
}

static diagram_node helper_mean(const struct match *match, const struct rule *rule,
				const struct fields *fields)
{
	diagram_node expected = unseen_mean(match, rule, fields);
	diagram_node unexpected = state_list_mean(fields, STATES_UNEXPECTED);

	return guided_inverted(match->data, HELPER_NAME)
		   ? diagram_or(fields->diagram, unexpected, expected)
		   : diagram_and(fields->diagram, diagram_not(fields->diagram, unexpected), expected);
}

const struct match_type match_helper = {
    .name = "helper",
    .modelled = true,
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = helper_parse,
    .finish = helper_finish,
    .print = helper_print,
    .evaluate = helper_evaluate,
    .declare = unseen_declare,
    .mean = helper_mean,
};
