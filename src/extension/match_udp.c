/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m udp: ports: udp_mt() in net/netfilter/xt_tcpudp.c. Nothing in it, negated or not, is true of a later
 * fragment. */
#include "extension/extension.h"
#include "extension/port.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>

enum { SEEN_SOURCE = 1, SEEN_DESTINATION = 2 };

struct udp_match {
	unsigned seen;
	struct port_match source, destination;
};

static int udp_parse(struct rule_parser *parser, struct match *match)
{
	struct udp_match *udp = option_data(parser, &match->data, sizeof(*udp));
	if (!udp)
		return -ENOMEM;
	bool source = parser_option_is(parser, "--sport") || parser_option_is(parser, "--source-port");
	if (!source && !parser_option_is(parser, "--dport") &&
	    !parser_option_is(parser, "--destination-port"))
		return 0;
	int error = option_once(parser, &udp->seen, source ? SEEN_SOURCE : SEEN_DESTINATION, 0);
	if (!error)
		error = port_parse(parser, PORT_GUIDED, source ? &udp->source : &udp->destination);
	return error ? error : 1;
}

static int udp_finish(struct rule_parser *parser, struct match *match)
{
	if (!option_data(parser, &match->data, sizeof(struct udp_match)))
		return -ENOMEM;
	return option_require_protocol(parser, match->span, "-m udp", IPPROTO_UDP, "udp");
}

static void udp_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct udp_match *udp = match->data;
	(void)rule;

	buffer_puts(out, "-m udp");
	port_print(&udp->source, "--sport", out);
	port_print(&udp->destination, "--dport", out);
}

static enum truth udp_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct udp_match *udp = match->data;
	enum truth truth = option_has_transport(packet);
	(void)rule;

	if (truth == TRUTH_NO)
		return TRUTH_NO;
	if (packet->transport_short) {
		evaluation->hot_drop = true;
		return TRUTH_NO;
	}
	truth = truth_and(truth, port_evaluate(&udp->source, packet, true));
	return truth_and(truth, port_evaluate(&udp->destination, packet, false));
}

static diagram_node udp_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	const struct udp_match *udp = match->data;
	diagram_node mean = option_not_late(fields);
	(void)rule;

	mean = diagram_and(fields->diagram, mean, port_mean(&udp->source, fields, FIELD_SPORT));
	return diagram_and(fields->diagram, mean, port_mean(&udp->destination, fields, FIELD_DPORT));
}

bool match_udp_port_range(const struct match *match, bool *source, uint16_t *first, uint16_t *last)
{
	const struct udp_match *udp = match->data;

	if (udp->seen != SEEN_SOURCE && udp->seen != SEEN_DESTINATION)
		return false;
	*source = udp->seen == SEEN_SOURCE;
	const struct port_match *range = *source ? &udp->source : &udp->destination;
	*first = range->first;
	*last = range->last;
	return range->first <= range->last && !range->inverted;
}

void match_udp_port_bounds(const struct match *match, struct port_bounds *bounds)
{
	const struct udp_match *udp = match->data;

	port_bounds(&udp->source, &bounds->source_low, &bounds->source_high);
	port_bounds(&udp->destination, &bounds->destination_low, &bounds->destination_high);
}

const struct match_type match_udp = {
    .name = "udp",
    .modelled = true,
    .parse = udp_parse,
    .finish = udp_finish,
    .print = udp_print,
    .evaluate = udp_evaluate,
    .mean = udp_mean,
};
