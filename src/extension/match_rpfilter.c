/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m rpfilter: a reply would leave by the interface that the packet came in by: ipt_rpfilter.c and
 * ip6t_rpfilter.c in net/ipv4/netfilter and net/ipv6/netfilter. Routes are not known; but an IPv6 packet from
 * :: passes always.
 */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <string.h>

enum { RPFILTER_LOOSE, RPFILTER_VALIDMARK, RPFILTER_ACCEPT_LOCAL, RPFILTER_INVERT, RPFILTER_COUNT };

static const struct guide guides[RPFILTER_COUNT] = {
    [RPFILTER_LOOSE] = {.name = "--loose", .kind = GUIDE_FLAG},
    [RPFILTER_VALIDMARK] = {.name = "--validmark", .kind = GUIDE_FLAG},
    [RPFILTER_ACCEPT_LOCAL] = {.name = "--accept-local", .kind = GUIDE_FLAG},
    [RPFILTER_INVERT] = {.name = "--invert", .kind = GUIDE_FLAG},
};

static int rpfilter_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, RPFILTER_COUNT);
}

static int rpfilter_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, RPFILTER_COUNT, match->span,
			     "-m rpfilter");
}

static void rpfilter_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m rpfilter");
	guided_print_all(match->data, guides, RPFILTER_COUNT, rule->chain->table->family, out);
}

static enum truth rpfilter_evaluate(const struct match *match, const struct rule *rule,
				    const struct packet *packet, struct evaluation *evaluation)
{
	static const uint8_t unspecified[16];
	(void)rule;
	(void)evaluation;

	if (packet->family == FAMILY_IPV6 && packet->known & KNOWN_SOURCE &&
	    memcmp(packet->source, unspecified, sizeof(unspecified)) == 0)
		return truth_of(!guided_seen(match->data, RPFILTER_INVERT));
	return TRUTH_UNKNOWN;
}

static diagram_node rpfilter_mean(const struct match *match, const struct rule *rule,
				  const struct fields *fields)
{
	diagram_node mean = unseen_mean(match, rule, fields);

	if (rule->chain->table->family != FAMILY_IPV6)
		return mean;
	diagram_node unspecified = fields_value(fields, FIELD_SOURCE, 0);
	return guided_seen(match->data, RPFILTER_INVERT)
		   ? diagram_and(fields->diagram, diagram_not(fields->diagram, unspecified), mean)
		   : diagram_or(fields->diagram, unspecified, mean);
}

static int rpfilter_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	int error = fields_need_range(fields, FIELD_SOURCE, 0, 0);

	return error ? error : unseen_declare(match, rule, fields);
}

/* With --validmark it looks at the mark, which may have been restored from a connection. */
const struct match_type match_rpfilter = {
    .name = "rpfilter",
    .modelled = true,
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = rpfilter_parse,
    .finish = rpfilter_finish,
    .print = rpfilter_print,
    .evaluate = rpfilter_evaluate,
    .declare = rpfilter_declare,
    .mean = rpfilter_mean,
    .tables = 1u << TABLE_RAW | 1u << TABLE_MANGLE,
    .hooks = 1u << HOOK_PREROUTING,
};
