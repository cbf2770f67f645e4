/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m state: the packet's connection state is one of a list: net/netfilter/xt_state.c. A packet without
 * connection is INVALID, or UNTRACKED behind NOTRACK. */
#include "extension/state.h"
#include "extension/types.h"

#include <errno.h>

struct state_match {
	unsigned seen;
	unsigned states;
	bool inverted;
};

static int state_parse(struct rule_parser *parser, struct match *match)
{
	struct state_match *state = option_data(parser, &match->data, sizeof(*state));
	if (!state)
		return -ENOMEM;
	if (!parser_option_is(parser, "--state"))
		return 0;
	bool inverted = parser->inverted;
	int error = option_once(parser, &state->seen, 1, 0);
	const struct word *word = error ? NULL : parser_argument(parser);
	if (!error)
		error = word ? state_list_parse(parser, word, false, &state->states) : -EINVAL;
	state->inverted = inverted || parser->inverted;
	return error ? error : 1;
}

static int state_finish(struct rule_parser *parser, struct match *match)
{
	const struct state_match *state = option_data(parser, &match->data, sizeof(*state));
	if (!state)
		return -ENOMEM;
	if (state->seen)
		return 0;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m state has no --state"),
			"write --state NEW, or leave -m state out");
	return -EINVAL;
}

static void state_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct state_match *state = match->data;
	(void)rule;

	buffer_printf(out, "-m state%s --state ", state->inverted ? " !" : "");
	state_list_print(state->states, out);
}

static enum truth state_evaluate(const struct match *match, const struct rule *rule,
				 const struct packet *packet, struct evaluation *evaluation)
{
	const struct state_match *state = match->data;
	unsigned possible = state_possible(evaluation);
	enum truth truth = TRUTH_UNKNOWN;
	(void)rule;
	(void)packet;

	if (!(possible & state->states))
		truth = TRUTH_NO;
	else if (!(possible & ~state->states))
		truth = TRUTH_YES;
	return state->inverted ? truth_not(truth) : truth;
}

static diagram_node state_mean(const struct match *match, const struct rule *rule,
			       const struct fields *fields)
{
	const struct state_match *state = match->data;
	unsigned all = STATES_TRACKED | STATES_WITHOUT;
	(void)rule;

	return state_list_mean(fields, state->inverted ? all & ~state->states : state->states);
}

const struct match_type match_state = {
    .name = "state",
    .modelled = true,
    .reads_state = true,
    .parse = state_parse,
    .finish = state_finish,
    .print = state_print,
    .evaluate = state_evaluate,
    .mean = state_mean,
};
