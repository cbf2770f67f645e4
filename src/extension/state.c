/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lists of connection states. */
#include "extension/state.h"

#include <errno.h>

/* In the order in which iptables compares abbreviations. */
static const struct {
	const char *name;
	unsigned bit;
} by_reading[] = {{"INVALID", 1u << STATE_INVALID},
		  {"NEW", 1u << STATE_NEW},
		  {"ESTABLISHED", 1u << STATE_ESTABLISHED},
		  {"RELATED", 1u << STATE_RELATED},
		  {"UNTRACKED", 1u << STATE_UNTRACKED},
		  {"SNAT", STATE_SNAT},
		  {"DNAT", STATE_DNAT}},
  by_printing[] = {{"INVALID", 1u << STATE_INVALID},
		   {"NEW", 1u << STATE_NEW},
		   {"RELATED", 1u << STATE_RELATED},
		   {"ESTABLISHED", 1u << STATE_ESTABLISHED},
		   {"UNTRACKED", 1u << STATE_UNTRACKED},
		   {"SNAT", STATE_SNAT},
		   {"DNAT", STATE_DNAT}};

int state_list_parse(struct rule_parser *parser, const struct word *word, bool nat, unsigned *states)
{
	struct comma_list list = {.rest = word->text};
	struct text part;
	*states = 0;
	while (comma_next(&list, &part)) {
		size_t i = 0, count = nat ? 7 : 5;
		while (i < count && !text_abbreviates(part, by_reading[i].name))
			i++;
		if (i == count) {
			struct diagnostic *diagnostic =
			    parser_error(parser, word, "bad-state", "\"%.*s\" is not a connection state",
					 (int)part.size, part.data);
			diagnostic_hint(diagnostic,
					"NEW, ESTABLISHED, RELATED, INVALID%s, without blanks around commas",
					nat ? ", UNTRACKED, SNAT or DNAT" : " or UNTRACKED");
			return -EINVAL;
		}
		*states |= by_reading[i].bit;
	}
	return 0;
}

void state_list_print(unsigned states, struct buffer *out)
{
	bool first = true;

	for (size_t i = 0; i < sizeof(by_printing) / sizeof(*by_printing); i++) {
		if (!(states & by_printing[i].bit))
			continue;
		buffer_printf(out, "%s%s", first ? "" : ",", by_printing[i].name);
		first = false;
	}
}

unsigned state_possible(const struct evaluation *evaluation)
{
	if (evaluation->state_known)
		return 1u << evaluation->state;
	if (evaluation->has_state == TRUTH_NO)
		return STATES_WITHOUT;
	return STATES_TRACKED | STATES_WITHOUT;
}

diagram_node state_list_mean(const struct fields *fields, unsigned states)
{
	diagram_node mean = DIAGRAM_FALSE;

	for (unsigned state = 0; state < STATE_COUNT; state++) {
		if (states & 1u << state)
			mean = diagram_or(fields->diagram, mean, fields_value(fields, FIELD_STATE, state));
	}
	return mean;
}
