/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A diagram taken apart into conjunctions, one field after the other: the values of a field that lead to the
 * same rest stand together. Conjunctions that differ in one field only are merged, the largest come first,
 * and each is said in words and shown by a packet. */
#include "meaning/phrase.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define LEAVES_MAX                                                                                           \
	1000 /* conjunctions that are looked at: a difference with more is told by its largest parts */

struct pair {
	uint32_t before, after;
};

struct description {
	const struct words_request *request;
	const struct fields *fields;
	struct diagram *diagram;
	struct arena *scratch;
	size_t pair_count, pair_capacity;
	struct pair *pairs;
	size_t leaf_count, leaf_capacity, leaf_total;
	struct leaf *leaves;
	struct leaf at; /* the path to here */
	struct literal literals[128];
	bool failed;
};

/* --- taking apart
 * ------------------------------------------------------------------------------------------------------- */

/* Terminals: 0 where both ends are the same, else the number of the pair + 1. */
static diagram_node pair_up(void *context, uint32_t before, uint32_t after)
{
	struct description *description = context;
	if (before == after)
		return DIAGRAM_FALSE;
	for (size_t i = 0; i < description->pair_count; i++)
		if (description->pairs[i].before == before && description->pairs[i].after == after)
			return diagram_terminal((uint32_t)i + 1);
	struct pair *fresh =
	    arena_push(description->scratch, (void **)&description->pairs, &description->pair_count,
		       &description->pair_capacity, sizeof(*fresh));
	if (!fresh)
		return DIAGRAM_UNDECIDED;
	*fresh = (struct pair){before, after};
	return diagram_terminal((uint32_t)description->pair_count);
}

/* The field whose block the variable is in, and is asked as a whole; FIELD_COUNT: none. */
static enum field field_of(const struct fields *fields, uint32_t variable)
{
	for (enum field field = 0; field < FIELD_COUNT; field++)
		if (field != FIELD_TCP_FLAGS && phrase_in_block(fields, field, variable))
			return field;
	return FIELD_COUNT;
}

struct runs {
	struct description *description;
	uint64_t limit;
	size_t count, capacity;
	struct diagram_range *ranges;
};

static int note_run(void *context, diagram_word low, diagram_word high, diagram_node rest)
{
	struct runs *runs = context;
	if (rest == DIAGRAM_FALSE || low >= runs->limit)
		return 0;
	struct diagram_range *range = arena_push(runs->description->scratch, (void **)&runs->ranges,
						 &runs->count, &runs->capacity, sizeof(*range));
	if (!range)
		return -ENOMEM;
	*range = (struct diagram_range){low, high < runs->limit ? high : runs->limit - 1, rest};
	return 0;
}

static int compare_rests(const void *a, const void *b)
{
	const struct diagram_range *x = a, *y = b;
	if (x->rest != y->rest)
		return x->rest < y->rest ? -1 : 1;
	return x->low < y->low ? -1 : x->low > y->low;
}

/* Whether some packet is like this. */
static bool occurs(const struct description *description, diagram_node conjunction)
{
	return diagram_and(description->diagram, conjunction, description->request->domain) != DIAGRAM_FALSE;
}

static void take_apart(struct description *description, diagram_node node, diagram_node path);

static void keep_leaf(struct description *description, uint32_t pair)
{
	description->leaf_total++;
	if (description->leaf_count >= LEAVES_MAX)
		return;
	struct leaf *leaf = arena_push(description->scratch, (void **)&description->leaves,
				       &description->leaf_count, &description->leaf_capacity, sizeof(*leaf));
	struct literal *literals =
	    arena_array(description->scratch, description->at.literal_count, sizeof(*literals));
	if (!leaf || !literals) {
		description->failed = true;
		return;
	}
	*leaf = description->at;
	memcpy(literals, description->literals, description->at.literal_count * sizeof(*literals));
	leaf->literals = literals;
	leaf->pair = pair;
}

static void take_literal(struct description *description, diagram_node node, diagram_node path)
{
	struct diagram *diagram = description->diagram;
	uint32_t variable = diagram_variable(diagram, node);
	size_t at = description->at.literal_count;
	if (at == sizeof(description->literals) / sizeof(description->literals[0])) {
		description->leaf_total++; /* too deep to be said */
		return;
	}
	for (int holds = 1; holds >= 0; holds--) {
		diagram_node here = diagram_make(diagram, variable, holds ? DIAGRAM_FALSE : DIAGRAM_TRUE,
						 holds ? DIAGRAM_TRUE : DIAGRAM_FALSE);
		description->literals[at] = (struct literal){variable, holds};
		description->at.literal_count = at + 1;
		take_apart(description, holds ? diagram_high(diagram, node) : diagram_low(diagram, node),
			   diagram_and(diagram, path, here));
	}
	description->at.literal_count = at;
}

static void take_field(struct description *description, enum field field, diagram_node node,
		       diagram_node path)
{
	const struct fields *fields = description->fields;
	struct diagram *diagram = description->diagram;
	struct runs runs = {.description = description, .limit = phrase_field_values(fields, field)};
	if (diagram_intervals(diagram, node, fields->first[field], fields->bits[field], note_run, &runs)) {
		description->failed = true;
		return;
	}
	if (runs.count)
		qsort(runs.ranges, runs.count, sizeof(*runs.ranges), compare_rests);
	for (size_t i = 0; i < runs.count;) {
		size_t end = i + 1;
		diagram_node rest = runs.ranges[i].rest;
		while (end < runs.count && runs.ranges[end].rest == rest)
			end++;
		struct diagram_range *ranges = arena_array(description->scratch, end - i, sizeof(*ranges));
		if (!ranges) {
			description->failed = true;
			return;
		}
		memcpy(ranges, runs.ranges + i, (end - i) * sizeof(*ranges));
		for (size_t r = 0; r < end - i; r++)
			ranges[r].rest = DIAGRAM_TRUE;
		diagram_node here = diagram_ranges(diagram, fields->first[field], fields->bits[field], ranges,
						   end - i, DIAGRAM_FALSE);
		bool all = end - i == 1 && ranges[0].low == 0 && ranges[0].high == runs.limit - 1;
		description->at.fields[field].count = all ? 0 : end - i;
		description->at.fields[field].ranges = ranges;
		take_apart(description, rest, diagram_and(diagram, path, here));
		description->at.fields[field] = (struct values){0};
		i = end;
	}
}

/* Depth: the number of fields and variables. */
static void take_apart(struct description *description, diagram_node node, diagram_node path)
{
	if (node == DIAGRAM_UNDECIDED || path == DIAGRAM_UNDECIDED)
		description->failed = true;
	if (description->failed || node == DIAGRAM_FALSE || description->leaf_total > 10 * LEAVES_MAX ||
	    !occurs(description, path))
		return;
	if (diagram_is_terminal(node)) {
		keep_leaf(description, diagram_value(node) - 1);
		return;
	}
	enum field field = field_of(description->fields, diagram_variable(description->diagram, node));
	if (field == FIELD_COUNT)
		take_literal(description, node, path);
	else
		take_field(description, field, node, path);
}

/* --- merging
 * ------------------------------------------------------------------------------------------------------- */

static bool values_same(const struct values *a, const struct values *b)
{
	bool same = a->count == b->count;
	for (size_t i = 0; i < a->count && same; i++)
		same = a->ranges[i].low == b->ranges[i].low && a->ranges[i].high == b->ranges[i].high;
	return same;
}

static int compare_lows(const void *a, const void *b)
{
	const struct diagram_range *x = a, *y = b;
	return x->low < y->low ? -1 : x->low > y->low;
}

/* Values of either; in the arena. */
static bool values_unite(struct description *description, enum field field, struct values *a,
			 const struct values *b)
{
	struct diagram_range *ranges =
	    arena_array(description->scratch, a->count + b->count, sizeof(*ranges));
	size_t count = a->count + b->count, kept = 0;
	if (!ranges)
		return false;
	memcpy(ranges, a->ranges, a->count * sizeof(*ranges));
	memcpy(ranges + a->count, b->ranges, b->count * sizeof(*ranges));
	qsort(ranges, count, sizeof(*ranges), compare_lows);
	for (size_t i = 0; i < count; i++) {
		if (kept && ranges[i].low <= ranges[kept - 1].high + 1) {
			if (ranges[i].high > ranges[kept - 1].high)
				ranges[kept - 1].high = ranges[i].high;
		} else {
			ranges[kept++] = ranges[i];
		}
	}
	bool all = kept == 1 && ranges[0].low == 0 &&
		   ranges[0].high == phrase_field_values(description->fields, field) - 1;
	a->count = all ? 0 : kept;
	a->ranges = ranges;
	return true;
}

/* Puts b into a where they differ in one field at most. */
static bool leaf_merge(struct description *description, struct leaf *a, const struct leaf *b)
{
	enum field differing = FIELD_COUNT;
	if (a->pair != b->pair || a->literal_count != b->literal_count)
		return false;
	for (size_t i = 0; i < a->literal_count; i++)
		if (a->literals[i].variable != b->literals[i].variable ||
		    a->literals[i].holds != b->literals[i].holds)
			return false;
	for (enum field field = 0; field < FIELD_COUNT; field++) {
		if (values_same(&a->fields[field], &b->fields[field]))
			continue;
		if (differing != FIELD_COUNT || !a->fields[field].count || !b->fields[field].count)
			return false;
		differing = field;
	}
	return differing == FIELD_COUNT ||
	       values_unite(description, differing, &a->fields[differing], &b->fields[differing]);
}

static void merge_leaves(struct description *description)
{
	bool merged = true;
	while (merged) {
		merged = false;
		for (size_t i = 0; i < description->leaf_count; i++)
			for (size_t j = i + 1; j < description->leaf_count;) {
				if (!leaf_merge(description, &description->leaves[i],
						&description->leaves[j])) {
					j++;
					continue;
				}
				description->leaves[j] = description->leaves[--description->leaf_count];
				description->leaf_total--;
				merged = true;
			}
	}
}

static int compare_leaves(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;
	return x->share > y->share ? -1 : x->share < y->share;
}

static void sort_leaves(struct description *description)
{
	for (size_t i = 0; i < description->leaf_count; i++)
		description->leaves[i].share = phrase_share(description->fields, &description->leaves[i]);
	if (description->leaf_count)
		qsort(description->leaves, description->leaf_count, sizeof(*description->leaves),
		      compare_leaves);
}

/* --- packets
 * ------------------------------------------------------------------------------------------------------- */

static diagram_node leaf_node(const struct description *description, const struct leaf *leaf)
{
	struct diagram *diagram = description->diagram;
	const struct fields *fields = description->fields;
	diagram_node all = description->request->domain;
	for (enum field field = 0; field < FIELD_COUNT; field++)
		if (leaf->fields[field].count)
			all = diagram_and(diagram, all,
					  diagram_ranges(diagram, fields->first[field], fields->bits[field],
							 leaf->fields[field].ranges,
							 leaf->fields[field].count, DIAGRAM_FALSE));
	for (size_t i = 0; i < leaf->literal_count; i++)
		all = diagram_and(diagram, all,
				  diagram_make(diagram, leaf->literals[i].variable,
					       leaf->literals[i].holds ? DIAGRAM_FALSE : DIAGRAM_TRUE,
					       leaf->literals[i].holds ? DIAGRAM_TRUE : DIAGRAM_FALSE));
	return all;
}

/* What people expect of a packet, where it is free: a plain one. */
static diagram_node prefer(const struct description *description, diagram_node all, diagram_node wish)
{
	diagram_node both = diagram_and(description->diagram, all, wish);
	return both == DIAGRAM_FALSE || both == DIAGRAM_UNDECIDED ? all : both;
}

static int find_packet(const struct description *description, const struct leaf *leaf,
		       struct difference_region *region)
{
	const struct fields *fields = description->fields;
	diagram_node all = leaf_node(description, leaf);
	int8_t *values = malloc(diagram_variables(description->diagram) + 1);
	if (!values)
		return -ENOMEM;
	all = prefer(description, all, fields_value(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE));
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6,
					    IPPROTO_GRE};
	diagram_node before = all;
	for (size_t i = 0; i < sizeof(protocols) && all == before; i++)
		all = prefer(description, all, fields_value(fields, FIELD_PROTOCOL, protocols[i]));
	all = prefer(description, all, fields_value(fields, FIELD_IN, fields->interface_count - 1));
	/* In raw most packets have no connection yet. */
	enum connection_state state = description->request->table == TABLE_RAW ? STATE_INVALID : STATE_NEW;
	all = prefer(description, all, fields_value(fields, FIELD_STATE, state));
	all = prefer(description, all, fields_value(fields, FIELD_TCP_FLAGS, 2 /* SYN */));
	all = prefer(description, all, fields_value(fields, FIELD_PAYLOAD, 0));
	region->has_witness = diagram_witness(description->diagram, all, 0, values) &&
			      fields_packet(fields, values, &region->packet) == 0;
	/* What this host makes came by none. */
	bool any_input = strcmp(region->packet.in, fields->interfaces[fields->interface_count - 1]) == 0;
	if (description->request->hook == HOOK_OUTPUT ||
	    (description->request->hook == HOOK_POSTROUTING && any_input))
		memset(region->packet.in, 0, sizeof(region->packet.in));
	free(values);
	return 0;
}

static const char *keep_buffer(const struct description *description, struct buffer *out)
{
	const char *text =
	    out->failed ? NULL
			: arena_copy(description->request->arena, out->data ? out->data : "", out->size);
	buffer_fini(out);
	return text;
}

static bool describe_end(const struct description *description, uint32_t number, struct fate *fate)
{
	const struct behaviour *behaviour = description->request->behaviour;
	struct buffer verdict = {0}, events = {0};
	behaviour_print_end(behaviour, number, &verdict);
	behaviour_print_events(behaviour, number, &events);
	bool any = events.size > 0 || events.failed;
	fate->verdict = keep_buffer(description, &verdict);
	fate->effects = any ? keep_buffer(description, &events) : NULL;
	return fate->verdict && (!any || fate->effects);
}

static int describe_leaf(const struct description *description, const struct leaf *leaf,
			 struct difference_region *region)
{
	const struct pair *pair = &description->pairs[leaf->pair];
	struct buffer words = {0}, unknowns = {0};
	region->share = leaf->share;
	phrase_print(description->request, leaf, &words);
	region->words = keep_buffer(description, &words);
	if (find_packet(description, leaf, region))
		return -ENOMEM;
	phrase_print_unknowns(description->request, leaf, &unknowns);
	/* On lo it has the one by which it left; answers of REJECT have that of what they answer. */
	if (description->request->table == TABLE_RAW && region->has_witness &&
	    region->packet.state != STATE_INVALID)
		buffer_printf(&unknowns, "%sit comes with a connection", unknowns.size ? " and " : "");
	bool any = unknowns.size > 0 || unknowns.failed;
	region->unknowns = any ? keep_buffer(description, &unknowns) : NULL;
	if (!region->words || (any && !region->unknowns) ||
	    !describe_end(description, pair->before, &region->before) ||
	    !describe_end(description, pair->after, &region->after))
		return -ENOMEM;
	return 0;
}

/* The end of that assignment; what is free in it decides nothing. */
static uint32_t end_at(const struct description *description, diagram_node ends, const int8_t *values)
{
	const struct diagram *diagram = description->diagram;
	while (!diagram_is_terminal(ends))
		ends = values[diagram_variable(diagram, ends)] > 0 ? diagram_high(diagram, ends)
								   : diagram_low(diagram, ends);
	return diagram_value(ends);
}

static int describe_witness(struct description *description, const int8_t *values,
			    struct difference_region *region)
{
	const struct words_request *request = description->request;
	const struct fields *fields = description->fields;
	struct buffer words = {0}, unknowns = {0};
	struct literal literals[sizeof(description->literals) / sizeof(description->literals[0])];
	struct leaf leaf = {.literals = literals};
	for (size_t i = 0; i < fields->predicate_count; i++) {
		const struct predicate *predicate = fields->predicates[i];
		if (predicate->kind == PREDICATE_OPAQUE && values[predicate->variable] >= 0 &&
		    leaf.literal_count < sizeof(literals) / sizeof(literals[0]))
			literals[leaf.literal_count++] =
			    (struct literal){predicate->variable, values[predicate->variable] > 0};
	}
	phrase_print_unknowns(description->request, &leaf, &unknowns);
	bool any = unknowns.size > 0 || unknowns.failed;
	region->unknowns = any ? keep_buffer(description, &unknowns) : NULL;
	buffer_puts(&words, "packets like this one, and perhaps others");
	region->words = keep_buffer(description, &words);
	region->has_witness = fields_packet(fields, values, &region->packet) == 0;
	bool done =
	    region->words && (!any || region->unknowns) &&
	    describe_end(description, end_at(description, request->before, values), &region->before) &&
	    describe_end(description, end_at(description, request->after, values), &region->after);
	return done ? 0 : -ENOMEM;
}

/* One packet, where the budget does not do for more. 0 or -ENOMEM. */
static int describe_one(struct description *description, struct difference_chain *chain)
{
	const struct words_request *request = description->request;
	struct difference_region *region = arena_array(request->arena, 1, sizeof(*region));
	int8_t *values = malloc(diagram_variables(description->diagram) + 1);
	int result = region && values ? 0 : -ENOMEM;
	if (!result && diagram_witness(description->diagram, request->different, 0, values)) {
		result = describe_witness(description, values, region);
		chain->regions = region;
		chain->region_count = chain->region_total = 1;
	}
	free(values);
	return result;
}

int words_describe(const struct words_request *request, struct difference_chain *chain)
{
	struct description description = {
	    .request = request,
	    .fields = behaviour_fields(request->behaviour),
	    .diagram = behaviour_fields(request->behaviour)->diagram,
	    .scratch = arena_new(),
	};
	int result = -ENOMEM;
	if (!description.scratch)
		return result;
	diagram_node pairs =
	    diagram_apply(description.diagram, pair_up, &description, request->before, request->after);
	pairs = diagram_if(description.diagram, request->touched, pairs, DIAGRAM_FALSE);
	diagram_forget(description.diagram);
	take_apart(&description, pairs, DIAGRAM_TRUE);
	merge_leaves(&description);
	sort_leaves(&description);
	size_t shown = description.leaf_count < request->limit ? description.leaf_count : request->limit;
	struct difference_region *regions = arena_array(request->arena, shown, sizeof(*regions));
	result = regions ? 0 : -ENOMEM;
	for (size_t i = 0; i < shown && !result; i++)
		result = describe_leaf(&description, &description.leaves[i], &regions[i]);
	chain->regions = regions;
	chain->region_count = shown;
	chain->region_total = description.leaf_total;
	if (!result && !shown)
		result = describe_one(&description, chain);
	arena_free(description.scratch);
	return result;
}
