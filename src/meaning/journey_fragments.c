/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IPv4 packets that are delivered are put together before INPUT (ip_local_deliver()); where conntrack is at
 * work, before raw. So rules of INPUT see whole packets only, and rules of PREROUTING perhaps their
 * fragments. What is compared is what becomes of the whole packet: its first fragment stands for it, which
 * has its ports. It is dropped, too, where the later ones are, of which rules see addresses and protocol
 * alone. What becomes of later fragments that never have a first one nobody can tell. */
#include "meaning/journey_private.h"

#include <stdlib.h>
#include <string.h>

const enum field walk_transport[WALK_TRANSPORT] = {FIELD_ICMP, FIELD_SPORT, FIELD_DPORT, FIELD_TCP_FLAGS,
						   FIELD_PAYLOAD};

bool walk_assembles(const struct walk *walk)
{
	return walk->journey == JOURNEY_DELIVERED && walk->behaviour->family == FAMILY_IPV4;
}

/* What a packet has, and all of its fragments. Not what sets say: they may ask for ports. */
static bool is_shared(const char *name)
{
	static const char *const types[] = {"mark",     "mac",      "pkttype", "time",    "cpu",
					    "addrtype", "devgroup", "physdev", "rpfilter"};
	if (strncmp(name, "-m ", 3) != 0)
		return false;
	size_t size = strcspn(name + 3, " ");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (size == strlen(types[i]) && memcmp(name + 3, types[i], size) == 0)
			return true;
	return false;
}

bool *walk_variables(const struct walk *walk, const enum field *list, size_t count, bool opaque)
{
	const struct fields *fields = walk->behaviour->fields;
	bool *variables = calloc(diagram_variables(fields->diagram) + 1, sizeof(*variables));
	for (size_t i = 0; variables && i < count; i++)
		for (uint32_t bit = 0; bit < fields->bits[list[i]]; bit++)
			variables[fields->first[list[i]] + bit] = true;
	for (size_t i = 0; variables && opaque && i < fields->predicate_count; i++)
		if (fields->predicates[i]->kind == PREDICATE_OPAQUE &&
		    !is_shared(fields->predicates[i]->name))
			variables[fields->predicates[i]->variable] = true;
	return variables;
}

diagram_node walk_later_fragment(struct walk *walk, diagram_node f)
{
	f = compose_fix(walk->behaviour, f, FIELD_FRAGMENT, FRAGMENT_LATE);
	for (size_t i = 0; i < WALK_TRANSPORT; i++)
		f = compose_fix(walk->behaviour, f, walk_transport[i], 0);
	return f;
}

static diagram_node is_fragment(const struct walk *walk, enum fragment_value value)
{
	return fields_value(walk->behaviour->fields, FIELD_FRAGMENT, value);
}

diagram_node walk_as_first(struct walk *walk, diagram_node f)
{
	return diagram_if(walk->behaviour->fields->diagram, is_fragment(walk, FRAGMENT_LATE),
			  compose_fix(walk->behaviour, f, FIELD_FRAGMENT, FRAGMENT_FIRST), f);
}

void walk_look_later(struct walk *walk, const struct part *front, struct later *later)
{
	struct diagram *diagram = walk->behaviour->fields->diagram;
	diagram_node dropped[SIDES_MAX], gone[SIDES_MAX];
	bool *opaque = walk_variables(walk, NULL, 0, true);
	for (size_t side = 0; side < SIDES_MAX; side++)
		later->ends[side] = opaque ? walk_later_fragment(walk, front->lock[side]) : DIAGRAM_UNDECIDED;
	/* Late ones that are asked otherwise, whatever becomes of them. */
	for (size_t side = 0; side < SIDES_MAX; side++)
		gone[side] = walk_final(walk, walk_drop(walk, later->ends[side]));
	later->doubtful = walk_unequal(walk, gone[0], gone[1]);
	bool same = later->ends[0] == later->ends[1];
	for (size_t side = 0; side < SIDES_MAX; side++) {
		if (!same && opaque)
			later->ends[side] = walk_collapse(walk, later->ends[side], opaque);
		later->unknown[side] = walk_unknown(walk, later->ends[side], later->ends[side]);
	}
	for (size_t side = 0; side < SIDES_MAX; side++)
		dropped[side] = walk_dropped(walk, later->ends[side]);
	later->unlike = diagram_or(diagram, diagram_minus(diagram, dropped[0], dropped[1]),
				   diagram_minus(diagram, dropped[1], dropped[0]));
	for (size_t side = 0; side < SIDES_MAX; side++)
		later->unlike = diagram_or(diagram, later->unlike, later->unknown[side]);
	free(opaque);
}

void walk_assemble(struct walk *walk, const struct part *front, struct fates *fates, struct later *later)
{
	struct diagram *diagram = walk->behaviour->fields->diagram;
	diagram_node first = is_fragment(walk, FRAGMENT_FIRST);
	for (size_t side = 0; side < SIDES_MAX; side++) {
		diagram_node gone = walk_drop(walk, front->lock[side]);
		diagram_node where = walk_alike(walk, front->lock[side], front->lock[side]);
		where = diagram_and(diagram, first, where);
		/* Where the whole is dropped all the same it does not matter. */
		diagram_node doubtful = diagram_and(diagram, where, later->unknown[side]);
		if (doubtful != DIAGRAM_FALSE)
			doubtful =
			    diagram_and(diagram, doubtful, walk_unequal(walk, gone, fates->full[side]));
		later->doubtful = diagram_or(diagram, later->doubtful, doubtful);
		where = diagram_and(diagram, where, walk_dropped(walk, later->ends[side]));
		fates->full[side] = diagram_if(diagram, where, gone, fates->full[side]);
		fates->full[side] = walk_as_first(walk, fates->full[side]);
	}
}
