/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The chains that a packet meets, put together to what becomes of it in the end, on both sides at once.
 *
 * The state of a connection is two unknowns. In raw a packet has none as yet, which matches see as INVALID
 * (what comes with one is a journey of its own: over lo, and answers of REJECT on their way out); behind raw
 * it is UNTRACKED where NOTRACK said so, and else whatever conntrack makes of it. That is the same on both
 * sides, as long as they have let the same packets of a connection through; where they tell conntrack
 * different things about the packet (CT --zone) it need not be.
 *
 * On the way a packet may become another: its destination by NAT, a fragment by being put together with the
 * others before it is delivered (journey_fragments.c). What it becomes then is unknown, but one thing on both
 * sides if all that came before was the same: then it is enough that what comes behind does the same whatever
 * it may be. Else what comes behind must do one thing whatever it may be, or is not known. The source is
 * rewritten behind the last chain only. What is sent on may leave by another device where marks that routing
 * may go by are not the same.
 *
 * Not seen: a VRF, where a packet goes through PREROUTING twice. */
#include "meaning/journey_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

const struct way journey_ways[JOURNEY_COUNT] = {
    [JOURNEY_DELIVERED] = {7,
			   3,
			   {{TABLE_RAW, HOOK_PREROUTING},
			    {TABLE_MANGLE, HOOK_PREROUTING},
			    {TABLE_NAT, HOOK_PREROUTING},
			    {TABLE_MANGLE, HOOK_INPUT},
			    {TABLE_FILTER, HOOK_INPUT},
			    {TABLE_SECURITY, HOOK_INPUT},
			    {TABLE_NAT, HOOK_INPUT}}},
    [JOURNEY_FORWARDED] = {8,
			   3,
			   {{TABLE_RAW, HOOK_PREROUTING},
			    {TABLE_MANGLE, HOOK_PREROUTING},
			    {TABLE_NAT, HOOK_PREROUTING},
			    {TABLE_MANGLE, HOOK_FORWARD},
			    {TABLE_FILTER, HOOK_FORWARD},
			    {TABLE_SECURITY, HOOK_FORWARD},
			    {TABLE_MANGLE, HOOK_POSTROUTING},
			    {TABLE_NAT, HOOK_POSTROUTING}}},
    [JOURNEY_LEAVING] = {7,
			 3,
			 {{TABLE_RAW, HOOK_OUTPUT},
			  {TABLE_MANGLE, HOOK_OUTPUT},
			  {TABLE_NAT, HOOK_OUTPUT},
			  {TABLE_FILTER, HOOK_OUTPUT},
			  {TABLE_SECURITY, HOOK_OUTPUT},
			  {TABLE_MANGLE, HOOK_POSTROUTING},
			  {TABLE_NAT, HOOK_POSTROUTING}}},
};

/* What unknowns are put in others' places for: slots behind those of the stages. */
enum {
	SLOT_SPLIT = STAGES_MAX,
	SLOT_RAW,
	SLOT_ROUTE,
	SLOT_NAT = 2 * STAGES_MAX,
	SLOT_APART = 4 * STAGES_MAX
};

static struct diagram *diagram_of(const struct walk *walk)
{
	return walk->behaviour->fields->diagram;
}

static diagram_node field_value(const struct walk *walk, enum field field, uint64_t value)
{
	return fields_value(walk->behaviour->fields, field, value);
}

/* --- which packets
 * ------------------------------------------------------------------------------------------------------- */

static diagram_node any_of(const struct walk *walk, diagram_node f, const enum field *list, size_t count)
{
	bool *variables = walk_variables(walk, list, count, false);
	diagram_node result = variables ? diagram_exists(diagram_of(walk), f, variables) : DIAGRAM_UNDECIDED;
	free(variables);
	return result;
}

/* Whatever the connection, and whatever is not modelled: that may be answered otherwise elsewhere. */
static diagram_node any_unknown(const struct walk *walk, diagram_node f)
{
	static const enum field state[] = {FIELD_STATE};
	const struct fields *fields = walk->behaviour->fields;
	bool *variables = walk_variables(walk, state, 1, false);
	for (size_t i = 0; variables && i < fields->predicate_count; i++)
		if (fields->predicates[i]->kind == PREDICATE_OPAQUE)
			variables[fields->predicates[i]->variable] = true;
	diagram_node result = variables ? diagram_exists(fields->diagram, f, variables) : DIAGRAM_UNDECIDED;
	free(variables);
	return result;
}

static const enum field nat_fields[] = {FIELD_DESTINATION, FIELD_DPORT, FIELD_PAYLOAD};
static const enum field sent_fields[] = {FIELD_DESTINATION, FIELD_DPORT, FIELD_OUT};
static const enum field state_field[] = {FIELD_STATE};
static const enum field out_field[] = {FIELD_OUT};

/* What rules at the stage see of devices and fragments. */
static diagram_node seen_at(const struct walk *walk, size_t number, diagram_node f)
{
	const struct fields *fields = walk->behaviour->fields;
	const struct way *way = &journey_ways[walk->journey];
	enum hook hook = way->stages[number].hook;
	uint64_t none = fields->interface_count - 1;
	if (walk->journey == JOURNEY_LEAVING)
		f = compose_fix(walk->behaviour, f, FIELD_IN, none);
	if (hook == HOOK_PREROUTING || hook == HOOK_INPUT)
		f = compose_fix(walk->behaviour, f, FIELD_OUT, none);
	if (number >= way->split && walk_assembles(walk))
		f = compose_fix(walk->behaviour, f, FIELD_FRAGMENT, FRAGMENT_WHOLE);
	return f;
}

static bool may_differ(const struct difference_chain *chains, size_t count, const struct stage *stage)
{
	for (size_t i = 0; i < count; i++)
		if (chains[i].table == stage->table && chains[i].hook == stage->hook)
			return chains[i].answer != DIFFERENCE_NONE ||
			       chains[i].routing_answer != DIFFERENCE_NONE;
	return false;
}

void walk_touch(struct walk *walk, struct delta *delta, const struct difference_chain *chains, size_t count)
{
	struct diagram *diagram = diagram_of(walk);
	const struct way *way = &journey_ways[walk->journey];
	bool nat = behaviour_has_nat(walk->behaviour);
	diagram_node all = walk->connmark_apart ? DIAGRAM_TRUE : DIAGRAM_FALSE; /* later packets, too */
	for (size_t i = 0; i < way->count; i++) {
		if (!may_differ(chains, count, &way->stages[i]))
			continue;
		diagram_node own = delta_domain(delta, way->stages[i].table, way->stages[i].hook);
		own = any_unknown(walk, seen_at(walk, i, own));
		if (i < way->split && walk_assembles(walk))
			own =
			    diagram_or(diagram, own,
				       diagram_and(diagram, field_value(walk, FIELD_FRAGMENT, FRAGMENT_FIRST),
						   walk_later_fragment(walk, own)));
		if (i >= way->split && nat)
			own = any_of(walk, own, nat_fields, 2);
		if (way->stages[i].hook == HOOK_POSTROUTING && walk->journey == JOURNEY_LEAVING)
			own = any_of(walk, own, out_field, 1);
		all = diagram_or(diagram, all, own);
	}
	if (walk_assembles(walk)) { /* of first fragments the later ones, too */
		diagram_node later = compose_fix(walk->behaviour, all, FIELD_FRAGMENT, FRAGMENT_FIRST);
		later = any_of(walk, later, walk_transport, WALK_TRANSPORT);
		all =
		    diagram_or(diagram, all,
			       diagram_and(diagram, field_value(walk, FIELD_FRAGMENT, FRAGMENT_LATE), later));
	}
	walk->touched = all;
	walk->behind = nat ? any_of(walk, all, nat_fields, 2) : all;
	if (walk->journey == JOURNEY_LEAVING)
		walk->behind = any_of(walk, walk->behind, out_field, 1);
	if (walk_assembles(walk)) {
		static const enum field others[] = {FIELD_FRAGMENT, FIELD_PAYLOAD};
		walk->behind = any_of(walk, walk->behind, others, 2);
	}
}

/* Neighbour discovery and MLD are UNTRACKED without any rule (nf_conntrack_proto_icmpv6.c). */
static diagram_node untracked_by_itself(const struct walk *walk)
{
	return walk->behaviour->family == FAMILY_IPV6 ? field_value(walk, FIELD_PROTOCOL, IPPROTO_ICMPV6)
						      : DIAGRAM_FALSE;
}

/* lo by its name, or whichever classes it may be of. */
static diagram_node loopback(const struct walk *walk)
{
	const struct fields *fields = walk->behaviour->fields;
	diagram_node all = DIAGRAM_FALSE;
	for (size_t i = 0; i + 1 < fields->interface_count; i++)
		if (strcmp(fields->interfaces[i], "lo") == 0)
			return field_value(walk, FIELD_IN, i);
	for (size_t i = 0; i < fields->interface_count; i++)
		if (fields->interfaces[i][0] == 'l' || i + 1 == fields->interface_count)
			all = diagram_or(fields->diagram, all, field_value(walk, FIELD_IN, i));
	return all;
}

static diagram_node find_domain(const struct walk *walk)
{
	struct diagram *diagram = diagram_of(walk);
	static const enum hook hooks[] = {[JOURNEY_DELIVERED] = HOOK_INPUT,
					  [JOURNEY_FORWARDED] = HOOK_FORWARD,
					  [JOURNEY_LEAVING] = HOOK_OUTPUT};
	diagram_node domain = behaviour_domain(walk->behaviour, hooks[walk->journey]);
	if (walk_assembles(walk)) /* the first stands for all */
		domain = diagram_minus(diagram, domain, field_value(walk, FIELD_FRAGMENT, FRAGMENT_LATE));
	if (walk->with_connection) {
		domain = diagram_minus(diagram, domain, field_value(walk, FIELD_STATE, STATE_INVALID));
		return walk->journey == JOURNEY_LEAVING ? domain
							: diagram_and(diagram, domain, loopback(walk));
	}
	diagram_node none = diagram_minus(diagram, field_value(walk, FIELD_STATE, STATE_UNTRACKED),
					  untracked_by_itself(walk));
	return diagram_minus(diagram, domain, none);
}

/* --- parts
 * ------------------------------------------------------------------------------------------------------- */

static struct part terminal_part(diagram_node node)
{
	return (struct part){{node, node}, {node, node}, {node, node}, {node, node}};
}

static bool walk_all_same(struct walk *walk, const struct part *part)
{
	if (part->solo[0] == part->solo[1] && part->lock[0] == part->lock[1])
		return true;
	diagram_node unequal = walk_unequal(walk, part->solo[0], part->solo[1]);
	return diagram_and(diagram_of(walk), unequal, walk->behind) == DIAGRAM_FALSE;
}

/* Whether it is behind routing, and that may matter. */
static bool has_detour(const struct part *part)
{
	return part->detour[0] != part->solo[0] || part->detour[1] != part->solo[1];
}

/* Where f may have sent packets elsewhere on one side than on the other. */
static diagram_node find_detours(struct walk *walk, const struct part *f)
{
	diagram_node detours = walk_detours(walk, f->lock[0], f->lock[1]);
	return walk->connmark_apart ? diagram_or(diagram_of(walk), detours, walk_routed(walk, f->lock[0]))
				    : detours;
}

/* What comes before may have been the same or not; g is what comes behind. */
static struct part join(struct walk *walk, size_t slot, const struct part *f, struct part g)
{
	struct diagram *diagram = diagram_of(walk);
	struct part result;
	walk_separate(walk, slot, f, &g);
	diagram_node alike = walk_alike(walk, f->lock[0], f->lock[1]);
	diagram_node apart = walk_apart(walk, f->lock[0], f->lock[1]);
	bool same = walk_all_same(walk, &g), detour = has_detour(&g);
	diagram_node detours = detour ? find_detours(walk, f) : DIAGRAM_FALSE;
	for (size_t side = 0; side < SIDES_MAX; side++) {
		diagram_node own = diagram_if(diagram, detours, g.detour[side], g.apart[side]);
		/* One side's are enough to be told apart from the other's. */
		if (side == 0 && apart != DIAGRAM_FALSE)
			own = walk_own(walk, SLOT_APART + slot, own);
		own = diagram_if(diagram, diagram_or(diagram, apart, detours), own, g.solo[side]);
		own = diagram_if(diagram, diagram_minus(diagram, alike, detours), g.lock[side], own);
		result.lock[side] = walk_on(walk, f->lock[side], own, same);
		result.solo[side] = walk_on(walk, f->solo[side], g.solo[side], same);
		result.apart[side] = result.detour[side] = result.solo[side];
		if (!detour)
			continue;
		/* What came before may be asked of two packets, as the state is not the same. */
		own = diagram_if(diagram, walk_routed(walk, f->solo[side]), g.detour[side], g.apart[side]);
		result.apart[side] = walk_on(walk, f->solo[side], own, same);
		result.detour[side] = walk_on(walk, f->solo[side], g.detour[side], same);
	}
	return result;
}

/* Packets of which the stage is asked, as it sees them. */
diagram_node walk_asked(const struct walk *walk, size_t number)
{
	static const enum field in_field[] = {FIELD_IN};
	const struct way *way = &journey_ways[walk->journey];
	enum hook hook = way->stages[number].hook;
	diagram_node asked = number < way->split ? walk->touched : walk->behind;
	if (walk->journey == JOURNEY_LEAVING)
		asked = any_of(walk, asked, in_field, 1);
	if (hook == HOOK_PREROUTING || hook == HOOK_INPUT)
		asked = any_of(walk, asked, out_field, 1);
	return asked;
}

/* Elsewhere than where it is asked it travels on. */
static void find_stage(struct walk *walk, size_t number)
{
	const struct stage *stage = &journey_ways[walk->journey].stages[number];
	diagram_node asked = walk_asked(walk, number);
	diagram_node plain = compose_plain_end(walk->behaviour, END_ACCEPT);
	for (size_t side = 0; side < SIDES_MAX; side++) {
		diagram_node node = behaviour_chain(walk->behaviour, side, stage->table, stage->hook, asked);
		node = diagram_if(diagram_of(walk), asked, node, plain);
		node = walk_stage_ends(walk, seen_at(walk, number, node), number);
		walk->stages[number][side] = node;
	}
	walk->has_stage[number] = true;
}

static diagram_node stage_node(struct walk *walk, size_t side, size_t number)
{
	if (!walk->has_stage[number])
		find_stage(walk, number);
	return walk->stages[number][side];
}

/* First packets of a connection meet the rules of nat. One that is related may be the first of its own
 * (nf_nat_inet_fn()), and what comes over lo has met those of OUTPUT. */
static diagram_node nat_asked(struct walk *walk, size_t number)
{
	struct diagram *diagram = diagram_of(walk);
	diagram_node first = field_value(walk, FIELD_STATE, STATE_NEW);
	diagram_node related = field_value(walk, FIELD_STATE, STATE_RELATED);
	diagram_node perhaps =
	    walk_perhaps(walk, SLOT_NAT + number, "the packet is the first one that nat sees");
	if (walk->with_connection)
		return diagram_and(diagram, diagram_or(diagram, first, related), perhaps);
	return diagram_or(diagram, first, diagram_and(diagram, related, perhaps));
}

static struct part stage_part(struct walk *walk, size_t number)
{
	const struct stage *stage = &journey_ways[walk->journey].stages[number];
	diagram_node plain = compose_plain_end(walk->behaviour, END_ACCEPT), asked = DIAGRAM_UNDECIDED;
	struct part part;
	for (size_t side = 0; side < SIDES_MAX; side++) {
		diagram_node node = stage_node(walk, side, number);
		if (stage->table == TABLE_NAT && node != plain) {
			if (asked == DIAGRAM_UNDECIDED)
				asked = nat_asked(walk, number);
			node = diagram_if(diagram_of(walk), asked, node, plain);
		}
		part.lock[side] = part.solo[side] = part.apart[side] = part.detour[side] = node;
	}
	return part;
}

static struct part stages_part(struct walk *walk, size_t begin, size_t end)
{
	struct part result = stage_part(walk, end - 1);
	for (size_t i = end - 1; i-- > begin;) {
		struct part first = stage_part(walk, i);
		result = join(walk, i, &first, result);
	}
	return result;
}

/* --- packets that become others
 * ------------------------------------------------------------------------------------------------------- */

/* Adds the variables that both hang on: they may be gone behind. */
static bool note_hanging(struct walk *walk, const struct part *part)
{
	return behaviour_support(walk->behaviour, part->lock[0], walk->hanging) &&
	       behaviour_support(walk->behaviour, part->lock[1], walk->hanging);
}

/* Of packets `where`, those variables are unknown in g. */
static void split_where(struct walk *walk, struct part *part, const struct part *g, diagram_node where,
			diagram_node unlike, const bool *variables)
{
	struct diagram *diagram = diagram_of(walk);
	where = diagram_and(diagram, where, walk->touched);
	if (where == DIAGRAM_FALSE)
		return;
	if (!note_hanging(walk, g))
		where = DIAGRAM_UNDECIDED;
	diagram_node unequal = walk_unequal(walk, g->lock[0], g->lock[1]);
	diagram_node same = diagram_not(diagram, diagram_exists(diagram, unequal, variables));
	same = walk->bound_same ? diagram_minus(diagram, same, unlike) : DIAGRAM_FALSE;
	diagram_node plain = compose_plain_end(walk->behaviour, END_ACCEPT);
	for (size_t side = 0; side < SIDES_MAX; side++) {
		diagram_node alone = walk_collapse(walk, g->lock[side], variables);
		part->solo[side] = diagram_if(diagram, where, alone, part->solo[side]);
		part->apart[side] = part->detour[side] = part->solo[side];
		part->lock[side] =
		    diagram_if(diagram, where, diagram_if(diagram, same, plain, alone), part->lock[side]);
	}
}

/* Whose destination may be another one: of a first packet where rules at the hook say so, of later ones what
 * any chain once said (nf_nat_inet_fn()). */
static diagram_node find_rewritten(struct walk *walk)
{
	struct diagram *diagram = diagram_of(walk);
	const struct behaviour *behaviour = walk->behaviour;
	enum hook hook = journey_ways[walk->journey].stages[0].hook;
	if (!behaviour_has_nat(behaviour))
		return DIAGRAM_FALSE;
	diagram_node where = diagram_or(diagram, field_value(walk, FIELD_STATE, STATE_ESTABLISHED),
					field_value(walk, FIELD_STATE, STATE_RELATED));
	for (size_t side = 0; side < SIDES_MAX; side++) {
		const struct chain *chain =
		    behaviour->sides[side]->tables[behaviour->family][TABLE_NAT].hooks[hook];
		if (walk->with_connection || (chain && chain->rule_count))
			return diagram_or(diagram, where, field_value(walk, FIELD_STATE, STATE_NEW));
	}
	return where;
}

/* Those variables are unknown where the packet is another. */
static void split_fields(struct walk *walk, struct part *part, const struct part *g, diagram_node where,
			 diagram_node unlike, const enum field *list, size_t count, bool opaque)
{
	bool *variables = walk_variables(walk, list, count, opaque);
	if (variables)
		split_where(walk, part, g, where, unlike, variables);
	else
		*part = terminal_part(DIAGRAM_UNDECIDED);
	free(variables);
}

/* Whether something before routing may send packets elsewhere. */
static bool may_detour(struct walk *walk, const struct part *raw, const struct part *middle)
{
	diagram_node routed = DIAGRAM_FALSE;
	if (walk->journey != JOURNEY_FORWARDED)
		return false;
	for (size_t side = 0; side < SIDES_MAX; side++) {
		routed = diagram_or(diagram_of(walk), routed, walk_routed(walk, raw->lock[side]));
		routed = diagram_or(diagram_of(walk), routed, walk_routed(walk, middle->lock[side]));
	}
	return diagram_and(diagram_of(walk), routed, walk->behind) != DIAGRAM_FALSE;
}

/* Where each side may have routed it for itself, the device that it leaves by is not known. */
static void detour(struct walk *walk, struct part *part)
{
	bool *variables = walk_variables(walk, out_field, 1, false);
	bool noted = variables && note_hanging(walk, part);
	for (size_t side = 0; side < SIDES_MAX; side++)
		part->detour[side] =
		    noted ? walk_collapse(walk, part->solo[side], variables) : DIAGRAM_UNDECIDED;
	free(variables);
}

/* g behind where a packet may have become another. */
static struct part split(struct walk *walk, const struct part *g, const struct later *later)
{
	/* Bound otherwise, it may be sent elsewhere. */
	bool elsewhere = walk->journey == JOURNEY_FORWARDED && !walk->bound_same;
	struct diagram *diagram = diagram_of(walk);
	struct part result = *g;
	diagram_node rewritten = find_rewritten(walk), whole = DIAGRAM_TRUE;
	if (walk_assembles(walk))
		whole = field_value(walk, FIELD_FRAGMENT, FRAGMENT_WHOLE);
	split_fields(walk, &result, g, diagram_and(diagram, rewritten, whole), DIAGRAM_FALSE,
		     elsewhere ? sent_fields : nat_fields, elsewhere ? 3 : 2, false);
	split_fields(walk, &result, g, diagram_not(diagram, diagram_or(diagram, whole, rewritten)),
		     later->unlike, nat_fields + 2, 1, true);
	split_fields(walk, &result, g, diagram_minus(diagram, rewritten, whole), later->unlike, nat_fields, 3,
		     true);
	return result;
}

/* MARK and DNAT in OUTPUT look for another route (ip_route_me_harder()): POSTROUTING may see another device.
 */
static struct part split_route(struct walk *walk, const struct part *g)
{
	struct part result = *g;
	diagram_node where = walk->behaviour->changes[TABLE_MANGLE] ? DIAGRAM_TRUE : find_rewritten(walk);
	split_fields(walk, &result, g, where, DIAGRAM_FALSE, out_field, 1, false);
	return result;
}

/* What stands behind nat of destinations. */
static struct part rest_part(struct walk *walk)
{
	const struct way *way = &journey_ways[walk->journey];
	if (walk->journey != JOURNEY_LEAVING)
		return stages_part(walk, way->split, way->count);
	size_t leaving = way->split;
	while (way->stages[leaving].hook != HOOK_POSTROUTING)
		leaving++;
	struct part output = stages_part(walk, way->split, leaving);
	struct part behind = stages_part(walk, leaving, way->count);
	behind = split_route(walk, &behind);
	return join(walk, SLOT_ROUTE, &output, behind);
}

/* --- conntrack
 * ------------------------------------------------------------------------------------------------------- */

/* g as packets meet it that come out of raw as f says. */
static diagram_node behind_conntrack(struct walk *walk, diagram_node f, diagram_node g)
{
	struct diagram *diagram = diagram_of(walk);
	struct behaviour *behaviour = walk->behaviour;
	diagram_node untracked = compose_fix(behaviour, g, FIELD_STATE, STATE_UNTRACKED);
	if (walk->with_connection) /* nothing in raw changes that */
		return g;
	/* UNTRACKED does not occur then. To be said in words it is as if it were INVALID. */
	diagram_node tracked =
	    diagram_if(diagram,
		       diagram_minus(diagram, field_value(walk, FIELD_STATE, STATE_UNTRACKED),
				     untracked_by_itself(walk)),
		       compose_fix(behaviour, g, FIELD_STATE, STATE_INVALID), g);
	if (walk->effects) {
		struct traces *traces = &behaviour->traces;
		uint32_t trace = traces_add(traces, 0, walk->seen);
		tracked =
		    trace == TRACE_FAILED ? DIAGRAM_UNDECIDED : compose_behind(behaviour, trace, tracked);
	}
	return diagram_if(diagram, walk_untracked(walk, f), untracked, tracked);
}

static struct part raw_part(struct walk *walk)
{
	struct part raw = stage_part(walk, 0);
	for (size_t side = 0; side < SIDES_MAX; side++) {
		diagram_node node = raw.lock[side];
		node = walk->with_connection ? walk_forget_tracking(walk, node)
					     : compose_fix(walk->behaviour, node, FIELD_STATE, STATE_INVALID);
		raw.lock[side] = raw.solo[side] = raw.apart[side] = raw.detour[side] = node;
	}
	return raw;
}

static bool asks_unsteadily(const struct walk *walk, const struct part *part)
{
	bool *support = walk_variables(walk, NULL, 0, false), found = !support;
	if (support)
		found = !behaviour_support(walk->behaviour, part->lock[0], support) ||
			!behaviour_support(walk->behaviour, part->lock[1], support);
	for (uint32_t i = 0; support && i < diagram_variables(diagram_of(walk)) && !found; i++)
		found = support[i] && walk->behaviour->unsteady[i];
	free(support);
	return found;
}

/* What rules of nat say of a packet may hang on what was done to it before. */
static bool find_bound_same(struct walk *walk, const struct part *raw)
{
	if (!walk->nat_same)
		return false;
	const struct way *way = &journey_ways[walk->journey];
	bool before_same = walk_apart(walk, raw->lock[0], raw->lock[1]) == DIAGRAM_FALSE;
	bool unsteady = false;
	for (size_t i = 1; i < way->count; i++) {
		struct part part = stage_part(walk, i);
		if (way->stages[i].table == TABLE_NAT)
			unsteady |= asks_unsteadily(walk, &part);
		else
			before_same &= walk_apart(walk, part.lock[0], part.lock[1]) == DIAGRAM_FALSE;
	}
	return before_same || !unsteady;
}

/* Both are dropped, but how hangs on a state that need not be the same. */
static diagram_node find_doubtful(struct walk *walk, const struct part *raw, const struct fates *fates)
{
	struct diagram *diagram = diagram_of(walk);
	bool *state = walk_variables(walk, state_field, 1, false);
	if (!state)
		return DIAGRAM_UNDECIDED;
	diagram_node where =
	    diagram_and(diagram, walk_templates(walk, raw->lock[0], raw->lock[1]), walk->touched);
	if (where != DIAGRAM_FALSE) {
		diagram_node one = walk_collapse(walk, fates->final[0], state);
		where = diagram_and(diagram, where, walk_unknown(walk, one, one));
		where = diagram_minus(diagram, where, walk_unequal(walk, fates->final[0], fates->final[1]));
	}
	free(state);
	return where;
}

static struct part behind_raw(struct walk *walk, const struct part *raw, struct part g)
{
	for (size_t side = 0; side < SIDES_MAX; side++) {
		g.lock[side] = behind_conntrack(walk, raw->lock[side], g.lock[side]);
		bool detour = has_detour(&g);
		g.solo[side] = behind_conntrack(walk, raw->lock[side], g.solo[side]);
		g.apart[side] =
		    detour ? behind_conntrack(walk, raw->lock[side], g.apart[side]) : g.solo[side];
		g.detour[side] =
		    detour ? behind_conntrack(walk, raw->lock[side], g.detour[side]) : g.solo[side];
	}
	return join(walk, SLOT_RAW, raw, g);
}

int walk_fates(struct walk *walk, struct fates *fates)
{
	struct diagram *diagram = diagram_of(walk);
	struct traces *traces = &walk->behaviour->traces;
	const struct way *way = &journey_ways[walk->journey];
	const struct event seen = {.look = LOOK_ALWAYS, .text = "seen by conntrack"};
	walk->unknown = traces_end(traces, END_OTHER, "what is not known", 0);
	walk->seen = traces_event(traces, &seen);
	if (walk->unknown == TRACE_FAILED || walk->seen == TRACE_FAILED)
		return -ENOMEM;
	diagram_forget(diagram); /* it was another walk that it knew of */
	struct part raw = raw_part(walk);
	walk->bound_same = !behaviour_has_nat(walk->behaviour) || find_bound_same(walk, &raw);
	struct part middle = stages_part(walk, 1, way->split);
	struct part rest = rest_part(walk), front;
	struct later later = {.unlike = DIAGRAM_FALSE, .doubtful = DIAGRAM_FALSE};
	if (walk_assembles(walk)) {
		front = behind_raw(walk, &raw, middle);
		walk_look_later(walk, &front, &later);
	}
	rest = split(walk, &rest, &later);
	if (may_detour(walk, &raw, &middle))
		detour(walk, &rest);
	struct part whole = behind_raw(walk, &raw, join(walk, SLOT_SPLIT, &middle, rest));
	for (size_t side = 0; side < SIDES_MAX; side++)
		fates->full[side] = whole.lock[side];
	if (walk_assembles(walk))
		walk_assemble(walk, &front, fates, &later);
	for (size_t side = 0; side < SIDES_MAX; side++)
		fates->final[side] = walk_final(walk, fates->full[side]);
	fates->domain = find_domain(walk);
	diagram_node asked = diagram_and(diagram, walk->touched, fates->domain);
	diagram_node differs = walk_differs(walk, fates->final[0], fates->final[1]);
	differs = diagram_and(diagram, differs, walk->touched);
	fates->shown = walk_unrelated(walk, differs);
	fates->differs = diagram_and(diagram, fates->shown, fates->domain);
	fates->unknown = diagram_or(diagram, walk_unknown(walk, fates->final[0], fates->final[1]),
				    walk->with_connection ? DIAGRAM_FALSE : find_doubtful(walk, &raw, fates));
	fates->unknown = diagram_or(diagram, fates->unknown, diagram_minus(diagram, differs, fates->shown));
	fates->unknown = diagram_or(
	    diagram, fates->unknown,
	    diagram_and(diagram, later.doubtful, field_value(walk, FIELD_FRAGMENT, FRAGMENT_FIRST)));
	fates->unknown = diagram_and(diagram, fates->unknown, asked);
	return 0;
}
