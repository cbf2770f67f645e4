/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m set: net/netfilter/xt_set.c and ip_set_test() in net/netfilter/ipset/ip_set_core.c. A test with fewer
 * directions than the set has dimensions is false, and so is one of hash:ip,port on a later fragment or on a
 * header that is cut; the negation applies behind that. Comparisons of counters depend on packets gone by, so
 * they are unknown. */
#include "extension/extension.h"
#include "extension/option.h"
#include "extension/set_lookup.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define DIRECTIONS_MAX 6 /* IPSET_DIM_MAX */

enum { SEEN_SET = 1, SEEN_PACKETS = 2, SEEN_BYTES = 4 };
enum comparison { COMPARE_NONE, COMPARE_EQUAL, COMPARE_NOT_EQUAL, COMPARE_LESS, COMPARE_GREATER };

struct counter_match {
	enum comparison comparison;
	uint64_t value;
};

struct set_match {
	unsigned seen;
	struct set *set;
	unsigned dimensions;
	bool source[DIRECTIONS_MAX];
	bool inverted, return_nomatch, keep_counters, keep_subcounters;
	struct counter_match packets, bytes;
	struct arena *arena; /* the ruleset's, for the set's index */
	const char *text;    /* without "! ", for predicates */
};

/* --- Reading
 * ----------------------------------------------------------------------------------------------------- */

static int directions_parse(struct rule_parser *parser, const struct word *word, struct set_match *set)
{
	struct comma_list list = {.rest = word->text};
	struct text part;

	while (comma_next(&list, &part)) {
		bool source = text_is(part, "src");
		if (!source && !text_is(part, "dst")) {
			diagnostic_hint(parser_error(parser, word, "bad-value", "\"%.*s\" is not a direction",
						     (int)part.size, part.data),
					"a list of src and dst, one for each dimension of the set");
			return -EINVAL;
		}
		if (set->dimensions == DIRECTIONS_MAX) {
			diagnostic_hint(parser_error(parser, word, "bad-value", "more than %d directions",
						     DIRECTIONS_MAX),
					"no set has more than 6 dimensions");
			return -EINVAL;
		}
		set->source[set->dimensions++] = source;
	}
	return 0;
}

/* Sets of these types have no family of their own. */
static bool any_family(const struct set *set)
{
	return set->type == SET_OPAQUE &&
	       (text_is(set->type_name, "list:set") || text_is(set->type_name, "bitmap:port") ||
		text_is(set->type_name, "hash:mac"));
}

static int set_find(struct rule_parser *parser, const struct word *word, struct set_match *match)
{
	struct set *set = ruleset_find_set(parser->ruleset, word->text);

	if (!set) {
		diagnostic_hint(parser_error(parser, word, "set-not-given",
					     "the set \"%.*s\" is not in the input", (int)word->text.size,
					     word->text.data),
				"give the output of \"ipset save\" along with the rules");
		return -EINVAL;
	}
	if (set->family != parser->family && !any_family(set)) {
		struct diagnostic *diagnostic =
		    parser_error(parser, word, "wrong-family", "the set \"%.*s\" holds IPv%d addresses",
				 (int)word->text.size, word->text.data, set->family == FAMILY_IPV4 ? 4 : 6);
		diagnostic_label(diagnostic, set->span, "created here");
		diagnostic_hint(diagnostic, "these rules are for IPv%d: use a set with family %s",
				parser->family == FAMILY_IPV4 ? 4 : 6,
				parser->family == FAMILY_IPV4 ? "inet" : "inet6");
		return -EINVAL;
	}
	match->set = set;
	return 0;
}

static int match_set_parse_set(struct rule_parser *parser, struct set_match *set)
{
	bool inverted = parser->inverted;
	int error = option_once(parser, &set->seen, SEEN_SET, 0);
	if (error)
		return error;
	const struct word *name = parser_argument(parser);
	if (!name)
		return -EINVAL;
	set->inverted = inverted || parser->inverted;
	const struct word *directions = parser_argument(parser);
	if (!directions)
		return -EINVAL;
	error = set_find(parser, name, set);
	return error ? error : directions_parse(parser, directions, set);
}

static int counter_parse(struct rule_parser *parser, struct set_match *set, bool packets,
			 enum comparison comparison)
{
	bool inverted = parser->inverted;
	if (comparison != COMPARE_EQUAL && parser_refuse_inversion(parser))
		return -EINVAL;
	int error = option_once(parser, &set->seen, packets ? SEEN_PACKETS : SEEN_BYTES, 0);
	if (error)
		return error;
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	inverted |= parser->inverted;
	uint64_t value;
	if (option_number(word->text, UINT64_MAX, &value)) {
		diagnostic_hint(parser_error(parser, word, "bad-value", "\"%.*s\" is not a count",
					     (int)word->text.size, word->text.data),
				"a whole number");
		return -EINVAL;
	}
	struct counter_match *counter = packets ? &set->packets : &set->bytes;
	counter->comparison = comparison == COMPARE_EQUAL && inverted ? COMPARE_NOT_EQUAL : comparison;
	counter->value = value;
	return 0;
}

static const struct {
	const char *name;
	bool packets;
	enum comparison comparison;
} counter_options[] = {
    {"--packets-eq", true, COMPARE_EQUAL},   {"--packets-lt", true, COMPARE_LESS},
    {"--packets-gt", true, COMPARE_GREATER}, {"--bytes-eq", false, COMPARE_EQUAL},
    {"--bytes-lt", false, COMPARE_LESS},     {"--bytes-gt", false, COMPARE_GREATER},
};

static int set_parse(struct rule_parser *parser, struct match *match)
{
	struct set_match *set = option_data(parser, &match->data, sizeof(*set));
	int error = 0;

	if (!set)
		return -ENOMEM;
	if (parser_option_is(parser, "--match-set") || parser_option_is(parser, "--set")) {
		error = match_set_parse_set(parser, set);
		return error ? error : 1;
	}
	if (parser_option_is(parser, "--return-nomatch")) {
		error = parser_refuse_inversion(parser);
		set->return_nomatch = true;
		return error ? error : 1;
	}
	if (parser_option_is(parser,
			     "--update-counters")) { /* updating is the default: only "!" says anything */
		set->keep_counters |= parser->inverted;
		return 1;
	}
	if (parser_option_is(parser, "--update-subcounters")) {
		set->keep_subcounters |= parser->inverted;
		return 1;
	}
	for (size_t i = 0; i < sizeof(counter_options) / sizeof(*counter_options); i++) {
		if (!parser_option_is(parser, counter_options[i].name))
			continue;
		error = counter_parse(parser, set, counter_options[i].packets, counter_options[i].comparison);
		return error ? error : 1;
	}
	return 0;
}

/* --- Printing
 * ---------------------------------------------------------------------------------------------------- */

static void counter_print(const struct counter_match *counter, const char *what, struct buffer *out)
{
	static const char *const names[] = {"", "eq", "eq", "lt", "gt"};

	if (counter->comparison == COMPARE_NONE)
		return;
	buffer_printf(out, "%s --%s-%s %llu", counter->comparison == COMPARE_NOT_EQUAL ? " !" : "", what,
		      names[counter->comparison], (unsigned long long)counter->value);
}

static void print_options(const struct set_match *set, bool inverted, struct buffer *out)
{
	buffer_printf(out, "-m set%s --match-set %.*s ", inverted ? " !" : "", (int)set->set->name.size,
		      set->set->name.data);
	for (unsigned i = 0; i < set->dimensions; i++)
		buffer_printf(out, "%s%s", i ? "," : "", set->source[i] ? "src" : "dst");
	if (set->return_nomatch)
		buffer_puts(out, " --return-nomatch");
	if (set->keep_counters)
		buffer_puts(out, " ! --update-counters");
	if (set->keep_subcounters)
		buffer_puts(out, " ! --update-subcounters");
	counter_print(&set->packets, "packets", out);
	counter_print(&set->bytes, "bytes", out);
}

static void set_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct set_match *set = match->data;
	(void)rule;

	print_options(set, set->inverted, out);
}

static int set_finish(struct rule_parser *parser, struct match *match)
{
	struct set_match *set = option_data(parser, &match->data, sizeof(*set));
	if (!set)
		return -ENOMEM;
	if (!set->set) {
		diagnostic_hint(
		    option_error(parser, match->span, "missing-option", "-m set has no --match-set"),
		    "write --match-set NAME src");
		return -EINVAL;
	}
	set->arena = parser->ruleset->arena;
	struct buffer text = {0};
	print_options(set, false, &text);
	set->text = text.failed || !text.data ? NULL : arena_copy(set->arena, text.data, text.size);
	buffer_fini(&text);
	return set->text ? 0 : -ENOMEM;
}

/* --- Evaluating
 * -------------------------------------------------------------------------------------------------- */

static bool too_few(const struct set_match *set)
{
	return set->dimensions < set->set->dimensions;
}

static bool compares_counters(const struct set_match *set)
{
	return set->packets.comparison != COMPARE_NONE || set->bytes.comparison != COMPARE_NONE;
}

/* Of later fragments ip_set_get_ip4_port() gives up for these alone: others have no port that could be
 * missing. */
static const uint8_t late_without_port[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP,
					    IPPROTO_ICMP};

static bool port_in_header(enum family family, uint8_t protocol)
{
	return family == FAMILY_IPV6 || memchr(late_without_port, protocol, sizeof(late_without_port));
}

/* What ip_set_get_ip4_port() and ip_set_get_ip6_port() make of the packet. NO: they give up, the test is
 * false. */
static enum truth port_of(const struct packet *packet, bool source, uint16_t *port)
{
	enum truth truth = option_has_transport(packet);
	unsigned needed = 0;

	*port = 0;
	if (packet->header_error)
		return TRUTH_NO;
	if (!(packet->known & KNOWN_PROTOCOL))
		return truth == TRUTH_NO && packet->family == FAMILY_IPV6 ? TRUTH_NO : TRUTH_UNKNOWN;
	if (packet->family == FAMILY_IPV4 ? packet->protocol == 0 : packet->protocol == IPPROTO_NONE)
		return TRUTH_NO;
	if (truth == TRUTH_NO)
		return port_in_header(packet->family, packet->protocol) ? TRUTH_NO : TRUTH_YES;
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
		*port = source ? packet->source_port : packet->destination_port;
		needed = KNOWN_PORTS | (source ? KNOWN_SOURCE_PORT : KNOWN_DESTINATION_PORT);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		*port = (uint16_t)(packet->icmp_type << 8 | packet->icmp_code);
		needed = KNOWN_ICMP;
		break;
	default: /* DCCP too: port 0 */
		return port_in_header(packet->family, packet->protocol) ? truth : TRUTH_YES;
	}
	if (packet->transport_short)
		return TRUTH_NO;
	return packet->known & needed ? truth : TRUTH_UNKNOWN;
}

static enum truth member_test(struct set_match *set, const struct packet *packet)
{
	bool source = set->source[0];
	uint16_t port = 0;
	enum truth at_hand = TRUTH_YES;

	if (too_few(set))
		return TRUTH_NO;
	if (set->set->type == SET_OPAQUE)
		return TRUTH_UNKNOWN;
	if (set->set->member_count == 0)
		return TRUTH_NO;
	if (set->set->type == SET_HASH_IP_PORT)
		at_hand = port_of(packet, set->source[1], &port);
	if (at_hand == TRUTH_NO)
		return TRUTH_NO;
	if (!(packet->known & (source ? KNOWN_SOURCE : KNOWN_DESTINATION)) || at_hand == TRUTH_UNKNOWN)
		return TRUTH_UNKNOWN;
	if (!set->set->lookup)
		set->set->lookup = set_lookup_new(set->arena, set->set);
	if (!set->set->lookup)
		return TRUTH_UNKNOWN;
	address value = address_from_bytes(packet->family, source ? packet->source : packet->destination);
	return set_lookup_test(set->set->lookup, value, packet->protocol, port, set->return_nomatch);
}

/* A comparison of counters narrows the test; kernels before 4.18 made it behind the negation, later ones
 * before it, so that with a negation nothing is certain. */
static enum truth set_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	struct set_match *set = match->data;
	(void)rule;
	(void)evaluation;

	if (compares_counters(set) && set->inverted)
		return TRUTH_UNKNOWN;
	enum truth truth = member_test(set, packet);
	if (compares_counters(set))
		truth = truth_and(truth, TRUTH_UNKNOWN);
	return set->inverted ? truth_not(truth) : truth;
}

/* --- Meaning
 * ----------------------------------------------------------------------------------------------------- */

/* --return-nomatch says something of hash:net only; what nomatch members hold is not a set's own meaning. */
static bool asks_nomatch(const struct set_match *set)
{
	return set->return_nomatch && set->set->type == SET_HASH_NET;
}

/* Members with DCCP, whose port the kernel takes for 0 while the match key has it, or with the other family's
 * ICMP, whose type the kernel looks at in spite of it, are left unknown. */
static uint8_t other_icmp(const struct set *set)
{
	return set->family == FAMILY_IPV4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

static bool has_odd_member(const struct set_match *set)
{
	if (set->set->type != SET_HASH_IP_PORT)
		return false;
	for (size_t i = 0; i < set->set->member_count; i++) {
		uint8_t protocol = set->set->members[i].protocol;
		if (protocol == IPPROTO_DCCP || protocol == other_icmp(set->set))
			return true;
	}
	return false;
}

static int set_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	const struct set_match *set = match->data;
	struct set_meaning meaning;
	struct text text = text_of(set->text);
	int error = 0;

	if (compares_counters(set))
		error = option_declare_opaque(match, rule, fields, text, OPAQUE_RULE);
	if (error || too_few(set) || (compares_counters(set) && set->inverted))
		return error;
	if (asks_nomatch(set) || has_odd_member(set))
		error = option_declare_opaque(match, rule, fields, text, OPAQUE_TABLE);
	if (error || asks_nomatch(set))
		return error;
	return fields_need_set(fields, set->set, set->dimensions, set->source, &meaning);
}

/* Behind the packet's protocol: where the kernel finds no port the test is false. */
static diagram_node port_mean(const struct match *match, const struct rule *rule, const struct fields *fields,
			      diagram_node mean)
{
	const struct set_match *set = match->data;
	struct diagram *diagram = fields->diagram;

	diagram_node found = option_not_late(fields);
	if (fields->family == FAMILY_IPV4) {
		diagram_node missing = DIAGRAM_FALSE;
		for (size_t i = 0; i < sizeof(late_without_port); i++)
			missing = diagram_or(diagram, missing,
					     fields_value(fields, FIELD_PROTOCOL, late_without_port[i]));
		found = diagram_or(diagram, found, diagram_not(diagram, missing));
	}
	mean = diagram_and(diagram, mean, found);
	mean = diagram_minus(
	    diagram, mean,
	    fields_value(fields, FIELD_PROTOCOL, fields->family == FAMILY_IPV4 ? 0 : IPPROTO_NONE));
	if (!has_odd_member(set))
		return mean;
	diagram_node unknown = diagram_and(
	    diagram, found, option_mean_opaque(match, rule, fields, text_of(set->text), OPAQUE_TABLE));
	diagram_node odd = diagram_or(diagram, fields_value(fields, FIELD_PROTOCOL, IPPROTO_DCCP),
				      fields_value(fields, FIELD_PROTOCOL, other_icmp(set->set)));
	return diagram_if(diagram, odd, unknown, mean);
}

static diagram_node set_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	const struct set_match *set = match->data;
	struct diagram *diagram = fields->diagram;
	struct text text = text_of(set->text);
	diagram_node mean = DIAGRAM_FALSE;

	if (compares_counters(set) && set->inverted)
		return option_mean_opaque(match, rule, fields, text, OPAQUE_RULE);
	if (asks_nomatch(set) && !too_few(set)) {
		mean = option_mean_opaque(match, rule, fields, text, OPAQUE_TABLE);
	} else if (!too_few(set)) {
		struct set_meaning meaning;
		if (fields_need_set((struct fields *)fields, set->set, set->dimensions, set->source,
				    &meaning))
			return DIAGRAM_UNDECIDED;
		mean = fields_set(fields, &meaning);
		if (set->set->type == SET_HASH_IP_PORT)
			mean = port_mean(match, rule, fields, mean);
	}
	if (compares_counters(set))
		mean = diagram_and(diagram, mean, option_mean_opaque(match, rule, fields, text, OPAQUE_RULE));
	return set->inverted ? diagram_not(diagram, mean) : mean;
}

static unsigned set_effects(const struct match *match)
{
	const struct set_match *set = match->data;
	unsigned effects = 0;

	if (too_few(set)) /* ip_set_test() does not look into the set */
		return 0;
	if (set->set->counters && !set->keep_counters)
		effects |= EFFECT_COUNTER;
	if (set->set->type != SET_OPAQUE)
		return effects;
	if (text_is(set->set->type_name, "list:set")) /* its sets may be of any type */
		effects |= EFFECT_STATE | EFFECT_COUNTER;
	else if (text_is(set->set->type_name, "bitmap:ip,mac")) /* a test may fill in the MAC address */
		effects |= EFFECT_STATE;
	return effects;
}

/* Marks may have been restored from a connection. */
bool match_set_reads_state(const struct match *match)
{
	const struct set_match *set = match->data;

	return set->set->type == SET_OPAQUE && !text_starts(set->set->type_name, "bitmap:") &&
	       !text_is(set->set->type_name, "hash:mac");
}

bool match_set_meaning(const struct match *match, const struct fields *fields, struct set_meaning *meaning)
{
	if (match->type != &match_set)
		return false;
	const struct set_match *set = match->data;
	if (set->inverted || set->return_nomatch || compares_counters(set) || too_few(set) ||
	    has_odd_member(set))
		return false;
	return fields_need_set((struct fields *)fields, set->set, set->dimensions, set->source, meaning) == 0;
}

const struct match_type match_set = {
    .name = "set",
    .modelled = true,
    .parse = set_parse,
    .finish = set_finish,
    .print = set_print,
    .evaluate = set_evaluate,
    .declare = set_declare,
    .mean = set_mean,
    .effects = set_effects,
};
