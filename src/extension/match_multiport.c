/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m multiport: up to 15 ports, a range counting as two: net/netfilter/xt_multiport.c. Nothing, negated or
 * not, is true of a later fragment. It asks for the ports only, so it takes headers that tcp and udp hot-drop
 * as too short. */
#include "extension/port.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define MULTIPORT_MAX 15 /* XT_MULTI_PORTS */

enum { SEEN_SOURCE = 1, SEEN_DESTINATION = 2, SEEN_EITHER = 4 };

struct multiport_match {
	unsigned seen; /* one of the above */
	bool inverted;
	size_t count;
	struct {
		uint16_t first, last;
	} ranges[MULTIPORT_MAX];
};

static int protocol_check(struct rule_parser *parser, struct span span)
{
	uint8_t protocol = parser->rule->protocol;

	if (!parser->rule->protocol_inverted &&
	    (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	     protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP))
		return 0;
	struct diagnostic *diagnostic =
	    option_error(parser, span, "protocol-required", "-m multiport needs a protocol that has ports");
	diagnostic_hint(diagnostic, "write -p tcp, udp, udplite, sctp or dccp before it");
	return -EINVAL;
}

static int too_many(struct rule_parser *parser, const struct word *word)
{
	diagnostic_hint(parser_error(parser, word, "too-many-ports", "more than 15 ports"),
			"a range counts as two ports; split the rule, or use a set");
	return -EINVAL;
}

static int range_parse(struct rule_parser *parser, const struct word *word, struct text text,
		       struct multiport_match *multiport, unsigned *slots)
{
	struct text high = {0};
	const char *colon = text.size ? memchr(text.data, ':', text.size) : NULL;
	uint16_t first, last;

	*slots += colon ? 2 : 1;
	if (*slots > MULTIPORT_MAX)
		return too_many(parser, word);
	if (colon) {
		high = (struct text){colon + 1, text.size - (size_t)(colon + 1 - text.data)};
		text.size = (size_t)(colon - text.data);
	}
	int error = port_parse_one(parser, PORT_STRICT, word, text, &first);
	last = first;
	if (!error && colon)
		error = port_parse_one(parser, PORT_STRICT, word, high, &last);
	if (error)
		return error;
	if (colon && first >= last) {
		diagnostic_hint(parser_error(parser, word, "bad-port",
					     "port range %u:%u is empty or a single port", first, last),
				"a range runs upwards; write a single port without :");
		return -EINVAL;
	}
	multiport->ranges[multiport->count].first = first;
	multiport->ranges[multiport->count++].last = last;
	return 0;
}

static int ports_parse(struct rule_parser *parser, struct multiport_match *multiport)
{
	bool inverted = parser->inverted;
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	multiport->inverted = inverted || parser->inverted;
	struct comma_list list = {.rest = word->text};
	struct text part;
	unsigned slots = 0;
	while (comma_next(&list, &part)) {
		int error = range_parse(parser, word, part, multiport, &slots);
		if (error)
			return error;
	}
	return 0;
}

static int multiport_parse(struct rule_parser *parser, struct match *match)
{
	struct multiport_match *multiport = option_data(parser, &match->data, sizeof(*multiport));
	unsigned bit;

	if (!multiport)
		return -ENOMEM;
	if (parser_option_is(parser, "--sports") || parser_option_is(parser, "--source-ports"))
		bit = SEEN_SOURCE;
	else if (parser_option_is(parser, "--dports") || parser_option_is(parser, "--destination-ports"))
		bit = SEEN_DESTINATION;
	else if (parser_option_is(parser, "--ports"))
		bit = SEEN_EITHER;
	else
		return 0;
	int error = protocol_check(parser, parser->option->span);
	if (!error)
		error =
		    option_once(parser, &multiport->seen, bit, SEEN_SOURCE | SEEN_DESTINATION | SEEN_EITHER);
	if (!error)
		error = ports_parse(parser, multiport);
	return error ? error : 1;
}

static int multiport_finish(struct rule_parser *parser, struct match *match)
{
	const struct multiport_match *multiport = option_data(parser, &match->data, sizeof(*multiport));
	if (!multiport)
		return -ENOMEM;
	if (!multiport->seen) {
		diagnostic_hint(
		    option_error(parser, match->span, "missing-option", "-m multiport has no ports"),
		    "write --sports, --dports or --ports");
		return -EINVAL;
	}
	return protocol_check(parser, match->span);
}

static void multiport_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct multiport_match *multiport = match->data;
	(void)rule;

	buffer_printf(out, "-m multiport%s %s ", multiport->inverted ? " !" : "",
		      multiport->seen == SEEN_SOURCE        ? "--sports"
		      : multiport->seen == SEEN_DESTINATION ? "--dports"
							    : "--ports");
	for (size_t i = 0; i < multiport->count; i++) {
		buffer_printf(out, "%s%u", i ? "," : "", multiport->ranges[i].first);
		if (multiport->ranges[i].last != multiport->ranges[i].first)
			buffer_printf(out, ":%u", multiport->ranges[i].last);
	}
}

static bool in_ranges(const struct multiport_match *multiport, uint16_t port)
{
	for (size_t i = 0; i < multiport->count; i++) {
		if (port >= multiport->ranges[i].first && port <= multiport->ranges[i].last)
			return true;
	}
	return false;
}

static enum truth multiport_evaluate(const struct match *match, const struct rule *rule,
				     const struct packet *packet, struct evaluation *evaluation)
{
	const struct multiport_match *multiport = match->data;
	enum truth whole = option_has_transport(packet), source = TRUTH_NO, destination = TRUTH_NO;
	(void)rule;

	if (whole == TRUTH_NO)
		return TRUTH_NO;
	bool knows_source = packet->known & (KNOWN_PORTS | KNOWN_SOURCE_PORT);
	bool knows_destination = packet->known & (KNOWN_PORTS | KNOWN_DESTINATION_PORT);
	if (packet->transport_short && !knows_source && !knows_destination) {
		evaluation->hot_drop = true;
		return TRUTH_NO;
	}
	if (multiport->seen != SEEN_DESTINATION)
		source = knows_source ? truth_of(in_ranges(multiport, packet->source_port)) : TRUTH_UNKNOWN;
	if (multiport->seen != SEEN_SOURCE)
		destination = knows_destination ? truth_of(in_ranges(multiport, packet->destination_port))
						: TRUTH_UNKNOWN;
	enum truth either = truth_not(truth_and(truth_not(source), truth_not(destination)));
	return truth_and(whole, multiport->inverted ? truth_not(either) : either);
}

static diagram_node multiport_mean(const struct match *match, const struct rule *rule,
				   const struct fields *fields)
{
	const struct multiport_match *multiport = match->data;
	struct diagram *diagram = fields->diagram;
	diagram_node mean = DIAGRAM_FALSE;
	(void)rule;

	for (size_t i = 0; i < multiport->count; i++) {
		uint16_t first = multiport->ranges[i].first, last = multiport->ranges[i].last;
		if (multiport->seen != SEEN_DESTINATION)
			mean = diagram_or(diagram, mean, fields_range(fields, FIELD_SPORT, first, last));
		if (multiport->seen != SEEN_SOURCE)
			mean = diagram_or(diagram, mean, fields_range(fields, FIELD_DPORT, first, last));
	}
	if (multiport->inverted)
		mean = diagram_not(diagram, mean);
	return diagram_and(diagram, option_not_late(fields), mean);
}

const struct match_type match_multiport = {
    .name = "multiport",
    .modelled = true,
    .parse = multiport_parse,
    .finish = multiport_finish,
    .print = multiport_print,
    .evaluate = multiport_evaluate,
    .mean = multiport_mean,
};
