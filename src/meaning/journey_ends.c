/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How packets leave the chains on their way, and what of it counts in the end.
 *
 * END_ACCEPT travels on to the next chain. A drop carries the place where it happened as an event of its own,
 * which is left out where fates are compared. What a target hands to another program (NFQUEUE, what is not
 * modelled) may come back behind the chain; so it is one fate only where both sides do it in one place and
 * all that comes behind is the same. Of what rewrites a packet beyond NAT nothing is known behind it. */
#include "meaning/journey_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct traces *traces_of(const struct walk *walk)
{
	return &walk->behaviour->traces;
}

static struct end end_of(const struct walk *walk, uint32_t value)
{
	return traces_of(walk)->ends[value];
}

static bool is_reject(const struct walk *walk, const struct end *end)
{
	if (end->kind != END_OTHER)
		return false;
	const char *text = traces_of(walk)->events[end->text].text;
	return strncmp(text, "REJECT", 6) == 0 && (text[6] == '\0' || text[6] == ' ');
}

static bool is_drop(const struct walk *walk, const struct end *end)
{
	return end->kind == END_DROP || is_reject(walk, end);
}

/* Nothing is known of it, whatever happened before. */
static bool is_lost(const struct walk *walk, uint32_t value)
{
	struct end end = end_of(walk, value);
	return end.kind == END_OTHER && end.text == end_of(walk, walk->unknown).text;
}

/* Another program decides. */
static bool is_handed(const struct walk *walk, uint32_t value)
{
	struct end end = end_of(walk, value);
	return end.kind == END_OTHER && !is_lost(walk, value) && !is_reject(walk, &end);
}

/* Of that kind, the last one in a trace; NULL: none. */
static const struct event *find_event(const struct walk *walk, uint32_t trace,
				      bool (*wanted)(const struct event *))
{
	const struct traces *traces = traces_of(walk);
	for (; trace; trace = traces->traces[trace].before)
		if (wanted(&traces->events[traces->traces[trace].event]))
			return &traces->events[traces->traces[trace].event];
	return NULL;
}

static bool says_where(const struct event *event)
{
	return event->where;
}

static bool tracks(const struct event *event)
{
	return event->tracks;
}

static bool is_untracked(const struct walk *walk, uint32_t trace)
{
	const struct event *event = find_event(walk, trace, tracks);
	return event && !event->value;
}

/* --- stages
 * ------------------------------------------------------------------------------------------------------- */

struct leaving {
	struct walk *walk;
	size_t stage;
};

/* The target of a rule of nat that was taken, and not one that may do anything: that has told its text. */
static bool is_nat(const struct walk *walk, const struct end *end, const struct stage *stage)
{
	const struct traces *traces = traces_of(walk);
	if (stage->table != TABLE_NAT || end->kind != END_OTHER)
		return false;
	const char *text = traces->events[end->text].text;
	for (uint32_t at = end->trace; at; at = traces->traces[at].before) {
		const struct event *event = &traces->events[traces->traces[at].event];
		if (event->text && strcmp(event->text, text) == 0)
			return false;
	}
	return true;
}

static uint32_t with_event(struct walk *walk, uint32_t trace, const struct event *event)
{
	struct traces *traces = &walk->behaviour->traces;
	return traces_add(traces, trace, traces_event(traces, event));
}

static diagram_node stage_end(void *context, uint32_t value)
{
	const struct leaving *leaving = context;
	struct walk *walk = leaving->walk;
	struct traces *traces = &walk->behaviour->traces;
	const struct stage *stage = &journey_ways[walk->journey].stages[leaving->stage];
	struct end end = end_of(walk, value);
	if (end.kind == END_ACCEPT)
		return diagram_terminal(value);
	if (is_nat(walk, &end, stage)) {
		struct event nat = {.look = LOOK_ALWAYS,
				    .text = traces->events[end.text].text,
				    .fades = true,
				    .routing = ROUTING_ADDRESS};
		return compose_end(traces_end(traces, END_ACCEPT, NULL, with_event(walk, end.trace, &nat)));
	}
	/* A target that is not known to end it: it may well drop it. */
	if (is_handed(walk, value) && traces->traces[end.trace].rewritten)
		return compose_end(walk->unknown);
	struct event where = {.look = LOOK_ALWAYS,
			      .where = true,
			      .value = (uint32_t)leaving->stage,
			      .text = arena_printf(walk->behaviour->arena, "in %s %s",
						   table_names[stage->table], hook_names[stage->hook])};
	return where.text ? compose_end(traces_end_with(traces, value, with_event(walk, end.trace, &where)))
			  : DIAGRAM_UNDECIDED;
}

diagram_node walk_stage_ends(struct walk *walk, diagram_node f, size_t stage)
{
	struct leaving leaving = {walk, stage};
	return diagram_replace(walk->behaviour->fields->diagram, stage_end, &leaving, f);
}

/* --- on the way
 * ------------------------------------------------------------------------------------------------------- */

static diagram_node on_alike(void *context, uint32_t a, uint32_t b)
{
	return a == b && end_of(context, a).kind == END_ACCEPT ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node walk_alike(struct walk *walk, diagram_node f, diagram_node g)
{
	return diagram_apply(walk->behaviour->fields->diagram, on_alike, walk, f, g);
}

static diagram_node on_apart(void *context, uint32_t a, uint32_t b)
{
	return a != b && end_of(context, a).kind == END_ACCEPT && end_of(context, b).kind == END_ACCEPT
		   ? DIAGRAM_TRUE
		   : DIAGRAM_FALSE;
}

diagram_node walk_apart(struct walk *walk, diagram_node f, diagram_node g)
{
	return diagram_apply(walk->behaviour->fields->diagram, on_apart, walk, f, g);
}

static bool routes(const void *context, const struct event *event)
{
	(void)context;
	return event->routing & (ROUTING_MARK | ROUTING_TOS | ROUTING_CONNMARK | ROUTING_ADDRESS);
}

static diagram_node on_detours(void *context, uint32_t a, uint32_t b)
{
	struct walk *walk = context;
	struct traces *traces = &walk->behaviour->traces;
	struct end first = end_of(walk, a), second = end_of(walk, b);
	if (first.kind != END_ACCEPT || second.kind != END_ACCEPT || first.trace == second.trace)
		return DIAGRAM_FALSE;
	uint32_t before = traces_keep(traces, first.trace, routes, NULL);
	uint32_t after = traces_keep(traces, second.trace, routes, NULL);
	if (before == TRACE_FAILED || after == TRACE_FAILED)
		return DIAGRAM_UNDECIDED;
	return before == after ? DIAGRAM_FALSE : DIAGRAM_TRUE;
}

diagram_node walk_detours(struct walk *walk, diagram_node f, diagram_node g)
{
	return diagram_apply(walk->behaviour->fields->diagram, on_detours, walk, f, g);
}

static bool is_routed(const struct event *event)
{
	return routes(NULL, event);
}

static diagram_node on_routed(void *context, uint32_t value)
{
	struct end end = end_of(context, value);
	return end.kind == END_ACCEPT && find_event(context, end.trace, is_routed) ? DIAGRAM_TRUE
										   : DIAGRAM_FALSE;
}

diagram_node walk_routed(struct walk *walk, diagram_node f)
{
	return diagram_replace(walk->behaviour->fields->diagram, on_routed, walk, f);
}

static diagram_node on_untracked(void *context, uint32_t value)
{
	struct end end = end_of(context, value);
	return end.kind == END_ACCEPT && is_untracked(context, end.trace) ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node walk_untracked(struct walk *walk, diagram_node f)
{
	return diagram_replace(walk->behaviour->fields->diagram, on_untracked, walk, f);
}

static diagram_node on_templates(void *context, uint32_t a, uint32_t b)
{
	struct end first = end_of(context, a), second = end_of(context, b);
	const struct event *told[SIDES_MAX] = {find_event(context, first.trace, tracks),
					       find_event(context, second.trace, tracks)};
	bool both = first.kind == END_ACCEPT && second.kind == END_ACCEPT;
	bool untracked = is_untracked(context, first.trace) || is_untracked(context, second.trace);
	return both && !untracked && told[0] != told[1] ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node walk_templates(struct walk *walk, diagram_node f, diagram_node g)
{
	return diagram_apply(walk->behaviour->fields->diagram, on_templates, walk, f, g);
}

static bool does_not_track(const void *context, const struct event *event)
{
	(void)context;
	return !event->tracks;
}

static diagram_node without_tracking(void *context, uint32_t value)
{
	struct traces *traces = &((struct walk *)context)->behaviour->traces;
	uint32_t kept = traces_keep(traces, traces->ends[value].trace, does_not_track, NULL);
	return compose_end(traces_end_with(traces, value, kept));
}

diagram_node walk_forget_tracking(struct walk *walk, diagram_node f)
{
	return diagram_replace(walk->behaviour->fields->diagram, without_tracking, walk, f);
}

struct going {
	struct walk *walk;
	bool last; /* nothing hangs on the packet from here on */
	bool later_same;
};

static diagram_node go_on(void *context, uint32_t value)
{
	const struct going *going = context;
	struct walk *walk = going->walk;
	struct traces *traces = &walk->behaviour->traces;
	struct end end = end_of(walk, value);
	if (end.kind == END_ACCEPT) {
		if (traces->traces[end.trace].rewritten && !going->last)
			return compose_end(walk->unknown);
		return compose_end(traces_end(traces, END_CONTINUE, NULL, end.trace));
	}
	return is_handed(walk, value) && !going->later_same ? compose_end(walk->unknown)
							    : diagram_terminal(value);
}

diagram_node walk_on(struct walk *walk, diagram_node f, diagram_node g, bool later_same)
{
	struct behaviour *behaviour = walk->behaviour;
	struct going going = {walk, diagram_is_terminal(g), later_same};
	/* Behind raw. */
	if (behaviour->tracks)
		compose_forget_runs(&behaviour->runs);
	behaviour->tracks = false;
	f = diagram_replace(behaviour->fields->diagram, go_on, &going, f);
	return compose_sequence(behaviour, f, g);
}

static diagram_node drop_travelling(void *context, uint32_t value)
{
	struct traces *traces = &((struct walk *)context)->behaviour->traces;
	struct end end = traces->ends[value];
	return end.kind == END_ACCEPT ? compose_end(traces_end(traces, END_DROP, NULL, end.trace))
				      : diagram_terminal(value);
}

diagram_node walk_drop(struct walk *walk, diagram_node f)
{
	return diagram_replace(walk->behaviour->fields->diagram, drop_travelling, walk, f);
}

static diagram_node on_dropped(void *context, uint32_t value)
{
	struct end end = end_of(context, value);
	return is_drop(context, &end) ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node walk_dropped(struct walk *walk, diagram_node f)
{
	return diagram_replace(walk->behaviour->fields->diagram, on_dropped, walk, f);
}

/* --- in the end
 * ------------------------------------------------------------------------------------------------------- */

struct keeping {
	const struct walk *walk;
	bool drop, handed;
};

static bool counts(const void *context, const struct event *event)
{
	const struct keeping *keeping = context;
	const struct walk *walk = keeping->walk;
	if (!(event->look & (walk->wanted | LOOK_ALWAYS)))
		return false;
	if (event->where)
		return keeping->handed;
	if (event == &walk->behaviour->traces.events[walk->seen])
		return keeping->drop;
	return !(keeping->drop && event->fades && !walk->effects);
}

static uint32_t final_of(struct walk *walk, uint32_t value)
{
	struct traces *traces = &walk->behaviour->traces;
	struct end end = end_of(walk, value);
	if (is_lost(walk, value))
		return walk->unknown;
	struct keeping keeping = {walk, end.kind == END_DROP, is_handed(walk, value)};
	return traces_end_with(traces, value, traces_keep(traces, end.trace, counts, &keeping));
}

static diagram_node to_final(void *context, uint32_t value)
{
	return compose_end(final_of(context, value));
}

diagram_node walk_final(struct walk *walk, diagram_node f)
{
	return diagram_replace(walk->behaviour->fields->diagram, to_final, walk, f);
}

static diagram_node on_unequal(void *context, uint32_t a, uint32_t b)
{
	struct walk *walk = context;
	uint32_t first = final_of(walk, a), second = final_of(walk, b);
	if (first == TRACE_FAILED || second == TRACE_FAILED)
		return DIAGRAM_UNDECIDED;
	return first == second && first != walk->unknown ? DIAGRAM_FALSE : DIAGRAM_TRUE;
}

diagram_node walk_unequal(struct walk *walk, diagram_node f, diagram_node g)
{
	return diagram_apply(walk->behaviour->fields->diagram, on_unequal, walk, f, g);
}

/* Handed to a program by the same target, but elsewhere or with other events: what it does is not known. */
static bool is_unknown(const struct walk *walk, uint32_t a, uint32_t b)
{
	if (is_lost(walk, a) || is_lost(walk, b))
		return true;
	return a != b && is_handed(walk, a) && is_handed(walk, b) &&
	       end_of(walk, a).text == end_of(walk, b).text;
}

static diagram_node on_unknown(void *context, uint32_t a, uint32_t b)
{
	return is_unknown(context, a, b) ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node walk_unknown(struct walk *walk, diagram_node f, diagram_node g)
{
	return diagram_apply(walk->behaviour->fields->diagram, on_unknown, walk, f, g);
}

static diagram_node on_differs(void *context, uint32_t a, uint32_t b)
{
	return a != b && !is_unknown(context, a, b) ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node walk_differs(struct walk *walk, diagram_node f, diagram_node g)
{
	return diagram_apply(walk->behaviour->fields->diagram, on_differs, walk, f, g);
}

/* Where the places are told apart but not the fates, the fate. */
static diagram_node unite(void *context, uint32_t a, uint32_t b)
{
	struct walk *walk = context;
	if (a == b)
		return diagram_terminal(a);
	uint32_t first = final_of(walk, a), second = final_of(walk, b);
	return compose_end(first == second ? first : walk->unknown);
}

diagram_node walk_collapse(struct walk *walk, diagram_node f, const bool *variables)
{
	struct diagram *diagram = walk->behaviour->fields->diagram;
	uint32_t count = diagram_variables(diagram);
	bool *support = calloc(count + 1, sizeof(*support));
	int8_t *values = malloc(count + 1);
	if (!support || !values || !behaviour_support(walk->behaviour, f, support))
		f = DIAGRAM_UNDECIDED;
	else
		memset(values, -1, count + 1);
	/* From the last: what is above grows no larger then. */
	for (uint32_t i = count; i-- > 0 && f != DIAGRAM_UNDECIDED;) {
		if (!variables[i] || !support[i])
			continue;
		values[i] = 0;
		diagram_node low = diagram_restrict(diagram, f, values);
		values[i] = 1;
		diagram_node high = diagram_restrict(diagram, f, values);
		values[i] = -1;
		f = diagram_apply(diagram, unite, walk, low, high);
	}
	free(support);
	free(values);
	return f;
}

/* --- where packets end
 * ------------------------------------------------------------------------------------------------------- */

struct moves {
	struct walk *walk;
	struct arena *arena;
	struct difference_journey *journey;
	struct difference_move *moves;
	size_t capacity;
	bool failed;
};

static void note_move(struct moves *moves, size_t from, size_t to)
{
	const struct way *way = &journey_ways[moves->walk->journey];
	struct difference_place before = {way->stages[from].table, way->stages[from].hook};
	struct difference_place after = {way->stages[to].table, way->stages[to].hook};
	struct difference_journey *journey = moves->journey;
	for (size_t i = 0; i < journey->move_count; i++) {
		const struct difference_move *move = &moves->moves[i];
		if (move->before.table == before.table && move->before.hook == before.hook &&
		    move->after.table == after.table && move->after.hook == after.hook)
			return;
	}
	struct difference_move *fresh = arena_push(moves->arena, (void **)&moves->moves, &journey->move_count,
						   &moves->capacity, sizeof(*fresh));
	if (fresh)
		*fresh = (struct difference_move){before, after};
	else
		moves->failed = true;
}

static diagram_node on_moves(void *context, uint32_t a, uint32_t b)
{
	struct moves *moves = context;
	struct walk *walk = moves->walk;
	struct end ends[SIDES_MAX] = {end_of(walk, a), end_of(walk, b)};
	const struct event *where[SIDES_MAX];
	bool seen[SIDES_MAX];
	for (size_t side = 0; side < SIDES_MAX; side++) {
		where[side] =
		    is_drop(walk, &ends[side]) ? find_event(walk, ends[side].trace, says_where) : NULL;
		if (!where[side])
			return DIAGRAM_FALSE;
		/* The first stage is raw. */
		seen[side] = where[side]->value > 0 && !is_untracked(walk, ends[side].trace);
	}
	uint32_t from = where[0]->value, to = where[1]->value;
	if (final_of(walk, a) != final_of(walk, b))
		return DIAGRAM_FALSE;
	moves->journey->conntrack |= seen[0] != seen[1] && !walk->with_connection;
	if (from != to)
		note_move(moves, from, to);
	return DIAGRAM_FALSE;
}

int walk_moves(struct walk *walk, const struct fates *fates, struct arena *arena,
	       struct difference_journey *journey)
{
	struct diagram *diagram = walk->behaviour->fields->diagram;
	struct moves moves = {.walk = walk, .arena = arena, .journey = journey};
	diagram_node asked = diagram_and(diagram, walk->touched, fates->domain);
	diagram_node plain = compose_plain_end(walk->behaviour, END_ACCEPT);
	moves.moves = (struct difference_move *)journey->moves;
	moves.capacity = journey->move_count; /* what is there is copied when it grows */
	diagram_forget(diagram);
	diagram_apply(diagram, on_moves, &moves, diagram_if(diagram, asked, fates->full[0], plain),
		      diagram_if(diagram, asked, fates->full[1], plain));
	diagram_forget(diagram);
	journey->moves = moves.moves;
	return moves.failed ? -ENOMEM : 0;
}
