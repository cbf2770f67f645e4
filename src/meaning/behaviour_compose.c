/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ends and rows of them put together. A chain is put together from its rules as a balanced tree: left to
 * right, each step would copy all that came before. */
#include "meaning/behaviour_private.h"

#include <stdlib.h>
#include <string.h>

diagram_node compose_end(uint32_t end)
{
	return end == TRACE_FAILED ? DIAGRAM_UNDECIDED : diagram_terminal(end);
}

diagram_node compose_plain_end(struct behaviour *behaviour, enum end_kind kind)
{
	return compose_end(traces_end(&behaviour->traces, kind, NULL, 0));
}

/* --- composition
 * ------------------------------------------------------------------------------------------------------- */

struct prefix {
	struct behaviour *behaviour;
	uint32_t trace;
};

static diagram_node put_before(void *context, uint32_t value)
{
	const struct prefix *prefix = context;
	struct traces *traces = &prefix->behaviour->traces;
	uint32_t joined = traces_join(traces, prefix->trace, traces->ends[value].trace);
	return compose_end(traces_end_with(traces, value, joined));
}

/* g behind that trace. */
diagram_node compose_behind(struct behaviour *behaviour, uint32_t trace, diagram_node g)
{
	struct prefix prefix = {behaviour, trace};
	return trace ? diagram_replace(behaviour->fields->diagram, put_before, &prefix, g) : g;
}

diagram_node compose_fix(struct behaviour *behaviour, diagram_node f, enum field field, uint64_t value)
{
	const struct fields *fields = behaviour->fields;
	uint32_t variables = diagram_variables(fields->diagram), bits = fields->bits[field];
	int8_t *values = malloc(variables + 1);
	if (!values)
		return DIAGRAM_UNDECIDED;
	memset(values, -1, variables + 1);
	for (uint32_t i = 0; i < bits; i++)
		values[fields->first[field] + i] = (int8_t)(value >> (bits - 1 - i) & 1);
	diagram_node result = diagram_restrict(fields->diagram, f, values);
	free(values);
	return result;
}

/* What rules behind NOTRACK or a template see in raw: a packet that had a connection before (on lo) keeps it.
 * Without one its state is INVALID; a template's is that of a new one. */
static diagram_node behind_tracking(struct behaviour *behaviour, uint32_t trace, diagram_node g)
{
	struct traces *traces = &behaviour->traces;
	while (trace && !traces->events[traces->traces[trace].event].tracks)
		trace = traces->traces[trace].before;
	if (!trace)
		return g;
	bool untracked = traces->events[traces->traces[trace].event].value == 0;
	diagram_node seen = compose_fix(behaviour, g, FIELD_STATE, untracked ? STATE_UNTRACKED : STATE_NEW);
	return diagram_if(behaviour->fields->diagram,
			  fields_value(behaviour->fields, FIELD_STATE, STATE_INVALID), seen, g);
}

static diagram_node follow(struct behaviour *behaviour, uint32_t trace, diagram_node g)
{
	if (behaviour->tracks && trace && behaviour->traces.traces[trace].tracked)
		g = behind_tracking(behaviour, trace, g);
	/* What comes behind looks at another packet, of which nothing is known. */
	if (trace && behaviour->traces.traces[trace].rewritten && !diagram_is_terminal(g))
		return DIAGRAM_UNDECIDED;
	return compose_behind(behaviour, trace, g);
}

#define TRACES_APART 8 /* so many are put in one by one, more in one go */

struct split {
	const struct traces *traces;
	size_t count;
	uint32_t found[TRACES_APART + 1]; /* ends that go on with a trace */
	uint32_t wanted;
};

static diagram_node goes_on_plainly(void *context, uint32_t value)
{
	struct split *split = context;
	const struct end *end = &split->traces->ends[value];
	if (end->kind != END_CONTINUE)
		return DIAGRAM_FALSE;
	if (!end->trace)
		return DIAGRAM_TRUE;
	size_t i = 0;
	while (i < split->count && split->found[i] != value)
		i++;
	if (i == split->count && split->count <= TRACES_APART)
		split->found[split->count++] = value;
	return DIAGRAM_FALSE;
}

static diagram_node is_wanted(void *context, uint32_t value)
{
	return value == ((const struct split *)context)->wanted ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

struct behind {
	struct behaviour *behaviour;
	diagram_node g;
};

static diagram_node go_on(void *context, uint32_t value)
{
	const struct behind *behind = context;
	struct end end = behind->behaviour->traces.ends[value];
	return end.kind == END_CONTINUE ? follow(behind->behaviour, end.trace, behind->g)
					: diagram_terminal(value);
}

/* f, and where it goes on, g. */
diagram_node compose_sequence(struct behaviour *behaviour, diagram_node f, diagram_node g)
{
	struct diagram *diagram = behaviour->fields->diagram;
	struct behind behind = {behaviour, g};
	if (f == DIAGRAM_UNDECIDED || g == DIAGRAM_UNDECIDED)
		return DIAGRAM_UNDECIDED;
	if (diagram_is_terminal(f))
		return go_on(&behind, diagram_value(f));
	if (g == behaviour->goes_on)
		return f;
	struct split split = {.traces = &behaviour->traces};
	diagram_node plain = diagram_replace(diagram, goes_on_plainly, &split, f);
	if (split.count > TRACES_APART)
		return diagram_replace(diagram, go_on, &behind, f);
	diagram_node all = diagram_if(diagram, plain, g, f);
	for (size_t i = 0; i < split.count; i++) {
		split.wanted = split.found[i];
		diagram_node here = diagram_replace(diagram, is_wanted, &split, f);
		all = diagram_if(diagram, here, go_on(&behind, split.wanted), all);
	}
	return all;
}

/* --- rows
 * ------------------------------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

/* Where a run is divided: by what its rules do, so that runs that two chains share are divided alike and are
 * put together once. Of equal ones the nearest to the middle. */
static size_t find_split(const diagram_node *outcomes, size_t count)
{
	size_t best = count / 2, distance = 0;
	uint64_t highest = 0;
	for (size_t i = 1; i < count; i++) {
		uint64_t own = mixed(outcomes[i] + 0x9e3779b97f4a7c15u);
		size_t away = i > count / 2 ? i - count / 2 : count / 2 - i;
		if (own > highest || (own == highest && away < distance)) {
			best = i;
			highest = own;
			distance = away;
		}
	}
	return best;
}

static size_t run_slot(const struct runs *runs, const diagram_node *outcomes, size_t count)
{
	uint64_t hash = count;
	for (size_t i = 0; i < count; i++)
		hash = mixed(hash + outcomes[i] + 0x9e3779b97f4a7c15u);
	size_t slot = hash & (runs->capacity - 1);
	for (; runs->slots[slot].count; slot = (slot + 1) & (runs->capacity - 1)) {
		const struct run *run = &runs->slots[slot];
		if (run->count == count && memcmp(run->outcomes, outcomes, count * sizeof(*outcomes)) == 0)
			break;
	}
	return slot;
}

static void runs_grow(struct runs *runs)
{
	struct runs grown = {.capacity = runs->capacity ? runs->capacity * 2 : 1024, .count = runs->count};
	grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
	if (!grown.slots)
		return;
	for (size_t i = 0; i < runs->capacity; i++)
		if (runs->slots[i].count)
			grown.slots[run_slot(&grown, runs->slots[i].outcomes, runs->slots[i].count)] =
			    runs->slots[i];
	free(runs->slots);
	*runs = grown;
}

/* In raw they are put together otherwise. */
void compose_forget_runs(struct runs *runs)
{
	free(runs->slots);
	*runs = (struct runs){0};
}

/* Expected depth: twice the logarithm of the number of rules. The outcomes stay. */
diagram_node compose_run(struct behaviour *behaviour, const diagram_node *outcomes, size_t count)
{
	struct runs *runs = &behaviour->runs;
	if (count == 1)
		return outcomes[0];
	if (runs->capacity) {
		const struct run *known = &runs->slots[run_slot(runs, outcomes, count)];
		if (known->count)
			return known->result;
	}
	size_t split = find_split(outcomes, count);
	diagram_node result = compose_run(behaviour, outcomes, split);
	if (result != DIAGRAM_UNDECIDED)
		result = compose_sequence(behaviour, result,
					  compose_run(behaviour, outcomes + split, count - split));
	if (result == DIAGRAM_UNDECIDED) /* another time it may be decided */
		return result;
	if (2 * (runs->count + 1) > runs->capacity)
		runs_grow(runs);
	if (2 * (runs->count + 1) <= runs->capacity) {
		runs->slots[run_slot(runs, outcomes, count)] = (struct run){outcomes, count, result};
		runs->count++;
	}
	return result;
}
