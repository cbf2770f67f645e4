/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m set: net/netfilter/xt_set.c and ip_set_test() in net/netfilter/ipset/ip_set_core.c. A test with fewer
 * directions than the set has dimensions is false, and so is one of ports on a later fragment or on a header
 * that is cut; the negation applies behind that. Comparisons of counters depend on packets gone by, so they
 * are unknown. */
#include "extension/extension.h"
#include "extension/option.h"
#include "extension/set_changes.h"
#include "extension/set_lookup.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN_SET = 1, SEEN_PACKETS = 2, SEEN_BYTES = 4 };
enum comparison { COMPARE_NONE, COMPARE_EQUAL, COMPARE_NOT_EQUAL, COMPARE_LESS, COMPARE_GREATER };

struct counter_match {
	enum comparison comparison;
	uint64_t value;
};

struct set_match {
	unsigned seen;
	struct set_reference reference;
	bool inverted, return_nomatch, keep_counters, keep_subcounters;
	struct counter_match packets, bytes;
	struct arena *arena; /* the ruleset's, for the set's index */
	const char *text;    /* without "! ", for predicates */
};

/* --- Reading
 * ----------------------------------------------------------------------------------------------------- */

static int match_set_parse_set(struct rule_parser *parser, struct set_match *set)
{
	int error = option_once(parser, &set->seen, SEEN_SET, 0);

	if (!error)
		error = set_reference_parse(parser, &set->reference);
	set->inverted = parser->inverted;
	return error;
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
	buffer_printf(out, "-m set%s --match-set ", inverted ? " !" : "");
	set_reference_print(&set->reference, out);
	if (set->return_nomatch)
		buffer_puts(out, " --return-nomatch");
	if (set->keep_counters)
		buffer_puts(out, " ! --update-counters");
	if (set->keep_subcounters)
		buffer_puts(out, " ! --update-subcounters");
	counter_print(&set->packets, "packets", out);
	counter_print(&set->bytes, "bytes", out);
}

static void match_set_print(const struct match *match, const struct rule *rule, struct buffer *out)
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
	if (!set->reference.set) {
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
	return set->reference.dimensions < set->reference.set->dimensions;
}

/* A set without counters does not compare: ip_set_match_extensions(). */
static bool compares_counters(const struct set_match *set)
{
	return set->reference.set->counters &&
	       (set->packets.comparison != COMPARE_NONE || set->bytes.comparison != COMPARE_NONE);
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
enum truth match_set_port(const struct packet *packet, bool source, uint16_t *port)
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

/* bitmap_ipmac_kadt() and its kind: there is no such address, or it is not known. Frames say whom they come
 * from. */
static enum truth mac_of(const struct packet *packet, bool source, uint8_t *mac)
{
	static const uint8_t none[6];

	if (!source || !(packet->known & KNOWN_MAC))
		return TRUTH_UNKNOWN;
	memcpy(mac, packet->mac, 6);
	return memcmp(mac, none, 6) == 0 ? TRUTH_NO : TRUTH_YES;
}

/* Where the hook has no such device the set does not match. In POSTROUTING kernels from 5.7 on have the one
 * the packet came in by. */
static enum truth interface_of(const struct packet *packet, bool source, enum hook hook, const char **name)
{
	*name = source ? packet->in : packet->out;
	if (source ? hook == HOOK_OUTPUT : hook == HOOK_PREROUTING || hook == HOOK_INPUT)
		return TRUTH_NO;
	if (source && hook == HOOK_POSTROUTING)
		return TRUTH_UNKNOWN;
	if (!(packet->known & (source ? KNOWN_IN : KNOWN_OUT)))
		return TRUTH_UNKNOWN;
	return truth_of(**name != '\0');
}

static enum truth bare_port_of(const struct packet *packet, bool source, uint16_t *port)
{
	enum truth truth = match_set_port(packet, source, port);

	if (truth == TRUTH_NO || !(packet->known & KNOWN_PROTOCOL))
		return truth;
	return packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP ? truth : TRUTH_NO;
}

static enum truth address_of(const struct packet *packet, bool source, address *value)
{
	if (!(packet->known & (source ? KNOWN_SOURCE : KNOWN_DESTINATION)))
		return TRUTH_UNKNOWN;
	*value = address_from_bytes(packet->family, source ? packet->source : packet->destination);
	return TRUTH_YES;
}

/* What the packet has in the set's dimensions. NO: something is missing, and the kernel does not look. */
static enum truth query_of(const struct set_reference *reference, const struct packet *packet, enum hook hook,
			   struct set_query *query)
{
	const struct set *set = reference->set;
	enum truth all = TRUTH_YES;
	bool second = false;

	*query = (struct set_query){.protocol = packet->protocol, .mark = packet->mark};
	for (unsigned i = 0; i < set->dimensions; i++) {
		enum set_part part = set_types[set->type].parts[i];
		enum truth one = TRUTH_YES;
		bool source = reference->source[i];
		if (part == SET_PART_ADDRESS || part == SET_PART_NET) {
			one = address_of(packet, source, second ? &query->second : &query->first);
			second = true;
		} else if (part == SET_PART_PORT) {
			one = match_set_port(packet, source, &query->port);
		} else if (part == SET_PART_BARE_PORT) {
			one = bare_port_of(packet, source, &query->port);
		} else if (part == SET_PART_MAC) {
			one = mac_of(packet, source, query->mac);
		} else if (part == SET_PART_MARK) {
			one = packet->known & KNOWN_MARK ? TRUTH_YES : TRUTH_UNKNOWN;
		} else if (part == SET_PART_INTERFACE) {
			one = interface_of(packet, source, hook, &query->interface);
		}
		all = truth_and(all, one);
	}
	return all;
}

/* ip_set_test(), for sets that are no lists. */
static enum truth plain_content(const struct set_reference *reference, struct arena *arena,
				const struct packet *packet, enum hook hook, bool return_nomatch)
{
	struct set *set = reference->set;
	struct set_query query;

	if (reference->dimensions < set->dimensions || set->member_count == 0 ||
	    (set->family != packet->family && !set_types[set->type].any_family))
		return TRUTH_NO;
	enum truth at_hand = query_of(reference, packet, hook, &query);
	if (at_hand != TRUTH_YES)
		return at_hand;
	if (!set->lookup)
		set->lookup = set_lookup_new(arena, set);
	return set->lookup ? set_lookup_test(set->lookup, &query, return_nomatch) : TRUTH_UNKNOWN;
}

/* A list asks its sets one after the other: list_set_ktest(). */
enum truth match_set_content(const struct set_reference *reference, struct arena *arena,
			     const struct packet *packet, const struct evaluation *evaluation,
			     bool return_nomatch)
{
	const struct set *set = reference->set;
	enum truth truth = TRUTH_NO;

	if (set->type != SET_LIST)
		return plain_content(reference, arena, packet, evaluation->hook, return_nomatch);
	for (size_t i = 0; reference->dimensions > 0 && truth != TRUTH_YES && i < set->member_count; i++) {
		struct set_reference part = *reference;
		struct set_member member;
		set_member_get(set, i, &member);
		part.set = member.set;
		enum truth one = plain_content(&part, arena, packet, evaluation->hook, return_nomatch);
		if (part.set->changing)
			one = set_changes_test(&part, packet, evaluation, one);
		if (one == TRUTH_YES && member.timed)
			one = TRUTH_UNKNOWN;
		if (one != TRUTH_NO)
			truth = one;
	}
	return truth;
}

static enum truth member_test(const struct set_match *set, const struct packet *packet,
			      const struct evaluation *evaluation, bool return_nomatch)
{
	enum truth content =
	    match_set_content(&set->reference, set->arena, packet, evaluation, return_nomatch);

	return set->reference.set->changing ? set_changes_test(&set->reference, packet, evaluation, content)
					    : content;
}

/* Comparisons narrow the test before it is negated (set_match_v4(); kernels before 4.18 made them behind the
 * negation), and a member whose counters do not fit is passed over, so that a shorter prefix may decide. */
static enum truth set_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct set_match *set = match->data;
	(void)rule;

	enum truth truth = member_test(set, packet, evaluation, set->return_nomatch);
	if (compares_counters(set)) {
		bool nowhere = truth == TRUTH_NO &&
			       member_test(set, packet, evaluation, !set->return_nomatch) == TRUTH_NO;
		truth = nowhere ? TRUTH_NO : TRUTH_UNKNOWN;
	}
	return set->inverted ? truth_not(truth) : truth;
}

/* --- Meaning
 * ----------------------------------------------------------------------------------------------------- */

/* --return-nomatch says something of networks only; what nomatch members hold is not a set's own meaning. */
static bool asks_nomatch(const struct set_match *set)
{
	return set->return_nomatch && set->reference.set->type == SET_HASH_NET;
}

/* Members with DCCP, whose port the kernel takes for 0 while the match key has it, or with the other family's
 * ICMP, whose type the kernel looks at in spite of it, are left unknown. */
static uint8_t other_icmp(const struct set *set)
{
	return set->family == FAMILY_IPV4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

/* A part of protocol and port. */
static bool has_port(const struct set *set)
{
	for (unsigned i = 0; i < set->dimensions; i++)
		if (set_types[set->type].parts[i] == SET_PART_PORT)
			return true;
	return false;
}

static bool has_odd_member(const struct set_match *set)
{
	if (!has_port(set->reference.set))
		return false;
	for (size_t i = 0; i < set->reference.set->member_count; i++) {
		struct set_member member;
		set_member_get(set->reference.set, i, &member);
		if (member.protocol == IPPROTO_DCCP || member.protocol == other_icmp(set->reference.set))
			return true;
	}
	return false;
}

/* Some element waits for the first packet's MAC address, and takes it. */
static bool fills_in(const struct set *set)
{
	for (size_t i = 0; set->type == SET_BITMAP_IP_MAC && i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		if (!member.has_mac)
			return true;
	}
	return false;
}

/* The set or, of a list, one of its sets. */
static bool any_set(const struct set_match *match, bool (*is)(const struct set *set))
{
	const struct set *set = match->reference.set;
	bool found = is(set);

	for (size_t i = 0; set->type == SET_LIST && !found && i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		found = member.set->dimensions <= match->reference.dimensions && is(member.set);
	}
	return found;
}

void match_each_set(const struct match *match, void (*visit)(void *context, const struct set *set),
		    void *context)
{
	const struct set_match *own = match->data;

	if (match->type != &match_set)
		return;
	const struct set *set = own->reference.set;
	visit(context, set);
	for (size_t i = 0; set->type == SET_LIST && i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		visit(context, member.set);
	}
}

static bool looks_at_mark(const struct set *set)
{
	return set->type == SET_HASH_IP_MARK;
}

static bool has_counters(const struct set *set)
{
	return set->counters;
}

static bool is_changing(const struct set *set)
{
	return set->changing;
}

/* How its predicate is shared, where the set has no meaning in the diagram. */
static enum opaque_sharing sharing(const struct set_match *set)
{
	bool moves = compares_counters(set) || any_set(set, fills_in) || any_set(set, looks_at_mark) ||
		     any_set(set, is_changing);

	return moves ? OPAQUE_RULE : OPAQUE_TABLE;
}

/* bitmap:port, of which is known what it holds: a condition on header fields alone. */
static bool is_of_ports(const struct set_match *set)
{
	const struct set *own = set->reference.set;

	if (own->type != SET_BITMAP_PORT || own->changing || compares_counters(set))
		return false;
	for (size_t i = 0; i < own->member_count; i++) {
		struct set_member member;
		set_member_get(own, i, &member);
		if (member.timed || set_member_removed(own, i))
			return false;
	}
	return true;
}

/* ip_set_get_ip_port() in ip_set_bitmap_port.c: a port is found in TCP and UDP alone, of whole packets and
 * first fragments. */
static diagram_node ports_mean(const struct fields *fields, const struct set_match *set)
{
	const struct set *own = set->reference.set;
	struct diagram *diagram = fields->diagram;
	enum field field = set->reference.source[0] ? FIELD_SPORT : FIELD_DPORT;
	bool *held = calloc(UINT16_MAX + 1, sizeof(*held));
	struct diagram_range *runs = calloc(UINT16_MAX / 2 + 2, sizeof(*runs));
	diagram_node mean = DIAGRAM_UNDECIDED;
	size_t count = 0;

	for (size_t i = 0; held && i < own->member_count; i++) {
		struct set_member member;
		set_member_get(own, i, &member);
		held[member.port] = true;
	}
	for (unsigned port = 0; held && runs && port <= UINT16_MAX; port++)
		if (held[port] && count && runs[count - 1].high + 1 == port)
			runs[count - 1].high = port;
		else if (held[port])
			runs[count++] = (struct diagram_range){port, port, DIAGRAM_TRUE};
	if (held && runs)
		mean = diagram_ranges(diagram, fields->first[field], fields->bits[field], runs, count,
				      DIAGRAM_FALSE);
	free(held);
	free(runs);
	mean = diagram_and(diagram, mean, option_not_late(fields));
	return diagram_and(diagram, mean,
			   diagram_or(diagram, fields_value(fields, FIELD_PROTOCOL, IPPROTO_TCP),
				      fields_value(fields, FIELD_PROTOCOL, IPPROTO_UDP)));
}

/* A member of hash:net whose counters do not fit makes way for a shorter prefix, which no range tells. */
static bool is_opaque(const struct fields *fields, const struct set_match *set)
{
	bool boxes = fields_expresses_boxes(fields, set->reference.set);

	if (is_of_ports(set))
		return false;
	if (boxes && (compares_counters(set) || set->return_nomatch))
		return true;
	return !(boxes || fields_expresses_set(set->reference.set)) || asks_nomatch(set) ||
	       any_set(set, is_changing) ||
	       (compares_counters(set) && set->reference.set->type == SET_HASH_NET);
}

static int set_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	const struct set_match *set = match->data;
	struct set_meaning meaning;
	struct text text = text_of(set->text);
	int error = 0;

	if (too_few(set))
		return 0;
	if (is_opaque(fields, set))
		return option_declare_opaque(match, rule, fields, text, sharing(set));
	if (is_of_ports(set))
		return 0;
	if (compares_counters(set))
		error = option_declare_opaque(match, rule, fields, text, OPAQUE_RULE);
	if (!error && has_odd_member(set))
		error = option_declare_opaque(match, rule, fields, text, OPAQUE_TABLE);
	return error ? error
		     : fields_need_set(fields, set->reference.set, set->reference.dimensions,
				       set->reference.source, &meaning);
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
				      fields_value(fields, FIELD_PROTOCOL, other_icmp(set->reference.set)));
	return diagram_if(diagram, odd, unknown, mean);
}

static diagram_node set_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	const struct set_match *set = match->data;
	struct diagram *diagram = fields->diagram;
	struct text text = text_of(set->text);
	diagram_node mean = DIAGRAM_FALSE;
	struct set_meaning meaning;

	if (too_few(set))
		return set->inverted ? DIAGRAM_TRUE : DIAGRAM_FALSE;
	if (is_opaque(fields, set)) {
		mean = option_mean_opaque(match, rule, fields, text, sharing(set));
		return set->inverted ? diagram_not(diagram, mean) : mean;
	}
	if (is_of_ports(set)) {
		mean = ports_mean(fields, set);
		return set->inverted ? diagram_not(diagram, mean) : mean;
	}
	if (fields_need_set((struct fields *)fields, set->reference.set, set->reference.dimensions,
			    set->reference.source, &meaning))
		return DIAGRAM_UNDECIDED;
	mean = fields_set(fields, &meaning);
	if (has_port(set->reference.set))
		mean = port_mean(match, rule, fields, mean);
	if (compares_counters(set))
		mean = diagram_and(diagram, mean, option_mean_opaque(match, rule, fields, text, OPAQUE_RULE));
	return set->inverted ? diagram_not(diagram, mean) : mean;
}

static unsigned set_effects(const struct match *match)
{
	const struct set_match *set = match->data;
	const struct set *own = set->reference.set;
	unsigned effects = 0;

	if (too_few(set)) /* ip_set_test() does not look into the set */
		return 0;
	/* list_set_ktest(): without counting in the list there is none in its sets */
	if (!set->keep_counters && (own->counters || (own->type == SET_LIST && !set->keep_subcounters &&
						      any_set(set, has_counters))))
		effects |= EFFECT_COUNTER;
	if (any_set(set, fills_in)) /* a test may fill in the MAC address */
		effects |= EFFECT_STATE;
	return effects;
}

bool match_set_reads_counters(const struct match *match)
{
	return compares_counters(match->data);
}

/* Marks may have been restored from a connection. */
bool match_set_reads_state(const struct match *match)
{
	return any_set(match->data, looks_at_mark);
}

bool match_set_meaning(const struct match *match, const struct fields *fields, struct set_meaning *meaning)
{
	if (match->type != &match_set)
		return false;
	const struct set_match *set = match->data;
	if (set->inverted || set->return_nomatch || compares_counters(set) || too_few(set) ||
	    is_opaque(fields, set) || is_of_ports(set) || has_odd_member(set))
		return false;
	return fields_need_set((struct fields *)fields, set->reference.set, set->reference.dimensions,
			       set->reference.source, meaning) == 0;
}

bool match_set_question(const struct match *match, struct set_question *question)
{
	const struct set_match *set = match->data;

	if (match->type != &match_set)
		return false;
	*question = (struct set_question){
	    .set = set->reference.set,
	    .dimensions = set->reference.dimensions,
	    .source = set->reference.source,
	    .inverted = set->inverted,
	};
	return true;
}

const struct match_type match_set = {
    .name = "set",
    .modelled = true,
    .parse = set_parse,
    .finish = set_finish,
    .print = match_set_print,
    .evaluate = set_evaluate,
    .declare = set_declare,
    .mean = set_mean,
    .effects = set_effects,
};
