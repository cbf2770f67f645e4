/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m dccp: ports, packet types and the presence of an option (RFC 4340): dccp_mt() in
 * net/netfilter/xt_dccp.c. */
#include "extension/header.h"
#include "extension/port.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>

enum { SEEN_SOURCE = 1, SEEN_DESTINATION = 2, SEEN_TYPES = 4, SEEN_OPTION = 8 };

#define HEADER_SIZE 12 /* struct dccp_hdr */

struct dccp_match {
	unsigned seen;
	struct port_match source, destination;
	uint16_t types; /* 1 << type */
	bool types_inverted, option_inverted;
	uint8_t option;
	struct text text; /* types and option; empty without */
};

static const char *const types[] = {"REQUEST", "RESPONSE", "DATA", "ACK",     "DATAACK", "CLOSEREQ",
				    "CLOSE",   "RESET",    "SYNC", "SYNCACK", "INVALID"};
#define TYPE_COUNT (sizeof(types) / sizeof(*types))

static int types_parse(struct rule_parser *parser, struct dccp_match *dccp)
{
	bool inverted = parser->inverted;
	const struct word *word = parser_argument(parser);
	if (!word || (!inverted && parser_refuse_inversion(parser)))
		return -EINVAL;
	struct comma_list list = {.rest = word->text};
	struct text part;

	while (comma_next(&list, &part)) {
		size_t i = 0;
		if (!part.size)
			continue; /* strtok() */
		while (i < TYPE_COUNT && !text_same(part, types[i]))
			i++;
		if (i == TYPE_COUNT)
			return guided_refuse(parser, word,
					     "REQUEST, RESPONSE, DATA, ACK, DATAACK, CLOSEREQ, CLOSE, RESET, "
					     "SYNC, SYNCACK or INVALID, with commas between");
		dccp->types |= (uint16_t)(1u << i);
	}
	dccp->types_inverted = inverted;
	/* iptables takes an empty list, and then cannot read what it has printed for it. */
	return dccp->types ? 0 : guided_refuse(parser, word, "one type at least");
}

static int option_parse(struct rule_parser *parser, struct dccp_match *dccp)
{
	bool inverted = parser->inverted;
	const struct word *word = parser_argument(parser);
	uint64_t number;

	if (!word || (!inverted && parser_refuse_inversion(parser)))
		return -EINVAL;
	if (guided_number(word->text, 255, &number) || number == 0)
		return guided_refuse(parser, word, "a number from 1 to 255");
	dccp->option = (uint8_t)number;
	dccp->option_inverted = inverted;
	return 0;
}

static int dccp_parse(struct rule_parser *parser, struct match *match)
{
	struct dccp_match *dccp = option_data(parser, &match->data, sizeof(*dccp));
	bool inverted = parser->inverted;
	int error;

	if (!dccp)
		return -ENOMEM;
	if (parser_option_is(parser, "--sport") || parser_option_is(parser, "--source-port")) {
		error = option_once(parser, &dccp->seen, SEEN_SOURCE, 0);
		if (!error)
			error = port_parse(parser, PORT_GUIDED, &dccp->source);
	} else if (parser_option_is(parser, "--dport") || parser_option_is(parser, "--destination-port")) {
		error = option_once(parser, &dccp->seen, SEEN_DESTINATION, 0);
		if (!error)
			error = port_parse(parser, PORT_GUIDED, &dccp->destination);
	} else if (parser_option_is(parser, "--dccp-types")) {
		error = option_once(parser, &dccp->seen, SEEN_TYPES, 0);
		if (!error)
			error = types_parse(parser, dccp);
	} else if (parser_option_is(parser, "--dccp-option")) {
		error = option_once(parser, &dccp->seen, SEEN_OPTION, 0);
		if (!error)
			error = option_parse(parser, dccp);
	} else {
		return 0;
	}
	if (!error && !inverted) /* a "!" before the argument */
		error = parser_refuse_inversion(parser);
	return error ? error : 1;
}

static void print_others(const struct dccp_match *dccp, struct buffer *out)
{
	bool first = true;

	if (dccp->seen & SEEN_TYPES)
		buffer_printf(out, "%s --dccp-types ", dccp->types_inverted ? " !" : "");
	for (size_t i = 0; i < TYPE_COUNT; i++) {
		if (!(dccp->types >> i & 1))
			continue;
		buffer_printf(out, "%s%s", first ? "" : ",", types[i]);
		first = false;
	}
	if (dccp->seen & SEEN_OPTION)
		buffer_printf(out, "%s --dccp-option %u", dccp->option_inverted ? " !" : "", dccp->option);
}

static int dccp_finish(struct rule_parser *parser, struct match *match)
{
	struct dccp_match *dccp = option_data(parser, &match->data, sizeof(*dccp));
	struct buffer text = {0};

	if (!dccp)
		return -ENOMEM;
	if (dccp->seen & (SEEN_TYPES | SEEN_OPTION)) {
		buffer_puts(&text, "-m dccp");
		print_others(dccp, &text);
		char *copy = text.failed ? NULL : arena_copy(parser->ruleset->arena, text.data, text.size);
		dccp->text = (struct text){copy, text.size};
		buffer_fini(&text);
		if (!copy)
			return -ENOMEM;
	}
	return option_require_protocol(parser, match->span, "-m dccp", IPPROTO_DCCP, "dccp");
}

static void print_port(const struct port_match *port, const char *option, struct buffer *out)
{
	if (!port->given)
		return;
	buffer_printf(out, "%s %s %u", port->inverted ? " !" : "", option, port->first);
	if (port->first != port->last)
		buffer_printf(out, ":%u", port->last);
}

static void dccp_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct dccp_match *dccp = match->data;
	(void)rule;

	buffer_puts(out, "-m dccp");
	print_port(&dccp->source, "--sport", out);
	print_port(&dccp->destination, "--dport", out);
	print_others(dccp, out);
}

/* All types that are reserved are INVALID. */
static unsigned type_of(const uint8_t *header)
{
	unsigned type = header[8] >> 1 & 15;

	return type < TYPE_COUNT ? type : TYPE_COUNT - 1;
}

/* Where the options begin: behind the header, its longer sequence number and what is the type's own
 * (__dccp_hdr_len()). */
static uint32_t options_offset(const uint8_t *header)
{
	static const uint8_t own[16] = {4, 12, 0, 8, 8, 8, 8, 12, 8, 8, 12, 12, 12, 12, 12, 12};

	return HEADER_SIZE + (header[8] & 1 ? 4 : 0) + own[header[8] >> 1 & 15];
}

/* dccp_find_option(). PART_SHORT: hot drop. */
static enum packet_part find_option(const struct packet *packet, const uint8_t *header, uint32_t offset,
				    uint8_t kind)
{
	uint32_t first = options_offset(header), end = header[4] * 4u;
	const uint8_t *options;

	if (end < first)
		return PART_SHORT;
	if (end == first)
		return PART_ABSENT;
	enum packet_part part = packet_read(packet, offset + first, end - first, &options);
	for (uint32_t i = 0; part == PART_FOUND && i < end - first;) {
		if (options[i] == kind)
			return PART_FOUND;
		uint8_t length = options[i] >= 2 && i + 1 < end - first ? options[i + 1] : 1;
		i += length ? length : 1;
	}
	return part == PART_FOUND ? PART_ABSENT : part;
}

static enum truth dccp_evaluate(const struct match *match, const struct rule *rule,
				const struct packet *packet, struct evaluation *evaluation)
{
	const struct dccp_match *dccp = match->data;
	const uint8_t *header;
	uint32_t offset;
	enum truth whole = header_transport(packet, IPPROTO_DCCP, HEADER_SIZE, evaluation, &header, &offset);
	(void)rule;

	if (whole == TRUTH_NO)
		return TRUTH_NO;
	/* Ports are known of packets without bytes, too. */
	enum truth truth = truth_and(option_has_transport(packet),
				     truth_and(port_evaluate(&dccp->source, packet, true),
					       port_evaluate(&dccp->destination, packet, false)));
	if (!(dccp->seen & (SEEN_TYPES | SEEN_OPTION)))
		return truth;
	if (whole == TRUTH_UNKNOWN)
		return truth_and(truth, TRUTH_UNKNOWN);
	if (dccp->seen & SEEN_TYPES)
		truth =
		    truth_and(truth, truth_of((dccp->types >> type_of(header) & 1) != dccp->types_inverted));
	if (truth != TRUTH_YES || !(dccp->seen & SEEN_OPTION))
		return truth;
	switch (find_option(packet, header, offset, dccp->option)) {
	case PART_FOUND:
		return truth_of(!dccp->option_inverted);
	case PART_ABSENT:
		return truth_of(dccp->option_inverted);
	case PART_SHORT:
		/* The packet is dropped, but a negated rule counts it first. */
		evaluation->hot_drop = true;
		return truth_of(dccp->option_inverted);
	case PART_UNKNOWN:
		break;
	}
	return TRUTH_UNKNOWN;
}

static int dccp_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	const struct dccp_match *dccp = match->data;

	return dccp->text.size ? option_declare_opaque(match, rule, fields, dccp->text, OPAQUE_PACKET) : 0;
}

static diagram_node dccp_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	const struct dccp_match *dccp = match->data;
	struct diagram *diagram = fields->diagram;
	diagram_node mean = option_not_late(fields);

	mean = diagram_and(diagram, mean, port_mean(&dccp->source, fields, FIELD_SPORT));
	mean = diagram_and(diagram, mean, port_mean(&dccp->destination, fields, FIELD_DPORT));
	if (dccp->text.size)
		mean = diagram_and(diagram, mean,
				   option_mean_opaque(match, rule, fields, dccp->text, OPAQUE_PACKET));
	return mean;
}

const struct match_type match_dccp = {
    .name = "dccp",
    .modelled = true,
    .effects = header_effects,
    .parse = dccp_parse,
    .finish = dccp_finish,
    .print = dccp_print,
    .evaluate = dccp_evaluate,
    .declare = dccp_declare,
    .mean = dccp_mean,
};
