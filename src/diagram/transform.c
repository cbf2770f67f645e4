/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Operations that take more than nodes (callbacks, sets of variables) and so cannot be cached from call to
 * call: each call has a memo of its own. */
#include "diagram/node.h"

struct transformation {
	struct diagram *diagram;
	struct memo memo;
	diagram_replacement replace;
	void *context;
	const bool *quantified;
	enum pair_operation join; /* of a quantified variable's branches */
	const int8_t *values;
};

/* The node for "variable ? high : low", where low and high may test variables before it. */
static diagram_node compose(struct diagram *diagram, uint32_t variable, diagram_node low, diagram_node high)
{
	if (low == DIAGRAM_UNDECIDED || high == DIAGRAM_UNDECIDED)
		return DIAGRAM_UNDECIDED;
	if (variable_of(diagram, low) > variable && variable_of(diagram, high) > variable)
		return diagram_make(diagram, variable, low, high);
	return diagram_if(diagram, diagram_make(diagram, variable, DIAGRAM_FALSE, DIAGRAM_TRUE), high, low);
}

static diagram_node keep(struct transformation *transformation, diagram_node f, diagram_node result)
{
	if (result != DIAGRAM_UNDECIDED && memo_keep(&transformation->memo, f, result) != 0)
		return DIAGRAM_UNDECIDED;
	return result;
}

static diagram_node replace_below(struct transformation *transformation, diagram_node f)
{
	struct diagram *diagram = transformation->diagram;
	uint32_t result;
	if (memo_find(&transformation->memo, f, &result))
		return result;
	if (is_terminal(f)) {
		result = transformation->replace(transformation->context, diagram_value(f));
		if (!is_known(diagram, result))
			result = DIAGRAM_UNDECIDED;
	} else {
		diagram_node low = replace_below(transformation, diagram->nodes[f].low);
		if (low == DIAGRAM_UNDECIDED)
			return low;
		diagram_node high = replace_below(transformation, diagram->nodes[f].high);
		result = compose(diagram, diagram->nodes[f].variable, low, high);
	}
	return keep(transformation, f, result);
}

diagram_node diagram_replace(struct diagram *diagram, diagram_replacement replace, void *context,
			     diagram_node f)
{
	if (!is_known(diagram, f))
		return DIAGRAM_UNDECIDED;
	struct transformation transformation = {.diagram = diagram, .replace = replace, .context = context};
	diagram_node result = replace_below(&transformation, f);
	memo_fini(&transformation.memo);
	return result;
}

static diagram_node quantify_below(struct transformation *transformation, diagram_node f)
{
	struct diagram *diagram = transformation->diagram;
	uint32_t result;
	if (is_terminal(f))
		return f;
	if (memo_find(&transformation->memo, f, &result))
		return result;
	bool quantified = transformation->quantified[diagram->nodes[f].variable];
	diagram_node decisive = transformation->join == PAIR_AND ? DIAGRAM_FALSE : DIAGRAM_TRUE;
	diagram_node low = quantify_below(transformation, diagram->nodes[f].low);
	if (low == DIAGRAM_UNDECIDED)
		return low;
	if (quantified && low == decisive)
		return keep(transformation, f, low);
	diagram_node high = quantify_below(transformation, diagram->nodes[f].high);
	if (!quantified)
		result = diagram_make(diagram, diagram->nodes[f].variable, low, high);
	else if (transformation->join == PAIR_AND)
		result = diagram_and(diagram, low, high);
	else
		result = diagram_or(diagram, low, high);
	return keep(transformation, f, result);
}

static diagram_node quantify(struct diagram *diagram, diagram_node f, const bool *quantified,
			     enum pair_operation join)
{
	f = diagram_truth(diagram, f);
	if (f == DIAGRAM_UNDECIDED)
		return f;
	struct transformation transformation = {.diagram = diagram, .quantified = quantified, .join = join};
	diagram_node result = quantify_below(&transformation, f);
	memo_fini(&transformation.memo);
	return result;
}

diagram_node diagram_forall(struct diagram *diagram, diagram_node f, const bool *quantified)
{
	return quantify(diagram, f, quantified, PAIR_AND);
}

diagram_node diagram_exists(struct diagram *diagram, diagram_node f, const bool *quantified)
{
	return quantify(diagram, f, quantified, PAIR_OR);
}

static diagram_node restrict_below(struct transformation *transformation, diagram_node f)
{
	struct diagram *diagram = transformation->diagram;
	uint32_t result;
	/* Fixed variables need no node: walk on without a call. */
	while (!is_terminal(f) && transformation->values[diagram->nodes[f].variable] >= 0)
		f = transformation->values[diagram->nodes[f].variable] ? diagram->nodes[f].high
								       : diagram->nodes[f].low;
	if (is_terminal(f))
		return f;
	if (memo_find(&transformation->memo, f, &result))
		return result;
	diagram_node low = restrict_below(transformation, diagram->nodes[f].low);
	if (low == DIAGRAM_UNDECIDED)
		return low;
	diagram_node high = restrict_below(transformation, diagram->nodes[f].high);
	result = diagram_make(diagram, diagram->nodes[f].variable, low, high);
	return keep(transformation, f, result);
}

diagram_node diagram_restrict(struct diagram *diagram, diagram_node f, const int8_t *values)
{
	if (!is_known(diagram, f))
		return DIAGRAM_UNDECIDED;
	struct transformation transformation = {.diagram = diagram, .values = values};
	diagram_node result = restrict_below(&transformation, f);
	memo_fini(&transformation.memo);
	return result;
}
