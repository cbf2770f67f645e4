/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m conntrack: conntrack_mt() in net/netfilter/xt_conntrack.c. --ctstate is modelled; whether the connection
 * is under NAT (the virtual states SNAT and DNAT) and all other options are unknown.
 *
 * A packet without connection (INVALID or UNTRACKED) is judged by --ctstate alone: the function returns
 * before it looks at any other option, and without --ctstate it does not match, negated or not. */
#include "extension/port.h"
#include "extension/state.h"
#include "extension/types.h"
#include "packet/address.h"
#include "ruleset/protocol.h"

#include <errno.h>
#include <string.h>

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

static const char *const options[CT_COUNT] = {
    "--ctstate",   "--ctproto",       "--ctorigsrc",     "--ctorigdst",     "--ctreplsrc",
    "--ctrepldst", "--ctorigsrcport", "--ctorigdstport", "--ctreplsrcport", "--ctrepldstport",
    "--ctstatus",  "--ctexpire",      "--ctdir",
};

struct conntrack_match {
	unsigned seen;     /* 1 << CT_... */
	unsigned inverted; /* 1 << CT_... */
	unsigned states;
	const char *values[CT_COUNT]; /* as iptables-save prints them; CT_STATE has none */
	struct text text;             /* all but --ctstate; empty without */
};

static int bad_value(struct rule_parser *parser, const struct word *word, const char *hint)
{
	diagnostic_hint(parser_error(parser, word, "bad-value", "\"%.*s\" is no value for %.*s",
				     (int)word->text.size, word->text.data, (int)parser->option->text.size,
				     parser->option->text.data),
			"%s", hint);
	return -EINVAL;
}

static int protocol_value(struct rule_parser *parser, const struct word *word, const char **value)
{
	uint8_t protocol;

	if (protocol_parse(word->text, &protocol))
		return bad_value(parser, word, "a protocol's name or number");
	*value = arena_printf(parser->ruleset->arena, "%u", protocol);
	return 0;
}

/* ADDRESS, ADDRESS/LENGTH or ADDRESS/MASK, kept as it is: iptables-save prints the address unmasked. */
static int address_value(struct rule_parser *parser, const struct word *word, const char **value)
{
	struct text text = word->text, mask = {0};
	const char *slash = text.size ? memchr(text.data, '/', text.size) : NULL;
	address ignored;
	uint64_t length;

	if (slash) {
		text.size = (size_t)(slash - text.data);
		mask = (struct text){slash + 1, word->text.size - text.size - 1};
	}
	if (address_parse(parser->family, text, &ignored) ||
	    (slash && option_number(mask, family_bits(parser->family), &length) &&
	     address_parse(parser->family, mask, &ignored)))
		return bad_value(parser, word,
				 parser->family == FAMILY_IPV4
				     ? "an IPv4 address, with /LENGTH or /MASK behind it or not"
				     : "an IPv6 address, with /LENGTH or /MASK behind it or not");
	*value = arena_copy(parser->ruleset->arena, word->text.data, word->text.size);
	return 0;
}

static int status_value(struct rule_parser *parser, const struct word *word, const char **value)
{
	static const char *const names[] = {"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "NONE"};
	struct comma_list list = {.rest = word->text};
	struct text part;
	unsigned set = 0;

	while (comma_next(&list, &part)) {
		unsigned i = 0;
		while (i < 5 && !text_abbreviates(part, names[i]))
			i++;
		if (i == 5)
			return bad_value(parser, word, "NONE, EXPECTED, SEEN_REPLY, ASSURED or CONFIRMED");
		set |= 1u << i;
	}
	struct buffer out = {0};
	for (unsigned i = 0; i < 4; i++) {
		if (set & 1u << i)
			buffer_printf(&out, "%s%s", out.size ? "," : "", names[i]);
	}
	if (!out.size)
		buffer_puts(&out, "NONE");
	if (!out.failed)
		*value = arena_copy(parser->ruleset->arena, out.data, out.size);
	buffer_fini(&out);
	return 0;
}

static int expire_value(struct rule_parser *parser, const struct word *word, const char **value)
{
	struct text low = word->text, high = {0};
	const char *colon = low.size ? memchr(low.data, ':', low.size) : NULL;
	uint64_t first = 0, last = UINT32_MAX;

	if (colon) {
		low.size = (size_t)(colon - low.data);
		high = (struct text){colon + 1, word->text.size - low.size - 1};
	}
	if (((low.size || !colon) && option_number(low, UINT32_MAX, &first)) ||
	    (high.size && option_number(high, UINT32_MAX, &last)))
		return bad_value(parser, word, "seconds, or FIRST:LAST");
	*value = colon ? arena_printf(parser->ruleset->arena, "%u:%u", (unsigned)first, (unsigned)last)
		       : arena_printf(parser->ruleset->arena, "%u", (unsigned)first);
	return 0;
}

static int port_value(struct rule_parser *parser, const char **value)
{
	struct port_match port;
	int error = port_parse(parser, PORT_GUIDED, &port);

	if (error)
		return error;
	*value = port.first != port.last
		     ? arena_printf(parser->ruleset->arena, "%u:%u", port.first, port.last)
		     : arena_printf(parser->ruleset->arena, "%u", port.first);
	return 0;
}

static int value_parse(struct rule_parser *parser, unsigned option, const char **value)
{
	if (option >= CT_ORIGINAL_SOURCE_PORT && option <= CT_REPLY_DESTINATION_PORT)
		return port_value(parser, value);
	if (option == CT_DIRECTION && parser_refuse_inversion(parser))
		return -EINVAL;
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	switch (option) {
	case CT_PROTOCOL:
		return protocol_value(parser, word, value);
	case CT_STATUS:
		return status_value(parser, word, value);
	case CT_EXPIRE:
		return expire_value(parser, word, value);
	case CT_DIRECTION:
		*value = text_same(word->text, "ORIGINAL") ? "ORIGINAL"
			 : text_same(word->text, "REPLY")  ? "REPLY"
							   : NULL;
		return *value ? parser_refuse_inversion(parser)
			      : bad_value(parser, word, "ORIGINAL or REPLY");
	default:
		return address_value(parser, word, value);
	}
}

static int conntrack_parse(struct rule_parser *parser, struct match *match)
{
	struct conntrack_match *conntrack = option_data(parser, &match->data, sizeof(*conntrack));
	unsigned option = 0;

	if (!conntrack)
		return -ENOMEM;
	while (option < CT_COUNT && !parser_option_is(parser, options[option]))
		option++;
	if (option == CT_COUNT)
		return 0;
	bool inverted = parser->inverted;
	int error = option_once(parser, &conntrack->seen, 1u << option, 0);
	if (error)
		return error;
	if (option == CT_STATE)
		error = state_list_parse(parser, true, &conntrack->states);
	else
		error = value_parse(parser, option, &conntrack->values[option]);
	if (error)
		return error;
	if (option != CT_STATE && !conntrack->values[option])
		return -ENOMEM;
	if (inverted || parser->inverted)
		conntrack->inverted |= 1u << option;
	return 1;
}

static void print_others(const struct conntrack_match *conntrack, struct buffer *out)
{
	for (unsigned option = CT_STATE + 1; option < CT_COUNT; option++) {
		if (conntrack->seen & 1u << option)
			buffer_printf(out, "%s %s %s", conntrack->inverted & 1u << option ? " !" : "",
				      options[option], conntrack->values[option]);
	}
}

static int conntrack_finish(struct rule_parser *parser, struct match *match)
{
	struct conntrack_match *conntrack = option_data(parser, &match->data, sizeof(*conntrack));
	if (!conntrack)
		return -ENOMEM;
	if (!conntrack->seen) {
		diagnostic_hint(
		    option_error(parser, match->span, "missing-option", "-m conntrack has no option"),
		    "write --ctstate NEW, or leave -m conntrack out");
		return -EINVAL;
	}
	if (conntrack->seen == 1u << CT_STATE)
		return 0;
	struct buffer text = {0};
	buffer_puts(&text, "-m conntrack");
	print_others(conntrack, &text);
	char *copy = text.failed ? NULL : arena_copy(parser->ruleset->arena, text.data, text.size);
	conntrack->text = (struct text){copy, text.size};
	buffer_fini(&text);
	return copy ? 0 : -ENOMEM;
}

static void conntrack_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct conntrack_match *conntrack = match->data;
	(void)rule;

	buffer_puts(out, "-m conntrack");
	if (conntrack->seen & 1u << CT_STATE) {
		buffer_printf(out, "%s --ctstate ", conntrack->inverted & 1u << CT_STATE ? " !" : "");
		state_list_print(conntrack->states, out);
	}
	print_others(conntrack, out);
}

static enum truth state_truth(const struct conntrack_match *conntrack, enum connection_state state)
{
	bool without = STATES_WITHOUT & 1u << state;
	enum truth truth = TRUTH_YES;

	if (conntrack->seen & 1u << CT_STATE) {
		truth = truth_of(conntrack->states & 1u << state);
		if (truth == TRUTH_NO && !without && conntrack->states & (STATE_SNAT | STATE_DNAT))
			truth = TRUTH_UNKNOWN;
		if (conntrack->inverted & 1u << CT_STATE)
			truth = truth_not(truth);
	} else if (without) {
		return TRUTH_NO;
	}
	return conntrack->text.size && !without ? truth_and(truth, TRUTH_UNKNOWN) : truth;
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
			truths |= 1u << state_truth(conntrack, state);
	}
	return truths == 1u << TRUTH_YES ? TRUTH_YES : truths == 1u << TRUTH_NO ? TRUTH_NO : TRUTH_UNKNOWN;
}

static const struct text snat = {"-m conntrack --ctstate SNAT", 27},
			 dnat = {"-m conntrack --ctstate DNAT", 27};

static enum opaque_sharing text_sharing(const struct conntrack_match *conntrack)
{
	return conntrack->seen & 1u << CT_EXPIRE ? OPAQUE_RULE : OPAQUE_TABLE;
}

static int conntrack_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	const struct conntrack_match *conntrack = match->data;
	int error = 0;

	if (conntrack->states & STATE_SNAT)
		error = option_declare_opaque(match, rule, fields, snat, OPAQUE_TABLE);
	if (!error && conntrack->states & STATE_DNAT)
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
	bool has_state = conntrack->seen & 1u << CT_STATE, inverted = conntrack->inverted & 1u << CT_STATE;
	unsigned listed = inverted ? ~conntrack->states : conntrack->states;
	diagram_node without = has_state ? state_list_mean(fields, listed & STATES_WITHOUT) : DIAGRAM_FALSE;
	diagram_node tracked = state_list_mean(fields, STATES_TRACKED), in = DIAGRAM_TRUE;

	if (has_state) {
		in = state_list_mean(fields, conntrack->states & STATES_TRACKED);
		if (conntrack->states & STATE_SNAT)
			in = diagram_or(diagram, in,
					option_mean_opaque(match, rule, fields, snat, OPAQUE_TABLE));
		if (conntrack->states & STATE_DNAT)
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
