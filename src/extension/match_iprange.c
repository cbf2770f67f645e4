/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m iprange: addresses from one to another, iprange_mt4() and iprange_mt6() in net/netfilter/xt_iprange.c. A
 * range that runs downwards holds no address, and its negation all. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

enum { IPRANGE_SOURCE, IPRANGE_DESTINATION, IPRANGE_COUNT };

struct iprange_match {
	struct guided guided;
	struct address_range ranges[IPRANGE_COUNT];
};

/* As libxtables takes an address here (xtables_numeric_to_ipaddr()): bytes that are missing are 0, and each
 * may be hexadecimal or octal. */
static int ipv4_parse(struct text text, address *value)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < 4; i++) {
		const char *dot = i < 3 && text.size ? memchr(text.data, '.', text.size) : NULL;
		struct text part = {text.data, dot ? (size_t)(dot - text.data) : text.size};
		uint64_t byte;
		if (guided_number(part, 255, &byte))
			return -EINVAL;
		bits |= (uint32_t)byte << (24 - 8 * i);
		if (!dot)
			break;
		text.data = dot + 1;
		text.size -= part.size + 1;
	}
	*value = bits;
	return 0;
}

static int end_parse(enum family family, struct text text, address *value)
{
	return family == FAMILY_IPV4 ? ipv4_parse(text, value) : address_parse(family, text, value);
}

static int range_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct text low = word->text, high = word->text;
	const char *dash = low.size ? memchr(low.data, '-', low.size) : NULL;

	if (dash) {
		low.size = (size_t)(dash - low.data);
		high = (struct text){dash + 1, word->text.size - low.size - 1};
	}
	/* The first end in `address`, the second in `mask`. */
	if (end_parse(parser->family, low, &value->address) || end_parse(parser->family, high, &value->mask))
		return guided_refuse(parser, word, "an address, or FIRST-LAST");
	return 0;
}

static const struct guide guides[IPRANGE_COUNT] = {
    [IPRANGE_SOURCE] = {.name = "--src-range",
			.kind = GUIDE_OWN,
			.flags = GUIDE_INVERTIBLE,
			.parse = range_value},
    [IPRANGE_DESTINATION] = {.name = "--dst-range",
			     .kind = GUIDE_OWN,
			     .flags = GUIDE_INVERTIBLE,
			     .parse = range_value},
};

static int iprange_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct iprange_match), guides, IPRANGE_COUNT);
}

static int iprange_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct iprange_match), guides, IPRANGE_COUNT,
				  match->span, "-m iprange");
	if (error)
		return error;
	struct iprange_match *iprange = match->data;
	for (unsigned i = 0; i < IPRANGE_COUNT; i++)
		iprange->ranges[i] =
		    (struct address_range){iprange->guided.values[i].address, iprange->guided.values[i].mask};
	if (iprange->guided.seen)
		return 0;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m iprange has no range"),
			"write --src-range FIRST-LAST, or --dst-range");
	return -EINVAL;
}

static void iprange_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct iprange_match *iprange = match->data;
	enum family family = rule->chain->table->family;

	buffer_puts(out, "-m iprange");
	for (unsigned i = 0; i < IPRANGE_COUNT; i++) {
		if (!guided_seen(&iprange->guided, i))
			continue;
		buffer_printf(out, "%s %s ", guided_inverted(&iprange->guided, i) ? " !" : "",
			      guides[i].name);
		address_print(family, iprange->ranges[i].low, out);
		buffer_puts(out, "-");
		address_print(family, iprange->ranges[i].high, out);
	}
}

static enum truth iprange_evaluate(const struct match *match, const struct rule *rule,
				   const struct packet *packet, struct evaluation *evaluation)
{
	const struct iprange_match *iprange = match->data;
	enum truth truth = TRUTH_YES;
	(void)rule;
	(void)evaluation;

	for (unsigned i = 0; i < IPRANGE_COUNT; i++) {
		bool source = i == IPRANGE_SOURCE;
		enum truth in = TRUTH_UNKNOWN;
		if (!guided_seen(&iprange->guided, i))
			continue;
		if (packet->known & (source ? KNOWN_SOURCE : KNOWN_DESTINATION)) {
			address value =
			    address_from_bytes(packet->family, source ? packet->source : packet->destination);
			in =
			    guided_truth(&iprange->guided, i,
					 value >= iprange->ranges[i].low && value <= iprange->ranges[i].high);
		} else if (iprange->ranges[i].low > iprange->ranges[i].high) {
			in = guided_truth(&iprange->guided, i, false);
		}
		truth = truth_and(truth, in);
	}
	return truth;
}

static diagram_node range_mean(const struct fields *fields, enum field field, struct address_range range)
{
	if (range.low > range.high)
		return DIAGRAM_FALSE;
	return fields_addresses(fields, field, range.low, range.high);
}

static diagram_node iprange_mean(const struct match *match, const struct rule *rule,
				 const struct fields *fields)
{
	static const enum field sides[IPRANGE_COUNT] = {FIELD_SOURCE, FIELD_DESTINATION};
	const struct iprange_match *iprange = match->data;
	diagram_node mean = DIAGRAM_TRUE;
	(void)rule;

	for (unsigned i = 0; i < IPRANGE_COUNT; i++) {
		if (!guided_seen(&iprange->guided, i))
			continue;
		diagram_node in = range_mean(fields, sides[i], iprange->ranges[i]);
		if (guided_inverted(&iprange->guided, i))
			in = diagram_not(fields->diagram, in);
		mean = diagram_and(fields->diagram, mean, in);
	}
	return mean;
}

static int iprange_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	static const enum field sides[IPRANGE_COUNT] = {FIELD_SOURCE, FIELD_DESTINATION};
	const struct iprange_match *iprange = match->data;
	int error = 0;
	(void)rule;

	for (unsigned i = 0; i < IPRANGE_COUNT && !error; i++)
		if (guided_seen(&iprange->guided, i))
			error = fields_need_range(fields, sides[i], iprange->ranges[i].low,
						  iprange->ranges[i].high);
	return error;
}

const struct match_type match_iprange = {
    .name = "iprange",
    .modelled = true,
    .parse = iprange_parse,
    .finish = iprange_finish,
    .print = iprange_print,
    .evaluate = iprange_evaluate,
    .declare = iprange_declare,
    .mean = iprange_mean,
};
