/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meaning/head.h"

static bool is_open(const struct interface_match *match)
{
	return match->name[0] == '\0' && !match->wildcard && !match->inverted;
}

int head_declare(struct fields *fields, const struct rule *rule)
{
	int result = 0;
	if (!is_open(&rule->in))
		result = fields_need_interface(fields, &rule->in);
	if (!result && !is_open(&rule->out))
		result = fields_need_interface(fields, &rule->out);
	if (!result)
		result = fields_need_masked(fields, FIELD_SOURCE, rule->source.value, rule->source.mask);
	if (!result)
		result = fields_need_masked(fields, FIELD_DESTINATION, rule->destination.value,
					    rule->destination.mask);
	return result;
}

diagram_node head_input(const struct fields *fields, const struct rule *rule)
{
	return is_open(&rule->in) ? DIAGRAM_TRUE : fields_interface(fields, FIELD_IN, &rule->in);
}

diagram_node head_output(const struct fields *fields, const struct rule *rule)
{
	return is_open(&rule->out) ? DIAGRAM_TRUE : fields_interface(fields, FIELD_OUT, &rule->out);
}

diagram_node head_fragment(const struct fields *fields, const struct rule *rule)
{
	if (rule->fragment == FRAGMENT_ANY)
		return DIAGRAM_TRUE;
	diagram_node late = fields_value(fields, FIELD_FRAGMENT, FRAGMENT_LATE);
	return rule->fragment == FRAGMENT_LATER ? late : diagram_not(fields->diagram, late);
}

diagram_node head_protocol(const struct fields *fields, const struct rule *rule)
{
	if (rule->protocol == 0)
		return DIAGRAM_TRUE;
	diagram_node protocol = fields_value(fields, FIELD_PROTOCOL, rule->protocol);
	return rule->protocol_inverted ? diagram_not(fields->diagram, protocol) : protocol;
}

diagram_node head_address(const struct fields *fields, enum field field, const struct address_match *match)
{
	if (match->mask == 0) /* ! -s 0.0.0.0/0 matches nothing */
		return match->inverted ? DIAGRAM_FALSE : DIAGRAM_TRUE;
	diagram_node inside = fields_masked(fields, field, match->value, match->mask);
	return match->inverted ? diagram_not(fields->diagram, inside) : inside;
}

diagram_node head_mean(const struct fields *fields, const struct rule *rule)
{
	struct diagram *diagram = fields->diagram;
	diagram_node all = head_address(fields, FIELD_SOURCE, &rule->source);
	all = diagram_and(diagram, all, head_address(fields, FIELD_DESTINATION, &rule->destination));
	all = diagram_and(diagram, all, head_protocol(fields, rule));
	all = diagram_and(diagram, all, head_fragment(fields, rule));
	all = diagram_and(diagram, all, head_input(fields, rule));
	return diagram_and(diagram, all, head_output(fields, rule));
}
