/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m tcp: ports, flags and the presence of a TCP option: tcp_mt() in net/netfilter/xt_tcpudp.c. Nothing in
 * it, negated or not, is true of a later fragment. TCP options are not in the match key: in the diagram
 * --tcp-option is a predicate of its own. */
#include "extension/extension.h"
#include "extension/header.h"
#include "extension/port.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

enum { SEEN_SOURCE = 1, SEEN_DESTINATION = 2, SEEN_FLAGS = 4, SEEN_OPTION = 8 };

struct tcp_match {
	unsigned seen;
	struct port_match source, destination;
	uint8_t mask, flags;
	bool flags_inverted;
	uint8_t option; /* 0: none */
	bool option_inverted;
};

static const struct {
	const char *name;
	uint8_t bits;
} tcp_flags[] = {{"FIN", 1},  {"SYN", 2},  {"RST", 4},    {"PSH", 8},
		 {"ACK", 16}, {"URG", 32}, {"ALL", 0x3f}, {"NONE", 0}};
#define TCP_FLAG_BITS 6 /* entries above that are single flags */

static int flags_parse(struct rule_parser *parser, uint8_t *flags)
{
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	struct comma_list list = {.rest = word->text};
	struct text part;
	*flags = 0;
	while (comma_next(&list, &part)) {
		size_t i = 0, count = sizeof(tcp_flags) / sizeof(*tcp_flags);
		if (!part.size)
			continue;
		while (i < count && !text_same(part, tcp_flags[i].name))
			i++;
		if (i == count) {
			struct diagnostic *diagnostic =
			    parser_error(parser, word, "bad-value", "\"%.*s\" is not a TCP flag",
					 (int)part.size, part.data);
			diagnostic_hint(diagnostic, "FIN, SYN, RST, PSH, ACK, URG, ALL or NONE");
			return -EINVAL;
		}
		*flags |= tcp_flags[i].bits;
	}
	return 0;
}

static int option_option_number(struct rule_parser *parser, struct tcp_match *tcp)
{
	bool inverted = parser->inverted;
	const struct word *word = parser_argument(parser);
	uint64_t number;

	if (!word)
		return -EINVAL;
	if (guided_number(word->text, 255, &number) || number == 0) {
		diagnostic_hint(parser_error(parser, word, "bad-value", "\"%.*s\" is not a TCP option",
					     (int)word->text.size, word->text.data),
				"a number from 1 to 255");
		return -EINVAL;
	}
	tcp->option = (uint8_t)number;
	tcp->option_inverted = inverted || parser->inverted;
	return 0;
}

static int tcp_parse(struct rule_parser *parser, struct match *match)
{
	struct tcp_match *tcp = option_data(parser, &match->data, sizeof(*tcp));
	if (!tcp)
		return -ENOMEM;
	int error;
	bool inverted = parser->inverted;

	if (parser_option_is(parser, "--sport") || parser_option_is(parser, "--source-port")) {
		error = option_once(parser, &tcp->seen, SEEN_SOURCE, 0);
		if (!error)
			error = port_parse(parser, PORT_STRICT, &tcp->source);
	} else if (parser_option_is(parser, "--dport") || parser_option_is(parser, "--destination-port")) {
		error = option_once(parser, &tcp->seen, SEEN_DESTINATION, 0);
		if (!error)
			error = port_parse(parser, PORT_STRICT, &tcp->destination);
	} else if (parser_option_is(parser, "--syn")) {
		error = option_once(parser, &tcp->seen, SEEN_FLAGS, 0);
		tcp->mask = 0x17;
		tcp->flags = 2;
		tcp->flags_inverted = inverted;
	} else if (parser_option_is(parser, "--tcp-flags")) {
		error = option_once(parser, &tcp->seen, SEEN_FLAGS, 0);
		if (!error)
			error = flags_parse(parser, &tcp->mask);
		tcp->flags_inverted = inverted || parser->inverted;
		if (!error)
			error = flags_parse(parser, &tcp->flags);
	} else if (parser_option_is(parser, "--tcp-option")) {
		error = option_once(parser, &tcp->seen, SEEN_OPTION, 0);
		if (!error)
			error = option_option_number(parser, tcp);
	} else {
		return 0;
	}
	return error ? error : 1;
}

static int tcp_finish(struct rule_parser *parser, struct match *match)
{
	if (!option_data(parser, &match->data, sizeof(struct tcp_match)))
		return -ENOMEM;
	return option_require_protocol(parser, match->span, "-m tcp", IPPROTO_TCP, "tcp");
}

static void flags_print(uint8_t flags, struct buffer *out)
{
	if (!flags)
		buffer_puts(out, "NONE");
	bool first = true;
	for (size_t i = 0; i < TCP_FLAG_BITS; i++) {
		if (!(flags & tcp_flags[i].bits))
			continue;
		buffer_printf(out, "%s%s", first ? "" : ",", tcp_flags[i].name);
		first = false;
	}
}

static void tcp_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct tcp_match *tcp = match->data;
	(void)rule;

	buffer_puts(out, "-m tcp");
	port_print(&tcp->source, "--sport", out);
	port_print(&tcp->destination, "--dport", out);
	if (tcp->option)
		buffer_printf(out, "%s --tcp-option %u", tcp->option_inverted ? " !" : "", tcp->option);
	if (tcp->mask) {
		buffer_printf(out, "%s --tcp-flags ", tcp->flags_inverted ? " !" : "");
		flags_print(tcp->mask, out);
		buffer_puts(out, " ");
		flags_print(tcp->flags, out);
	}
}

static enum truth flags_evaluate(const struct tcp_match *tcp, const struct packet *packet)
{
	if (!(tcp->seen & SEEN_FLAGS))
		return TRUTH_YES;
	if (!tcp->mask || (tcp->flags & ~tcp->mask))
		return truth_of((tcp->flags == 0) != tcp->flags_inverted);
	if (!(packet->known & KNOWN_TCP_FLAGS))
		return TRUTH_UNKNOWN;
	return truth_of(((packet->tcp_flags & tcp->mask) == tcp->flags) != tcp->flags_inverted);
}

/* tcp_find_option(), which comes last: what is cut off or too short for a header drops the packet only if all
 * else matches. */
static enum truth option_evaluate(const struct tcp_match *tcp, const struct packet *packet, enum truth others,
				  struct evaluation *evaluation)
{
	if (!tcp->option || others == TRUTH_NO)
		return others;
	switch (packet_tcp_option(packet, tcp->option, 0, NULL, NULL)) {
	case PART_FOUND:
		return truth_and(others, truth_of(!tcp->option_inverted));
	case PART_ABSENT:
		return truth_and(others, truth_of(tcp->option_inverted));
	case PART_SHORT:
		if (others == TRUTH_UNKNOWN)
			return TRUTH_UNKNOWN;
		evaluation->hot_drop = true;
		return TRUTH_NO;
	case PART_UNKNOWN:
		break;
	}
	return TRUTH_UNKNOWN;
}

static enum truth tcp_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct tcp_match *tcp = match->data;
	enum truth truth = option_has_transport(packet);
	(void)rule;

	if (truth == TRUTH_NO) {
		/* A fragment that begins 8 bytes into the header could overwrite the flags. In IPv6 the
		 * kernel never finds one: ipv6_find_hdr() gives the offset in bytes, and xt_tcpudp.c compares
		 * it with 1. */
		evaluation->hot_drop |= packet->family == FAMILY_IPV4 && packet->fragment_offset == 1;
		return TRUTH_NO;
	}
	if (packet->transport_short) {
		evaluation->hot_drop = true;
		return TRUTH_NO;
	}
	truth = truth_and(truth, port_evaluate(&tcp->source, packet, true));
	truth = truth_and(truth, port_evaluate(&tcp->destination, packet, false));
	truth = truth_and(truth, flags_evaluate(tcp, packet));
	return option_evaluate(tcp, packet, truth, evaluation);
}

/* TCPMSS and TCPOPTSTRIP change a packet's options: what holds in one table need not hold in the next. */
static struct text option_text(const struct tcp_match *tcp, char text[32])
{
	snprintf(text, 32, "-m tcp --tcp-option %u", tcp->option);
	return text_of(text);
}

static int tcp_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	const struct tcp_match *tcp = match->data;
	char text[32];

	if (!tcp->option)
		return 0;
	return option_declare_opaque(match, rule, fields, option_text(tcp, text), OPAQUE_TABLE);
}

static diagram_node tcp_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	const struct tcp_match *tcp = match->data;
	struct diagram *diagram = fields->diagram;
	diagram_node mean = option_not_late(fields);
	char text[32];

	mean = diagram_and(diagram, mean, port_mean(&tcp->source, fields, FIELD_SPORT));
	mean = diagram_and(diagram, mean, port_mean(&tcp->destination, fields, FIELD_DPORT));
	if (tcp->seen & SEEN_FLAGS) {
		diagram_node flags = tcp->flags & ~tcp->mask
					 ? DIAGRAM_FALSE
					 : fields_masked(fields, FIELD_TCP_FLAGS, tcp->flags, tcp->mask);
		mean = diagram_and(diagram, mean, tcp->flags_inverted ? diagram_not(diagram, flags) : flags);
	}
	if (tcp->option) {
		diagram_node has =
		    option_mean_opaque(match, rule, fields, option_text(tcp, text), OPAQUE_TABLE);
		mean = diagram_and(diagram, mean, tcp->option_inverted ? diagram_not(diagram, has) : has);
	}
	return mean;
}

bool match_tcp_port_range(const struct match *match, bool *source, uint16_t *first, uint16_t *last)
{
	const struct tcp_match *tcp = match->data;

	if (tcp->seen != SEEN_SOURCE && tcp->seen != SEEN_DESTINATION)
		return false;
	*source = tcp->seen == SEEN_SOURCE;
	const struct port_match *range = *source ? &tcp->source : &tcp->destination;
	*first = range->first;
	*last = range->last;
	return range->first <= range->last && !range->inverted;
}

void match_tcp_port_bounds(const struct match *match, struct port_bounds *bounds)
{
	const struct tcp_match *tcp = match->data;

	port_bounds(&tcp->source, &bounds->source_low, &bounds->source_high);
	port_bounds(&tcp->destination, &bounds->destination_low, &bounds->destination_high);
}

bool match_tcp_wants_syn(const struct match *match)
{
	const struct tcp_match *tcp = match->data;

	return (tcp->flags & 2) && !tcp->flags_inverted;
}

static unsigned tcp_effects(const struct match *match)
{
	const struct tcp_match *tcp = match->data;

	return tcp->option ? header_effects(match) : 0;
}

const struct match_type match_tcp = {
    .name = "tcp",
    .modelled = true,
    .effects = tcp_effects,
    .parse = tcp_parse,
    .finish = tcp_finish,
    .print = tcp_print,
    .evaluate = tcp_evaluate,
    .declare = tcp_declare,
    .mean = tcp_mean,
};
