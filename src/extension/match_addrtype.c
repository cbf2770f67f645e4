/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m addrtype: what kind of address the host's routing takes it for: addrtype_mt_v1() in
 * net/netfilter/xt_addrtype.c. Routes are not known; but some addresses are of one kind on every host. IPv4
 * asks for one of the kinds listed, IPv6 for all of them that it can tell apart. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>

/* In the order in which iptables-save prints them. */
enum { ADDRTYPE_SOURCE, ADDRTYPE_DESTINATION, ADDRTYPE_IN, ADDRTYPE_OUT, ADDRTYPE_COUNT };
#define SIDES 2

/* RTN_UNSPEC ... of linux/rtnetlink.h, as bits. */
enum {
	KIND_UNSPEC = 1 << 0,
	KIND_UNICAST = 1 << 1,
	KIND_LOCAL = 1 << 2,
	KIND_BROADCAST = 1 << 3,
	KIND_ANYCAST = 1 << 4,
	KIND_MULTICAST = 1 << 5,
	KIND_BLACKHOLE = 1 << 6,
	KIND_UNREACHABLE = 1 << 7,
	KIND_PROHIBIT = 1 << 8,
};

static const char *const kinds[] = {"UNSPEC",   "UNICAST",   "LOCAL",     "BROADCAST",
				    "ANYCAST",  "MULTICAST", "BLACKHOLE", "UNREACHABLE",
				    "PROHIBIT", "THROW",     "NAT",       "XRESOLVE"};
#define KIND_COUNT (sizeof(kinds) / sizeof(*kinds))

static int kinds_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct comma_list list = {.rest = word->text};
	struct text part;

	while (comma_next(&list, &part)) {
		size_t i = 0;
		while (i < KIND_COUNT && !text_abbreviates(part, kinds[i]))
			i++;
		if (i == KIND_COUNT)
			return guided_refuse(parser, word, "LOCAL, UNICAST, BROADCAST, MULTICAST ...");
		value->number |= 1u << i;
	}
	if (parser->family == FAMILY_IPV6 &&
	    (value->number >= KIND_PROHIBIT || value->number & (KIND_BLACKHOLE | KIND_BROADCAST)))
		return guided_refuse(
		    parser, word,
		    "for IPv6 the kernel takes UNSPEC, UNICAST, LOCAL, ANYCAST, MULTICAST and "
		    "UNREACHABLE");
	return 0;
}

static const struct guide guides[ADDRTYPE_COUNT] = {
    [ADDRTYPE_SOURCE] = {.name = "--src-type",
			 .kind = GUIDE_OWN,
			 .flags = GUIDE_INVERTIBLE,
			 .parse = kinds_value},
    [ADDRTYPE_DESTINATION] = {.name = "--dst-type",
			      .kind = GUIDE_OWN,
			      .flags = GUIDE_INVERTIBLE,
			      .parse = kinds_value},
    [ADDRTYPE_IN] = {.name = "--limit-iface-in", .kind = GUIDE_FLAG, .excludes = 1u << ADDRTYPE_OUT},
    [ADDRTYPE_OUT] = {.name = "--limit-iface-out", .kind = GUIDE_FLAG, .excludes = 1u << ADDRTYPE_IN},
};

static int addrtype_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, ADDRTYPE_COUNT);
}

static int addrtype_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, ADDRTYPE_COUNT,
				  match->span, "-m addrtype");
	const struct guided *addrtype = match->data;

	if (error)
		return error;
	if (!guided_seen(addrtype, ADDRTYPE_SOURCE) && !guided_seen(addrtype, ADDRTYPE_DESTINATION)) {
		diagnostic_hint(option_error(parser, match->span, "missing-option",
					     "-m addrtype has neither --src-type nor --dst-type"),
				"write --dst-type LOCAL, for one");
		return -EINVAL;
	}
	return 0;
}

/* addrtype_mt_checkentry_v1() */
static unsigned addrtype_hooks(const struct match *match)
{
	if (guided_seen(match->data, ADDRTYPE_IN))
		return OPTION_HOOKS_IN;
	return guided_seen(match->data, ADDRTYPE_OUT) ? OPTION_HOOKS_OUT : 0;
}

static void side_print(const struct guided *addrtype, unsigned side, struct buffer *out)
{
	const char *separator = " ";

	buffer_printf(out, " %s", guides[side].name);
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (addrtype->values[side].number >> i & 1) {
			buffer_printf(out, "%s%s", separator, kinds[i]);
			separator = ",";
		}
}

static void interface_print(const struct guided *addrtype, struct buffer *out)
{
	for (unsigned i = ADDRTYPE_IN; i <= ADDRTYPE_OUT; i++)
		if (guided_seen(addrtype, i))
			buffer_printf(out, " %s", guides[i].name);
}

static void addrtype_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *addrtype = match->data;
	(void)rule;

	buffer_puts(out, "-m addrtype");
	for (unsigned side = 0; side < SIDES; side++)
		if (guided_seen(addrtype, side)) {
			buffer_puts(out, guided_inverted(addrtype, side) ? " !" : "");
			side_print(addrtype, side, out);
		}
	interface_print(addrtype, out);
}

/* Addresses that are of one kind whatever the routes: inet_dev_addr_type() and ipv6_addr_type(). Of 0.0.0.0/8
 * kernels before 5.3 said that all of it was broadcast. */
static const struct certain {
	enum family family;
	unsigned kind; /* 0: no kind of those that can be asked for without a route */
	unsigned length;
	uint32_t value[4];
} certain[] = {
    {FAMILY_IPV4, KIND_BROADCAST, 32, {0}},         {FAMILY_IPV4, KIND_BROADCAST, 32, {0xffffffff}},
    {FAMILY_IPV4, KIND_MULTICAST, 4, {0xe0000000}}, {FAMILY_IPV6, KIND_UNSPEC, 128, {0}},
    {FAMILY_IPV6, 0, 96, {0, 0, 0xffff, 0}},        {FAMILY_IPV6, KIND_MULTICAST, 8, {0xff000000, 0, 0, 0}},
};
#define CERTAIN_COUNT (sizeof(certain) / sizeof(*certain))

static address certain_value(const struct certain *entry)
{
	const uint32_t *value = entry->value;

	if (entry->family == FAMILY_IPV4)
		return value[0];
	return (address)value[0] << 96 | (address)value[1] << 64 | (address)value[2] << 32 | value[3];
}

/* The kind of the address; without one of its own (IPv4: ask the routes; IPv6: unicast) `otherwise`. */
static unsigned kind_of(enum family family, address value, unsigned otherwise)
{
	for (size_t i = 0; i < CERTAIN_COUNT; i++)
		if (certain[i].family == family &&
		    ((value ^ certain_value(&certain[i])) & prefix_mask(family, certain[i].length)) == 0)
			return certain[i].kind;
	return otherwise;
}

#define KINDS_OF_ROUTES (KIND_LOCAL | KIND_ANYCAST | KIND_UNREACHABLE) /* IPv6 asks the routes for these */
#define KINDS_OF_ADDRESS (KIND_UNSPEC | KIND_UNICAST | KIND_MULTICAST) /* and tells these by the address */

static enum truth side_truth(enum family family, unsigned wanted, address value)
{
	if (family == FAMILY_IPV4) {
		unsigned kind = kind_of(family, value, 0);
		return kind ? truth_of(wanted & kind) : TRUTH_UNKNOWN;
	}
	if (wanted & KINDS_OF_ADDRESS & ~kind_of(family, value, KIND_UNICAST))
		return TRUTH_NO;
	return wanted & KINDS_OF_ROUTES ? TRUTH_UNKNOWN : TRUTH_YES;
}

static enum truth addrtype_evaluate(const struct match *match, const struct rule *rule,
				    const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *addrtype = match->data;
	enum truth truth = TRUTH_YES;
	(void)rule;
	(void)evaluation;

	for (unsigned side = 0; side < SIDES; side++) {
		bool source = side == ADDRTYPE_SOURCE;
		enum truth one = TRUTH_UNKNOWN;
		if (!guided_seen(addrtype, side))
			continue;
		if (packet->known & (source ? KNOWN_SOURCE : KNOWN_DESTINATION))
			one = side_truth(packet->family, (unsigned)addrtype->values[side].number,
					 address_from_bytes(packet->family,
							    source ? packet->source : packet->destination));
		truth = truth_and(truth, guided_inverted(addrtype, side) ? truth_not(one) : one);
	}
	return truth;
}

/* One predicate for each side, whatever stands on the other one, and inverted or not. */
static void side_text(const struct guided *addrtype, unsigned side, struct buffer *text)
{
	buffer_puts(text, "-m addrtype");
	side_print(addrtype, side, text);
	interface_print(addrtype, text);
}

static bool asks_routes(enum family family, const struct guided *addrtype, unsigned side)
{
	return guided_seen(addrtype, side) &&
	       (family == FAMILY_IPV4 || addrtype->values[side].number & KINDS_OF_ROUTES);
}

static int declare_certain(struct fields *fields, enum field field)
{
	int error = 0;

	for (size_t i = 0; i < CERTAIN_COUNT && !error; i++)
		if (certain[i].family == fields->family)
			error = fields_need_masked(fields, field, certain_value(&certain[i]),
						   prefix_mask(fields->family, certain[i].length));
	return error;
}

static int addrtype_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	const struct guided *addrtype = match->data;
	int error = 0;

	for (unsigned side = 0; side < SIDES && !error; side++) {
		struct buffer text = {0};
		if (guided_seen(addrtype, side))
			error = declare_certain(fields,
						side == ADDRTYPE_SOURCE ? FIELD_SOURCE : FIELD_DESTINATION);
		if (error)
			break;
		if (!asks_routes(fields->family, addrtype, side))
			continue;
		side_text(addrtype, side, &text);
		error = text.failed
			    ? -ENOMEM
			    : option_declare_opaque(match, rule, fields, (struct text){text.data, text.size},
						    match->type->unseen->sharing);
		buffer_fini(&text);
	}
	return error;
}

/* The addresses that are certainly of one of the kinds (`yes`), and those that are of none (`no`). */
static void side_certain(const struct fields *fields, enum field field, unsigned wanted, diagram_node *yes,
			 diagram_node *no)
{
	struct diagram *diagram = fields->diagram;
	enum family family = fields->family;
	unsigned by_address = wanted & KINDS_OF_ADDRESS;
	diagram_node unlisted = DIAGRAM_TRUE;

	*yes = *no = DIAGRAM_FALSE;
	for (size_t i = 0; i < CERTAIN_COUNT; i++) {
		if (certain[i].family != family)
			continue;
		diagram_node in = fields_masked(fields, field, certain_value(&certain[i]),
						prefix_mask(family, certain[i].length));
		bool is = family == FAMILY_IPV4 ? wanted & certain[i].kind : !(by_address & ~certain[i].kind);
		diagram_node *to = is ? yes : no;
		*to = diagram_or(diagram, *to, in);
		unlisted = diagram_and(diagram, unlisted, diagram_not(diagram, in));
	}
	if (family == FAMILY_IPV4)
		return;
	diagram_node *to = by_address & ~(unsigned)KIND_UNICAST ? no : yes;
	*to = diagram_or(diagram, *to, unlisted);
}

static diagram_node side_mean(const struct match *match, const struct rule *rule, const struct fields *fields,
			      unsigned side)
{
	const struct guided *addrtype = match->data;
	struct diagram *diagram = fields->diagram;
	enum field field = side == ADDRTYPE_SOURCE ? FIELD_SOURCE : FIELD_DESTINATION;
	unsigned wanted = (unsigned)addrtype->values[side].number;
	diagram_node yes, no, mean, routes = DIAGRAM_UNDECIDED;

	side_certain(fields, field, wanted, &yes, &no);
	if (asks_routes(fields->family, addrtype, side)) {
		struct buffer text = {0};
		side_text(addrtype, side, &text);
		if (!text.failed)
			routes = option_mean_opaque(match, rule, fields, (struct text){text.data, text.size},
						    match->type->unseen->sharing);
		buffer_fini(&text);
		mean = fields->family == FAMILY_IPV4
			   ? diagram_or(diagram, yes, diagram_and(diagram, diagram_not(diagram, no), routes))
			   : diagram_and(diagram, yes, routes);
	} else {
		mean = yes;
	}
	return guided_inverted(addrtype, side) ? diagram_not(diagram, mean) : mean;
}

static diagram_node addrtype_mean(const struct match *match, const struct rule *rule,
				  const struct fields *fields)
{
	diagram_node mean = DIAGRAM_TRUE;

	for (unsigned side = 0; side < SIDES; side++)
		if (guided_seen(match->data, side))
			mean = diagram_and(fields->diagram, mean, side_mean(match, rule, fields, side));
	return mean;
}

const struct match_type match_addrtype = {
    .name = "addrtype",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = addrtype_parse,
    .finish = addrtype_finish,
    .print = addrtype_print,
    .evaluate = addrtype_evaluate,
    .declare = addrtype_declare,
    .mean = addrtype_mean,
    .hooks_of = addrtype_hooks,
};
