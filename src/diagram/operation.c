/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Boolean operations, if-then-else, and operations on terminal values, by Shannon expansion: recursion over
 * the variables, with results cached. The recursive functions are given nodes that are decided; only what
 * they make can be undecided, and that goes straight up. */
#include "diagram/node.h"

static diagram_node truth(struct diagram *diagram, diagram_node f)
{
	if (!is_many_valued(diagram, f))
		return f;
	if (is_terminal(f))
		return DIAGRAM_TRUE;
	diagram_node result = cache_find_pair(diagram, PAIR_TRUTH, f, f);
	if (result != DIAGRAM_UNDECIDED)
		return result;
	diagram_node low = truth(diagram, diagram->nodes[f].low);
	if (low == DIAGRAM_UNDECIDED)
		return low;
	diagram_node high = truth(diagram, diagram->nodes[f].high);
	result = diagram_make(diagram, diagram->nodes[f].variable, low, high);
	cache_keep_pair(diagram, PAIR_TRUTH, f, f, result);
	return result;
}

diagram_node diagram_truth(struct diagram *diagram, diagram_node f)
{
	return is_known(diagram, f) ? truth(diagram, f) : DIAGRAM_UNDECIDED;
}

static diagram_node not(struct diagram * diagram, diagram_node f)
{
	if (is_terminal(f))
		return f == DIAGRAM_FALSE ? DIAGRAM_TRUE : DIAGRAM_FALSE;
	diagram_node result = cache_find_pair(diagram, PAIR_NOT, f, f);
	if (result != DIAGRAM_UNDECIDED)
		return result;
	diagram_node low = not(diagram, diagram->nodes[f].low);
	if (low == DIAGRAM_UNDECIDED)
		return low;
	diagram_node high = not(diagram, diagram->nodes[f].high);
	result = diagram_make(diagram, diagram->nodes[f].variable, low, high);
	cache_keep_pair(diagram, PAIR_NOT, f, f, result);
	if (result != DIAGRAM_UNDECIDED)
		cache_keep_pair(diagram, PAIR_NOT, result, result, f);
	return result;
}

/* What needs no expansion; DIAGRAM_UNDECIDED when it does. `*negate`: the result is the complement of g. */
static diagram_node boolean_shortcut(enum pair_operation operation, diagram_node f, diagram_node g,
				     bool *negate)
{
	*negate = false;
	if (f == g)
		return operation == PAIR_MINUS ? DIAGRAM_FALSE : f;
	switch (operation) {
	case PAIR_AND:
		if (f == DIAGRAM_FALSE || g == DIAGRAM_FALSE)
			return DIAGRAM_FALSE;
		return f == DIAGRAM_TRUE ? g : g == DIAGRAM_TRUE ? f : DIAGRAM_UNDECIDED;
	case PAIR_OR:
		if (f == DIAGRAM_TRUE || g == DIAGRAM_TRUE)
			return DIAGRAM_TRUE;
		return f == DIAGRAM_FALSE ? g : g == DIAGRAM_FALSE ? f : DIAGRAM_UNDECIDED;
	default: /* PAIR_MINUS */
		if (f == DIAGRAM_FALSE || g == DIAGRAM_TRUE)
			return DIAGRAM_FALSE;
		*negate = f == DIAGRAM_TRUE;
		return g == DIAGRAM_FALSE ? f : DIAGRAM_UNDECIDED;
	}
}

static diagram_node boolean(struct diagram *diagram, enum pair_operation operation, diagram_node f,
			    diagram_node g)
{
	bool negate;
	diagram_node result = boolean_shortcut(operation, f, g, &negate);
	if (result != DIAGRAM_UNDECIDED)
		return result;
	if (negate)
		return not(diagram, g);
	if (operation != PAIR_MINUS && f > g) { /* commutative: one entry for both orders */
		diagram_node swap = f;
		f = g;
		g = swap;
	}
	result = cache_find_pair(diagram, operation, f, g);
	if (result != DIAGRAM_UNDECIDED)
		return result;
	uint32_t variable = variable_of(diagram, f), other = variable_of(diagram, g);
	if (other < variable)
		variable = other;
	diagram_node f_low, f_high, g_low, g_high;
	branches(diagram, f, variable, &f_low, &f_high);
	branches(diagram, g, variable, &g_low, &g_high);
	diagram_node low = boolean(diagram, operation, f_low, g_low);
	if (low == DIAGRAM_UNDECIDED)
		return low;
	diagram_node high = boolean(diagram, operation, f_high, g_high);
	result = diagram_make(diagram, variable, low, high);
	cache_keep_pair(diagram, operation, f, g, result);
	return result;
}

static diagram_node boolean_checked(struct diagram *diagram, enum pair_operation operation, diagram_node f,
				    diagram_node g)
{
	f = diagram_truth(diagram, f);
	g = diagram_truth(diagram, g);
	if (f == DIAGRAM_UNDECIDED || g == DIAGRAM_UNDECIDED)
		return DIAGRAM_UNDECIDED;
	return boolean(diagram, operation, f, g);
}

diagram_node diagram_not(struct diagram *diagram, diagram_node f)
{
	f = diagram_truth(diagram, f);
	return f == DIAGRAM_UNDECIDED ? f : not(diagram, f);
}

diagram_node diagram_and(struct diagram *diagram, diagram_node f, diagram_node g)
{
	return boolean_checked(diagram, PAIR_AND, f, g);
}

diagram_node diagram_or(struct diagram *diagram, diagram_node f, diagram_node g)
{
	return boolean_checked(diagram, PAIR_OR, f, g);
}

diagram_node diagram_minus(struct diagram *diagram, diagram_node f, diagram_node g)
{
	return boolean_checked(diagram, PAIR_MINUS, f, g);
}

static diagram_node choose(struct diagram *diagram, diagram_node condition, diagram_node g, diagram_node h)
{
	if (is_terminal(condition))
		return condition == DIAGRAM_FALSE ? h : g;
	if (g == h)
		return g;
	if (h == DIAGRAM_FALSE && !is_many_valued(diagram, g))
		return boolean(diagram, PAIR_AND, condition, g);
	if (g == DIAGRAM_TRUE && !is_many_valued(diagram, h))
		return boolean(diagram, PAIR_OR, condition, h);
	if (g == DIAGRAM_FALSE && !is_many_valued(diagram, h))
		return boolean(diagram, PAIR_MINUS, h, condition);
	diagram_node result = cache_find_choice(diagram, condition, g, h);
	if (result != DIAGRAM_UNDECIDED)
		return result;
	uint32_t variable = variable_of(diagram, condition);
	if (variable_of(diagram, g) < variable)
		variable = variable_of(diagram, g);
	if (variable_of(diagram, h) < variable)
		variable = variable_of(diagram, h);
	diagram_node c_low, c_high, g_low, g_high, h_low, h_high;
	branches(diagram, condition, variable, &c_low, &c_high);
	branches(diagram, g, variable, &g_low, &g_high);
	branches(diagram, h, variable, &h_low, &h_high);
	diagram_node low = choose(diagram, c_low, g_low, h_low);
	if (low == DIAGRAM_UNDECIDED)
		return low;
	diagram_node high = choose(diagram, c_high, g_high, h_high);
	result = diagram_make(diagram, variable, low, high);
	cache_keep_choice(diagram, condition, g, h, result);
	return result;
}

diagram_node diagram_if(struct diagram *diagram, diagram_node condition, diagram_node g, diagram_node h)
{
	condition = diagram_truth(diagram, condition);
	if (condition == DIAGRAM_UNDECIDED || !is_known(diagram, g) || !is_known(diagram, h))
		return DIAGRAM_UNDECIDED;
	return choose(diagram, condition, g, h);
}

static diagram_node apply(struct diagram *diagram, const struct application *application, diagram_node f,
			  diagram_node g)
{
	if (is_terminal(f) && is_terminal(g)) {
		diagram_node value =
		    application->operation(application->context, diagram_value(f), diagram_value(g));
		return diagram_is_terminal(value) && is_known(diagram, value) ? value : DIAGRAM_UNDECIDED;
	}
	diagram_node result = cache_find_pair(diagram, application->id, f, g);
	if (result != DIAGRAM_UNDECIDED)
		return result;
	uint32_t variable = variable_of(diagram, f), other = variable_of(diagram, g);
	if (other < variable)
		variable = other;
	diagram_node f_low, f_high, g_low, g_high;
	branches(diagram, f, variable, &f_low, &f_high);
	branches(diagram, g, variable, &g_low, &g_high);
	diagram_node low = apply(diagram, application, f_low, g_low);
	if (low == DIAGRAM_UNDECIDED)
		return low;
	diagram_node high = apply(diagram, application, f_high, g_high);
	result = diagram_make(diagram, variable, low, high);
	cache_keep_pair(diagram, application->id, f, g, result);
	return result;
}

/* A number for (operation, context) that no other pair has had since the cache was made. */
static struct application application_of(struct diagram *diagram, diagram_operation operation, void *context)
{
	for (unsigned i = 0; i < APPLICATIONS; i++) {
		const struct application *known = &diagram->applications[i];
		if (known->operation == operation && known->context == context)
			return *known;
	}
	if (diagram->next_id == UINT32_MAX) { /* numbers begin again: forget what they meant */
		diagram_forget(diagram);
		for (size_t i = 0; diagram->pairs && i < (size_t)1 << diagram->pair_bits; i++)
			diagram->pairs[i].operation = PAIR_NONE;
		diagram->next_id = PAIR_APPLY;
	}
	struct application fresh = {operation, context, diagram->next_id++};
	diagram->applications[diagram->next_application++ % APPLICATIONS] = fresh;
	return fresh;
}

diagram_node diagram_apply(struct diagram *diagram, diagram_operation operation, void *context,
			   diagram_node f, diagram_node g)
{
	if (!is_known(diagram, f) || !is_known(diagram, g))
		return DIAGRAM_UNDECIDED;
	struct application application = application_of(diagram, operation, context);
	return apply(diagram, &application, f, g);
}

void diagram_forget(struct diagram *diagram)
{
	/* Cached results stay under numbers that will not be given again. */
	for (unsigned i = 0; i < APPLICATIONS; i++)
		diagram->applications[i] = (struct application){0};
}
