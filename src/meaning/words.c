/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A diagram taken apart into conjunctions, one field after the other: the values of a field that lead to the
 * same rest stand together. Conjunctions that differ in one field only are merged, the largest come first,
 * and each is said in words and shown by a packet. */
#include "meaning/words.h"

#include "ruleset/protocol.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define LEAVES_MAX                                                                                           \
	1000 /* conjunctions that are looked at: a difference with more is told by its largest parts */
#define RANGES_SHOWN 3

/* Values of a field: some, or (count 0) all. */
struct values {
	size_t count;
	const struct diagram_range *ranges; /* `rest` is not used */
};

/* Variables asked one by one: TCP flags and what is not modelled. */
struct literal {
	uint32_t variable;
	bool holds;
};

struct leaf {
	uint32_t pair;
	struct values fields[FIELD_COUNT];
	size_t literal_count;
	const struct literal *literals;
	double share;
};

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

/* How many values of the field occur. */
static uint64_t field_values(const struct fields *fields, enum field field)
{
	switch (field) {
	case FIELD_SOURCE:
	case FIELD_DESTINATION:
		return fields_classes(fields, field);
	case FIELD_IN:
	case FIELD_OUT:
		return fields->interface_count;
	case FIELD_STATE:
		return STATE_COUNT;
	case FIELD_FRAGMENT:
		return FRAGMENT_LATE + 1;
	default:
		return (uint64_t)1 << fields->bits[field];
	}
}

static bool is_in_block(const struct fields *fields, enum field field, uint32_t variable)
{
	return variable >= fields->first[field] && variable < fields->first[field] + fields->bits[field];
}

/* The field whose block the variable is in, and is asked as a whole; FIELD_COUNT: none. */
static enum field field_of(const struct fields *fields, uint32_t variable)
{
	for (enum field field = 0; field < FIELD_COUNT; field++)
		if (field != FIELD_TCP_FLAGS && is_in_block(fields, field, variable))
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
	struct runs runs = {.description = description, .limit = field_values(fields, field)};
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
		description->at.fields[field] = all ? (struct values){0} : (struct values){end - i, ranges};
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
	bool all =
	    kept == 1 && ranges[0].low == 0 && ranges[0].high == field_values(description->fields, field) - 1;
	*a = all ? (struct values){0} : (struct values){kept, ranges};
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

/* --- sizes
 * ------------------------------------------------------------------------------------------------------- */

struct addresses {
	double size; /* of all, 0 to 1 */
	double max;
	size_t count;
	struct address_range shown[RANGES_SHOWN];
};

static int add_addresses(void *context, address low, address high)
{
	struct addresses *addresses = context;
	if (addresses->count < RANGES_SHOWN)
		addresses->shown[addresses->count] = (struct address_range){low, high};
	addresses->count++;
	addresses->size += ((double)(high - low) + 1) / addresses->max;
	return 0;
}

static void find_addresses(const struct description *description, enum field field,
			   const struct values *values, bool inside, struct addresses *addresses)
{
	const struct fields *fields = description->fields;
	size_t classes = fields_classes(fields, field);
	bool *chosen = malloc(classes + 1);
	*addresses = (struct addresses){.max = (double)family_max(fields->family) + 1};
	if (!chosen)
		return;
	memset(chosen, !inside, classes);
	for (size_t i = 0; i < values->count; i++)
		for (size_t class = (size_t)values->ranges[i].low; class <= values->ranges[i].high; class ++)
			chosen[class] = inside;
	fields_visit_classes(fields, field, chosen, add_addresses, addresses);
	free(chosen);
}

static double values_share(const struct description *description, enum field field,
			   const struct values *values)
{
	double share = 0;
	if (!values->count)
		return 1;
	if (field == FIELD_SOURCE || field == FIELD_DESTINATION) {
		struct addresses addresses;
		find_addresses(description, field, values, true, &addresses);
		return addresses.size;
	}
	for (size_t i = 0; i < values->count; i++)
		share += (double)(values->ranges[i].high - values->ranges[i].low) + 1;
	return share / (double)field_values(description->fields, field);
}

static int compare_leaves(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;
	return x->share > y->share ? -1 : x->share < y->share;
}

static void sort_leaves(struct description *description)
{
	for (size_t i = 0; i < description->leaf_count; i++) {
		struct leaf *leaf = &description->leaves[i];
		leaf->share = 1;
		for (enum field field = 0; field < FIELD_COUNT; field++)
			leaf->share *= values_share(description, field, &leaf->fields[field]);
		for (size_t l = 0; l < leaf->literal_count; l++)
			leaf->share /= 2;
	}
	if (description->leaf_count)
		qsort(description->leaves, description->leaf_count, sizeof(*description->leaves),
		      compare_leaves);
}

/* --- words
 * ------------------------------------------------------------------------------------------------------- */

static void print_range(enum family family, struct address_range range, struct buffer *out)
{
	address size = range.high - range.low;
	address_print(family, range.low, out);
	if (size == 0)
		return;
	if ((size & (size + 1)) == 0 && (range.low & size) == 0) {
		unsigned bits = 0;
		while (bits < family_bits(family) && (size >> bits & 1))
			bits++;
		buffer_printf(out, "/%u", family_bits(family) - bits);
		return;
	}
	buffer_puts(out, "-");
	address_print(family, range.high, out);
}

static void print_ranges(enum family family, const struct addresses *addresses, struct buffer *out)
{
	for (size_t i = 0; i < addresses->count && i < RANGES_SHOWN; i++) {
		buffer_puts(out, i ? ", " : "");
		print_range(family, addresses->shown[i], out);
	}
	if (addresses->count > RANGES_SHOWN)
		buffer_printf(out, " and %zu more ranges", addresses->count - RANGES_SHOWN);
}

static void print_addresses(const struct description *description, enum field field,
			    const struct values *values, struct buffer *out)
{
	enum family family = description->fields->family;
	struct addresses inside, outside;
	buffer_puts(out, field == FIELD_SOURCE ? " from " : " to ");
	if (!values->count) {
		buffer_puts(out, field == FIELD_SOURCE ? "anywhere" : "any address");
		return;
	}
	find_addresses(description, field, values, true, &inside);
	find_addresses(description, field, values, false, &outside);
	if (inside.size > 0.5 && outside.count <= RANGES_SHOWN && outside.count < inside.count) {
		buffer_puts(out, field == FIELD_SOURCE ? "anywhere but " : "any address but ");
		print_ranges(family, &outside, out);
	} else {
		print_ranges(family, &inside, out);
	}
}

static void print_numbers(const char *before, const struct values *values, struct buffer *out)
{
	if (!values->count)
		return;
	buffer_puts(out, before);
	for (size_t i = 0; i < values->count && i < 8; i++) {
		const struct diagram_range *range = &values->ranges[i];
		buffer_printf(out, "%s%u", i ? "," : " ", (unsigned)range->low);
		if (range->high > range->low)
			buffer_printf(out, "-%u", (unsigned)range->high);
	}
	if (values->count > 8)
		buffer_printf(out, " and %zu more", values->count - 8);
}

static bool names_protocol(const struct values *values, uint8_t protocol)
{
	for (size_t i = 0; i < values->count; i++)
		if (values->ranges[i].low <= protocol && protocol <= values->ranges[i].high)
			return true;
	return !values->count;
}

static void print_protocols(const struct description *description, const struct values *values,
			    struct buffer *out)
{
	size_t covered = 0;
	for (size_t i = 0; i < values->count; i++)
		covered += (size_t)(values->ranges[i].high - values->ranges[i].low) + 1;
	bool but = covered > 128;
	size_t shown = 0;
	if (!values->count) {
		buffer_puts(out, "packets");
		return;
	}
	buffer_puts(out, but ? "packets but " : "");
	for (unsigned protocol = 0; protocol < 256; protocol++) {
		if (names_protocol(values, (uint8_t)protocol) == but)
			continue;
		const char *name = protocol_name((uint8_t)protocol);
		if (++shown > 6)
			continue;
		buffer_puts(out, shown > 1 ? ", " : "");
		if (name)
			buffer_puts(out, name);
		else
			buffer_printf(out, "protocol %u", protocol);
	}
	if (shown > 6)
		buffer_printf(out, " and %zu more protocols", shown - 6);
	(void)description;
}

static void print_icmp(const struct values *values, struct buffer *out)
{
	for (size_t i = 0; i < values->count && i < 4; i++) {
		const struct diagram_range *range = &values->ranges[i];
		unsigned low = (unsigned)range->low, high = (unsigned)range->high;
		buffer_puts(out, i ? ", " : " type ");
		buffer_printf(out, "%u", low >> 8);
		if (low == high)
			buffer_printf(out, "/%u", low & 255);
		else if ((low & 255) || (high & 255) != 255)
			buffer_printf(out, "/%u to %u/%u", low & 255, high >> 8, high & 255);
		else if (high >> 8 > low >> 8)
			buffer_printf(out, "-%u", high >> 8);
	}
	if (values->count > 4)
		buffer_printf(out, " and %zu more", values->count - 4);
}

static void print_names(const char *before, const struct values *values,
			const char *(*name)(const void *, uint64_t), const void *context, struct buffer *out)
{
	size_t shown = 0;
	for (size_t i = 0; i < values->count; i++)
		for (uint64_t value = (uint64_t)values->ranges[i].low; value <= values->ranges[i].high;
		     value++)
			if (++shown <= 6)
				buffer_printf(out, "%s%s", shown == 1 ? before : ",", name(context, value));
	if (shown > 6)
		buffer_printf(out, " and %zu more", shown - 6);
}

static const char *state_word(const void *context, uint64_t value)
{
	(void)context;
	return connection_state_name((enum connection_state)value);
}

static const char *interface_word(const void *context, uint64_t value)
{
	const struct fields *fields = context;
	return value + 1 == fields->interface_count ? "another interface" : fields->interfaces[value];
}

/* Where only a few are left out, those. */
static void print_interfaces(const struct fields *fields, const char *which, const struct values *values,
			     struct buffer *out)
{
	if (!values->count)
		return;
	size_t left_out = fields->interface_count;
	struct buffer before = {0};
	for (size_t i = 0; i < values->count; i++)
		left_out -= (size_t)(values->ranges[i].high - values->ranges[i].low) + 1;
	bool others = values->count && values->ranges[values->count - 1].high + 1 == fields->interface_count;
	if (!others || left_out > 3) {
		buffer_printf(&before, ", %s ", which);
		print_names(before.data ? before.data : "", values, interface_word, fields, out);
		buffer_fini(&before);
		return;
	}
	buffer_printf(out, ", %s any interface but ", which);
	size_t run = 0, shown = 0;
	for (size_t class = 0; class < fields->interface_count; class ++) {
		while (run < values->count && values->ranges[run].high < class)
			run++;
		if (run == values->count || values->ranges[run].low > class)
			buffer_printf(out, "%s%s", shown++ ? "," : "", fields->interfaces[class]);
	}
}

static const char *fragment_word(const void *context, uint64_t value)
{
	static const char *const words[] = {"not fragmented", "first fragments", "later fragments"};
	(void)context;
	return words[value];
}

/* "-m limit --limit 5/sec #3": the place is not for people. */
static int name_size(const char *name)
{
	const char *mark = strrchr(name, '#');
	bool numbered = mark && mark > name + 1 && mark[-1] == ' ' && mark[1] &&
			strspn(mark + 1, "0123456789") == strlen(mark + 1);
	return numbered ? (int)(mark - 1 - name) : (int)strlen(name);
}

static void print_flags(const struct description *description, const struct leaf *leaf, struct buffer *out)
{
	static const char *const flags[] = {"cwr", "ece", "urg", "ack", "psh", "rst", "syn", "fin"};
	const struct fields *fields = description->fields;
	size_t shown = 0;
	for (size_t i = 0; i < leaf->literal_count; i++) {
		uint32_t variable = leaf->literals[i].variable;
		if (!is_in_block(fields, FIELD_TCP_FLAGS, variable))
			continue;
		buffer_printf(out, "%s%s%s", shown++ ? " " : " flags ", leaf->literals[i].holds ? "" : "!",
			      flags[variable - fields->first[FIELD_TCP_FLAGS]]);
	}
}

static void print_unknowns(const struct description *description, const struct leaf *leaf, struct buffer *out)
{
	const struct fields *fields = description->fields;
	for (size_t i = 0; i < leaf->literal_count; i++)
		for (size_t p = 0; p < fields->predicate_count; p++) {
			const struct predicate *predicate = fields->predicates[p];
			if (predicate->kind != PREDICATE_OPAQUE ||
			    predicate->variable != leaf->literals[i].variable)
				continue;
			buffer_printf(out, "%s\"%.*s\" %s", out->size ? " and " : "",
				      name_size(predicate->name), predicate->name,
				      leaf->literals[i].holds ? "holds" : "does not hold");
		}
}

/* Whoever speaks of ports, types or flags speaks of packets that have them. */
static bool fragments_implied(const struct leaf *leaf)
{
	static const enum field transport[] = {FIELD_SPORT, FIELD_DPORT, FIELD_ICMP, FIELD_TCP_FLAGS,
					       FIELD_PAYLOAD};
	const struct values *fragments = &leaf->fields[FIELD_FRAGMENT];
	bool early = fragments->count == 1 && fragments->ranges[0].low == FRAGMENT_WHOLE &&
		     fragments->ranges[0].high == FRAGMENT_FIRST;
	bool spoken = false;
	for (size_t i = 0; i < sizeof(transport) / sizeof(transport[0]); i++)
		spoken |= leaf->fields[transport[i]].count > 0;
	return early && (spoken || leaf->literal_count);
}

static void print_leaf(const struct description *description, const struct leaf *leaf, struct buffer *out)
{
	const struct values *fields = leaf->fields;
	enum hook hook = description->request->hook;
	print_protocols(description, &fields[FIELD_PROTOCOL], out);
	print_addresses(description, FIELD_SOURCE, &fields[FIELD_SOURCE], out);
	print_numbers(" port", &fields[FIELD_SPORT], out);
	print_addresses(description, FIELD_DESTINATION, &fields[FIELD_DESTINATION], out);
	print_numbers(" port", &fields[FIELD_DPORT], out);
	print_icmp(&fields[FIELD_ICMP], out);
	print_flags(description, leaf, out);
	if (!fragments_implied(leaf))
		print_names(", ", &fields[FIELD_FRAGMENT], fragment_word, NULL, out);
	if (fields[FIELD_PAYLOAD].count)
		buffer_puts(out, fields[FIELD_PAYLOAD].ranges[0].low ? ", with data" : ", without data");
	print_names(", state ", &fields[FIELD_STATE], state_word, NULL, out);
	if (hook != HOOK_OUTPUT)
		print_interfaces(description->fields, "in", &fields[FIELD_IN], out);
	if (hook != HOOK_INPUT && hook != HOOK_PREROUTING)
		print_interfaces(description->fields, "out", &fields[FIELD_OUT], out);
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
	print_leaf(description, leaf, &words);
	region->words = keep_buffer(description, &words);
	if (find_packet(description, leaf, region))
		return -ENOMEM;
	print_unknowns(description, leaf, &unknowns);
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
	print_unknowns(description, &leaf, &unknowns);
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
