/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m mark and -m connmark: mark_mt() in net/netfilter/xt_mark.c, connmark_mt() in
 * net/netfilter/xt_connmark.c. The second is false, negated or not, of a packet without connection. The
 * packet's mark may have been restored from a connection: it says something of its state, too. */
#include "extension/guided.h"
#include "extension/state.h"
#include "extension/types.h"
#include "extension/unseen.h"

enum { MARK_VALUE, MARK_COUNT };

static const struct guide guides[MARK_COUNT] = {
    [MARK_VALUE] = {.name = "--mark",
		    .kind = GUIDE_MASKED,
		    .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
		    .max = UINT32_MAX},
};

static int mark_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, MARK_COUNT);
}

static int mark_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, MARK_COUNT, match->span,
			     match->type == &match_mark ? "-m mark" : "-m connmark");
}

static void mark_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_printf(out, "-m %s", match->type->name);
	guided_print_all(match->data, guides, MARK_COUNT, rule->chain->table->family, out);
}

static enum truth compare(const struct guided *mark, uint32_t value)
{
	const struct guided_value *wanted = &mark->values[MARK_VALUE];

	return guided_truth(mark, MARK_VALUE, (value & wanted->second) == wanted->number);
}

static enum truth mark_evaluate(const struct match *match, const struct rule *rule,
				const struct packet *packet, struct evaluation *evaluation)
{
	(void)rule;
	(void)evaluation;

	return packet->known & KNOWN_MARK ? compare(match->data, packet->mark) : TRUTH_UNKNOWN;
}

static enum truth connmark_evaluate(const struct match *match, const struct rule *rule,
				    const struct packet *packet, struct evaluation *evaluation)
{
	unsigned possible = state_possible(evaluation);
	(void)rule;
	(void)packet;

	if (!(possible & STATES_TRACKED))
		return TRUTH_NO;
	if (possible & STATES_WITHOUT || !evaluation->connection)
		return TRUTH_UNKNOWN;
	return compare(match->data, evaluation->connection->mark);
}

static diagram_node connmark_mean(const struct match *match, const struct rule *rule,
				  const struct fields *fields)
{
	return diagram_and(fields->diagram, state_list_mean(fields, STATES_TRACKED),
			   unseen_mean(match, rule, fields));
}

const struct match_type match_mark = {
    .name = "mark",
    .modelled = true,
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = mark_parse,
    .finish = mark_finish,
    .print = mark_print,
    .evaluate = mark_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};

/* Exact among the packets that have a connection, which mean() sees to. */
const struct match_type match_connmark = {
    .name = "connmark",
    .modelled = true,
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = mark_parse,
    .finish = mark_finish,
    .print = mark_print,
    .evaluate = connmark_evaluate,
    .declare = unseen_declare,
    .mean = connmark_mean,
};
