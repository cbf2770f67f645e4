/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m conntrack: conntrack_mt() in net/netfilter/xt_conntrack.c. To the diagram --ctstate is known; whether
 * the connection is under NAT (the virtual states SNAT and DNAT) and all other options are predicates. To the
 * evaluation of a packet all of a connection that is given is known, but when it expires.
 *
 * A packet without connection (INVALID or UNTRACKED) is judged by --ctstate alone: the function returns
 * before it looks at any other option, and without --ctstate it does not match, negated or not. */
#include "extension/guided.h"
#include "extension/state.h"
#include "extension/types.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>

/* In the order in which iptables-save prints them. */
enum {
	CT_STATE,
	CT_PROTOCOL,
	CT_ORIGINAL_SOURCE,
	CT_ORIGINAL_DESTINATION,
	CT_REPLY_SOURCE,
	CT_REPLY_DESTINATION,
	CT_ORIGINAL_SOURCE_PORT,
	CT_ORIGINAL_DESTINATION_PORT,
	CT_REPLY_SOURCE_PORT,
	CT_REPLY_DESTINATION_PORT,
	CT_STATUS,
	CT_EXPIRE,
	CT_DIRECTION,
	CT_COUNT,
};

/* `number` holds what these find: states (state.h), IPS_*, whether it is REPLY. */
static int parse_states(struct rule_parser *parser, const struct word *word, struct guided_value *value);
static int parse_status(struct rule_parser *parser, const struct word *word, struct guided_value *value);
static int parse_direction(struct rule_parser *parser, const struct word *word, struct guided_value *value);

static const struct guide guides[CT_COUNT] = {
    [CT_STATE] = {"--ctstate", GUIDE_OWN, GUIDE_INVERTIBLE, .parse = parse_states},
    [CT_PROTOCOL] = {"--ctproto", GUIDE_PROTOCOL, GUIDE_INVERTIBLE},
    [CT_ORIGINAL_SOURCE] = {"--ctorigsrc", GUIDE_ADDRESS_MASK, GUIDE_INVERTIBLE},
    [CT_ORIGINAL_DESTINATION] = {"--ctorigdst", GUIDE_ADDRESS_MASK, GUIDE_INVERTIBLE},
    [CT_REPLY_SOURCE] = {"--ctreplsrc", GUIDE_ADDRESS_MASK, GUIDE_INVERTIBLE},
    [CT_REPLY_DESTINATION] = {"--ctrepldst", GUIDE_ADDRESS_MASK, GUIDE_INVERTIBLE},
    [CT_ORIGINAL_SOURCE_PORT] = {"--ctorigsrcport", GUIDE_PORT_RANGE, GUIDE_INVERTIBLE},
    [CT_ORIGINAL_DESTINATION_PORT] = {"--ctorigdstport", GUIDE_PORT_RANGE, GUIDE_INVERTIBLE},
    [CT_REPLY_SOURCE_PORT] = {"--ctreplsrcport", GUIDE_PORT_RANGE, GUIDE_INVERTIBLE},
    [CT_REPLY_DESTINATION_PORT] = {"--ctrepldstport", GUIDE_PORT_RANGE, GUIDE_INVERTIBLE},
    [CT_STATUS] = {"--ctstatus", GUIDE_OWN, GUIDE_INVERTIBLE, .parse = parse_status},
    [CT_EXPIRE] = {"--ctexpire", GUIDE_RANGE, GUIDE_INVERTIBLE, .max = UINT32_MAX,
		   .hint = "seconds, or FIRST:LAST"},
    [CT_DIRECTION] = {"--ctdir", GUIDE_OWN, .parse = parse_direction},
};

struct conntrack_match {
	struct guided guided;
	struct text text; /* all but --ctstate; empty without */
};

static int parse_states(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	unsigned states = 0;

	if (state_list_parse(parser, word, true, &states))
		return -EINVAL;
	value->number = states;
	return 0;
}

/* In the order in which iptables-save prints them, and in which iptables compares abbreviations. */
static const struct {
	const char *name;
	unsigned bit;
} status_names[] = {{"NONE", 0},
		    {"EXPECTED", IPS_EXPECTED},
		    {"SEEN_REPLY", IPS_SEEN_REPLY},
		    {"ASSURED", IPS_ASSURED},
		    {"CONFIRMED", IPS_CONFIRMED}};
#define STATUS_COUNT (sizeof(status_names) / sizeof(*status_names))

static int parse_status(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct comma_list list = {.rest = word->text};
	struct text part;

	while (comma_next(&list, &part)) {
		size_t i = 0;
		while (i < STATUS_COUNT && !text_abbreviates(part, status_names[i].name))
			i++;
		if (i == STATUS_COUNT)
			return guided_refuse(parser, word,
					     "NONE, EXPECTED, SEEN_REPLY, ASSURED or CONFIRMED, apart by "
					     "commas without blanks");
		value->number |= status_names[i].bit;
	}
	return 0;
}

static int parse_direction(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	value->number = text_same(word->text, "REPLY");
	if (value->number || text_same(word->text, "ORIGINAL"))
		return 0;
	return guided_refuse(parser, word, "ORIGINAL or REPLY");
}

static int conntrack_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct conntrack_match), guides, CT_COUNT);
}

static void print_status(unsigned status, struct buffer *out)
{
	bool any = false;

	for (size_t i = 0; i < STATUS_COUNT; i++)
		if (status_names[i].bit & status || (!status && !status_names[i].bit)) {
			buffer_printf(out, "%s%s", any ? "," : "", status_names[i].name);
			any = true;
		}
}

static void print_option(const struct conntrack_match *conntrack, unsigned option, enum family family,
			 struct buffer *out)
{
	const struct guided *guided = &conntrack->guided;

	if (guides[option].kind != GUIDE_OWN) {
		guided_print(guided, guides, option, family, out);
		return;
	}
	if (!guided_seen(guided, option))
		return;
	buffer_printf(out, "%s %s ", guided_inverted(guided, option) ? " !" : "", guides[option].name);
	if (option == CT_STATE)
		state_list_print((unsigned)guided->values[option].number, out);
	else if (option == CT_STATUS)
		print_status((unsigned)guided->values[option].number, out);
	else
		buffer_puts(out, guided->values[option].number ? "REPLY" : "ORIGINAL");
}

static int conntrack_finish(struct rule_parser *parser, struct match *match)
{
	struct conntrack_match *conntrack = option_data(parser, &match->data, sizeof(*conntrack));

	if (!conntrack)
		return -ENOMEM;
	if (!conntrack->guided.seen) {
		diagnostic_hint(
		    option_error(parser, match->span, "missing-option", "-m conntrack has no option"),
		    "write --ctstate NEW, or leave -m conntrack out");
		return -EINVAL;
	}
	if (conntrack->guided.seen == 1u << CT_STATE)
		return 0;
	struct buffer text = {0};
	buffer_puts(&text, "-m conntrack");
	for (unsigned option = CT_STATE + 1; option < CT_COUNT; option++)
		print_option(conntrack, option, parser->family, &text);
	char *copy = text.failed ? NULL : arena_copy(parser->ruleset->arena, text.data, text.size);
	conntrack->text = (struct text){copy, text.size};
	buffer_fini(&text);
	return copy ? 0 : -ENOMEM;
}

static void conntrack_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m conntrack");
	for (unsigned option = 0; option < CT_COUNT; option++)
		print_option(match->data, option, rule->chain->table->family, out);
}

static enum truth address_truth(const struct guided_value *value, address actual)
{
	return truth_of(((value->address ^ actual) & value->mask) == 0);
}

/* What the tuple has in the place of ports: numbers of TCP and its kind, ICMP's id as the source and its type
 * and code as the destination (of the packet that began), GRE's keys, 0 of all others. */
static enum truth port_truth(const struct guided_value *value, const struct connection_tuple *tuple,
			     bool source)
{
	uint16_t port = source ? tuple->source_port : tuple->destination_port;

	if (tuple->protocol == IPPROTO_GRE ||
	    (!source && (tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6)))
		return TRUTH_UNKNOWN;
	return truth_of(port >= value->number && port <= value->second);
}

/* One option but --ctstate, without its "!". */
static enum truth option_truth(const struct guided_value *value, unsigned option,
			       const struct connection *connection)
{
	switch (option) {
	case CT_PROTOCOL:
		return truth_of(connection->original.protocol == value->number);
	case CT_ORIGINAL_SOURCE:
		return address_truth(value, connection->original.source);
	case CT_ORIGINAL_DESTINATION:
		return address_truth(value, connection->original.destination);
	case CT_REPLY_SOURCE:
		return address_truth(value, connection->reply.source);
	case CT_REPLY_DESTINATION:
		return address_truth(value, connection->reply.destination);
	case CT_ORIGINAL_SOURCE_PORT:
		return port_truth(value, &connection->original, true);
	case CT_ORIGINAL_DESTINATION_PORT:
		return port_truth(value, &connection->original, false);
	case CT_REPLY_SOURCE_PORT:
		return port_truth(value, &connection->reply, true);
	case CT_REPLY_DESTINATION_PORT:
		return port_truth(value, &connection->reply, false);
	case CT_STATUS: /* NONE is no bit: of nothing true */
		return truth_of(connection->status & value->number);
	case CT_DIRECTION:
		return truth_of(connection->is_reply == (value->number != 0));
	default: /* CT_EXPIRE: a timer of the host's */
		return TRUTH_UNKNOWN;
	}
}

static enum truth listed_truth(const struct conntrack_match *conntrack, enum connection_state state,
			       const struct connection *connection)
{
	unsigned states = (unsigned)conntrack->guided.values[CT_STATE].number;
	enum truth truth = truth_of(states & 1u << state);

	if (truth == TRUTH_NO && !(STATES_WITHOUT & 1u << state) && states & (STATE_SNAT | STATE_DNAT))
		truth = !connection ? TRUTH_UNKNOWN
				    : truth_of((states & STATE_SNAT && connection->status & IPS_SRC_NAT) ||
					       (states & STATE_DNAT && connection->status & IPS_DST_NAT));
	return guided_inverted(&conntrack->guided, CT_STATE) ? truth_not(truth) : truth;
}

static bool is_for_reply(const struct guided *guided)
{
	return guided_seen(guided, CT_DIRECTION) && guided->values[CT_DIRECTION].number;
}

static enum truth state_truth(const struct conntrack_match *conntrack, enum connection_state state,
			      const struct connection *connection)
{
	const struct guided *guided = &conntrack->guided;
	bool without = STATES_WITHOUT & 1u << state, listed = guided_seen(guided, CT_STATE);
	enum truth truth = listed ? listed_truth(conntrack, state, connection) : TRUTH_YES;

	if (without)
		return listed ? truth : TRUTH_NO;
	for (unsigned option = CT_STATE + 1; option < CT_COUNT; option++) {
		if (!guided_seen(guided, option))
			continue;
		enum truth one =
		    connection ? option_truth(&guided->values[option], option, connection) : TRUTH_UNKNOWN;
		/* A first packet goes the way of the original, whatever the connection. */
		if (!connection && state == STATE_NEW && is_for_reply(guided))
			return TRUTH_NO;
		truth = truth_and(truth, guided_inverted(guided, option) ? truth_not(one) : one);
	}
	return truth;
}

static enum truth conntrack_evaluate(const struct match *match, const struct rule *rule,
				     const struct packet *packet, struct evaluation *evaluation)
{
	const struct conntrack_match *conntrack = match->data;
	unsigned possible = state_possible(evaluation), truths = 0;
	(void)rule;
	(void)packet;

	for (unsigned state = 0; state < STATE_COUNT; state++) {
		if (possible & 1u << state)
			truths |= 1u << state_truth(conntrack, state, evaluation->connection);
	}
	return truths == 1u << TRUTH_YES ? TRUTH_YES : truths == 1u << TRUTH_NO ? TRUTH_NO : TRUTH_UNKNOWN;
}

static const struct text snat = {"-m conntrack --ctstate SNAT", 27},
			 dnat = {"-m conntrack --ctstate DNAT", 27};

static enum opaque_sharing text_sharing(const struct conntrack_match *conntrack)
{
	return guided_seen(&conntrack->guided, CT_EXPIRE) ? OPAQUE_RULE : OPAQUE_TABLE;
}

static int conntrack_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	const struct conntrack_match *conntrack = match->data;
	unsigned states = (unsigned)conntrack->guided.values[CT_STATE].number;
	int error = 0;

	if (states & STATE_SNAT)
		error = option_declare_opaque(match, rule, fields, snat, OPAQUE_TABLE);
	if (!error && states & STATE_DNAT)
		error = option_declare_opaque(match, rule, fields, dnat, OPAQUE_TABLE);
	if (!error && conntrack->text.size)
		error = option_declare_opaque(match, rule, fields, conntrack->text, text_sharing(conntrack));
	return error;
}

static diagram_node conntrack_mean(const struct match *match, const struct rule *rule,
				   const struct fields *fields)
{
	const struct conntrack_match *conntrack = match->data;
	struct diagram *diagram = fields->diagram;
	bool has_state = guided_seen(&conntrack->guided, CT_STATE);
	bool inverted = guided_inverted(&conntrack->guided, CT_STATE);
	unsigned states = (unsigned)conntrack->guided.values[CT_STATE].number;
	unsigned listed = inverted ? ~states : states;
	diagram_node without = has_state ? state_list_mean(fields, listed & STATES_WITHOUT) : DIAGRAM_FALSE;
	unsigned possible = STATES_TRACKED & ~(is_for_reply(&conntrack->guided) ? 1u << STATE_NEW : 0);
	diagram_node tracked = state_list_mean(fields, possible), in = DIAGRAM_TRUE;

	if (has_state) {
		in = state_list_mean(fields, states & STATES_TRACKED);
		if (states & STATE_SNAT)
			in = diagram_or(diagram, in,
					option_mean_opaque(match, rule, fields, snat, OPAQUE_TABLE));
		if (states & STATE_DNAT)
			in = diagram_or(diagram, in,
					option_mean_opaque(match, rule, fields, dnat, OPAQUE_TABLE));
		if (inverted)
			in = diagram_not(diagram, in);
	}
	if (conntrack->text.size)
		in = diagram_and(
		    diagram, in,
		    option_mean_opaque(match, rule, fields, conntrack->text, text_sharing(conntrack)));
	return diagram_or(diagram, without, diagram_and(diagram, tracked, in));
}

const struct match_type match_conntrack = {
    .name = "conntrack",
    .modelled = true,
    .reads_state = true,
    .parse = conntrack_parse,
    .finish = conntrack_finish,
    .print = conntrack_print,
    .evaluate = conntrack_evaluate,
    .declare = conntrack_declare,
    .mean = conntrack_mean,
};
