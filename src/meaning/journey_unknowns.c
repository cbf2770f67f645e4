/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One unknown stands for one answer. A match on a mark asked in two tables, or a limit, may answer otherwise
 * the second time; and what one side asks of a packet that it has changed before is another question than the
 * other side's. Each such question gets a variable of its own, from the spare ones of the behaviour: a
 * superset of what can happen, so what is the same for all of it is the same. What differs only because two
 * of these may be told apart, which ask one thing, is not known to differ. */
#include "meaning/journey_private.h"

#include "meaning/phrase.h"

#include <stdlib.h>
#include <string.h>

#define RELATED_MAX 512 /* unknowns that are looked at in one difference */

static const struct predicate *predicate_of(const struct behaviour *behaviour, uint32_t variable)
{
	for (size_t i = 0; i < behaviour->fields->predicate_count; i++)
		if (behaviour->fields->predicates[i]->kind == PREDICATE_OPAQUE &&
		    behaviour->fields->predicates[i]->variable == variable)
			return behaviour->fields->predicates[i];
	return NULL;
}

/* NULL: there are no more. */
static struct spare *take_spare(struct behaviour *behaviour, uint32_t variable, size_t slot)
{
	for (size_t i = 0; i < behaviour->spare_count; i++) {
		struct spare *spare = &behaviour->spares[i];
		if (spare->taken && (spare->of != variable || spare->slot != slot))
			continue;
		spare->taken = true;
		spare->of = variable;
		spare->slot = slot;
		return spare;
	}
	return NULL;
}

static diagram_node variable_node(struct diagram *diagram, uint32_t variable)
{
	return diagram_make(diagram, variable, DIAGRAM_FALSE, DIAGRAM_TRUE);
}

diagram_node walk_perhaps(struct walk *walk, size_t slot, const char *name)
{
	struct spare *spare = take_spare(walk->behaviour, UINT32_MAX, slot);
	if (!spare)
		return DIAGRAM_UNDECIDED;
	spare->predicate->name = name;
	return variable_node(walk->behaviour->fields->diagram, spare->predicate->variable);
}

/* f with that variable in place of the other. */
static diagram_node rename_variable(struct behaviour *behaviour, diagram_node f, uint32_t from, uint32_t to)
{
	struct diagram *diagram = behaviour->fields->diagram;
	uint32_t variables = diagram_variables(diagram);
	int8_t *values = malloc(variables + 1);
	if (!values)
		return DIAGRAM_UNDECIDED;
	memset(values, -1, variables + 1);
	values[from] = 1;
	diagram_node high = diagram_restrict(diagram, f, values);
	values[from] = 0;
	diagram_node low = diagram_restrict(diagram, f, values);
	free(values);
	return diagram_if(diagram, variable_node(diagram, to), high, low);
}

static uint32_t stand_in(struct behaviour *behaviour, uint32_t variable, size_t slot)
{
	const struct predicate *original = predicate_of(behaviour, variable);
	struct spare *spare = original ? take_spare(behaviour, variable, slot) : NULL;
	if (!spare)
		return UINT32_MAX;
	uint32_t own = spare->predicate->variable;
	spare->predicate->name = original->name;
	behaviour->place_of[own] = behaviour->place_of[variable];
	behaviour->unsteady[own] = true;
	return own;
}

static diagram_node replace_variables(struct walk *walk, size_t slot, diagram_node f, const bool *which)
{
	struct behaviour *behaviour = walk->behaviour;
	uint32_t variables = diagram_variables(behaviour->fields->diagram);
	for (uint32_t i = 0; i < variables && f != DIAGRAM_UNDECIDED; i++) {
		uint32_t other = which[i] ? stand_in(behaviour, i, slot) : i;
		if (other == UINT32_MAX)
			return DIAGRAM_UNDECIDED;
		if (other != i)
			f = rename_variable(behaviour, f, i, other);
	}
	return f;
}

static bool part_support(const struct walk *walk, const struct part *part, bool *support)
{
	bool done = true;
	for (size_t side = 0; side < SIDES_MAX && done; side++)
		done = behaviour_support(walk->behaviour, part->lock[side], support) &&
		       behaviour_support(walk->behaviour, part->solo[side], support) &&
		       behaviour_support(walk->behaviour, part->apart[side], support) &&
		       behaviour_support(walk->behaviour, part->detour[side], support);
	return done;
}

static void part_undecided(struct part *part)
{
	for (size_t side = 0; side < SIDES_MAX; side++)
		part->lock[side] = part->solo[side] = part->apart[side] = part->detour[side] =
		    DIAGRAM_UNDECIDED;
}

void walk_separate(struct walk *walk, size_t slot, const struct part *f, struct part *g)
{
	uint32_t variables = diagram_variables(walk->behaviour->fields->diagram);
	bool *before = calloc(variables + 1, sizeof(*before)), *here = calloc(variables + 1, sizeof(*here));
	bool any = false;
	if (!before || !here || !part_support(walk, f, before) || !part_support(walk, g, here)) {
		part_undecided(g);
	} else {
		for (uint32_t i = 0; i < variables; i++)
			any |= here[i] = here[i] && before[i] && walk->behaviour->unsteady[i];
		for (size_t side = 0; side < SIDES_MAX && any; side++) {
			diagram_node solo = g->solo[side];
			g->lock[side] = replace_variables(walk, slot, g->lock[side], here);
			g->solo[side] = replace_variables(walk, slot, solo, here);
			g->apart[side] = g->apart[side] == solo
					     ? g->solo[side]
					     : replace_variables(walk, slot, g->apart[side], here);
			g->detour[side] = g->detour[side] == solo
					      ? g->solo[side]
					      : replace_variables(walk, slot, g->detour[side], here);
		}
	}
	free(before);
	free(here);
}

diagram_node walk_own(struct walk *walk, size_t slot, diagram_node g)
{
	uint32_t variables = diagram_variables(walk->behaviour->fields->diagram);
	bool *support = calloc(variables + 1, sizeof(*support));
	diagram_node result = DIAGRAM_UNDECIDED;
	if (support && behaviour_support(walk->behaviour, g, support)) {
		for (uint32_t i = 0; i < variables; i++)
			support[i] &= walk->behaviour->unsteady[i];
		result = replace_variables(walk, slot, g, support);
	}
	free(support);
	return result;
}

/* The place left out. */
static bool names_alike(const char *a, const char *b)
{
	int size = phrase_name_size(a);
	return size == phrase_name_size(b) && memcmp(a, b, (size_t)size) == 0;
}

/* Keeps of the variables those of which another one asks the same. false: there are too many. */
static bool keep_related(const struct behaviour *behaviour, bool *support, bool *any)
{
	const struct fields *fields = behaviour->fields;
	const struct predicate *found[RELATED_MAX];
	size_t count = 0;
	for (size_t i = 0; i < fields->predicate_count; i++) {
		const struct predicate *predicate = fields->predicates[i];
		if (predicate->kind != PREDICATE_OPAQUE || !support[predicate->variable])
			continue;
		if (count == RELATED_MAX)
			return false;
		found[count++] = predicate;
	}
	memset(support, 0, diagram_variables(fields->diagram));
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			if (i != j && names_alike(found[i]->name, found[j]->name))
				*any = support[found[i]->variable] = true;
	return true;
}

diagram_node walk_unrelated(struct walk *walk, diagram_node f)
{
	struct diagram *diagram = walk->behaviour->fields->diagram;
	bool *support = calloc(diagram_variables(diagram) + 1, sizeof(*support)), any = false;
	diagram_node result = DIAGRAM_UNDECIDED;
	if (support && behaviour_support(walk->behaviour, f, support) &&
	    keep_related(walk->behaviour, support, &any))
		result = any ? diagram_forall(diagram, f, support) : f;
	free(support);
	return result;
}
