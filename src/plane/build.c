/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * plane_build(): region to tables. Every diagram node that begins a dimension becomes a plane node; those
 * within a dimension vanish into its classes. Nothing here needs to be believed: plane_prove() reads the
 * result back. */
#include "plane/build.h"

#include "base/clock.h"
#include "plane/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	enum plane_dimension dimension;
	enum field field;
} fields_of[] = {
    {PLANE_SOURCE, FIELD_SOURCE},       {PLANE_DESTINATION, FIELD_DESTINATION},
    {PLANE_PROTOCOL, FIELD_PROTOCOL},   {PLANE_ICMP, FIELD_ICMP},
    {PLANE_SPORT, FIELD_SPORT},         {PLANE_DPORT, FIELD_DPORT},
    {PLANE_TCP_FLAGS, FIELD_TCP_FLAGS}, {PLANE_FRAGMENT, FIELD_FRAGMENT},
    {PLANE_PAYLOAD, FIELD_PAYLOAD},
};
#define FIELDS_OF_COUNT (sizeof(fields_of) / sizeof(fields_of[0]))
static const uint8_t field_bits[PLANE_RUNS] = {0, 0, 8, 16, 16, 16, 8, 2, 1};
#define DIMENSION_UNSEEN 255u /* a variable that XDP cannot see */

static uint32_t pair_kind(const struct predicate *predicate)
{
	return (predicate->pair_source_address ? 0 : PLANE_PAIR_DESTINATION_ADDRESS) |
	       (predicate->pair_source_port ? 0 : PLANE_PAIR_DESTINATION_PORT);
}

static uint32_t predicate_space(const struct predicate *predicate)
{
	switch (predicate->kind) {
	case PREDICATE_SOURCE:
		return PLANE_SPACE_SOURCE;
	case PREDICATE_DESTINATION:
		return PLANE_SPACE_DESTINATION;
	case PREDICATE_PAIR:
		return PLANE_SPACE_PAIRS + pair_kind(predicate);
	case PREDICATE_BOXES:
	case PREDICATE_OPAQUE:
		break;
	}
	return PLANE_SPACE_NONE;
}

/* Which variables the region tests: every node is met once. */
static int find_tested(struct build *build)
{
	const struct diagram *diagram = build->fields->diagram;
	diagram_node *stack = NULL;
	size_t count = 0, capacity = 0;
	int result = array_reserve((void **)&stack, &capacity, 1, sizeof(*stack));
	if (result)
		return result;
	build->stamp++;
	stack[count++] = build->region->root;
	while (count && result == 0) {
		diagram_node node = stack[--count];
		if (diagram_is_terminal(node))
			continue;
		if (node >= build->mark_count) {
			result = -EINVAL;
			break;
		}
		if (build->seen[node] == build->stamp)
			continue;
		build->seen[node] = build->stamp;
		build->tested[diagram_variable(diagram, node)] = true;
		result = array_reserve((void **)&stack, &capacity, count + 2, sizeof(*stack));
		if (result == 0) {
			stack[count++] = diagram_low(diagram, node);
			stack[count++] = diagram_high(diagram, node);
		}
	}
	free(stack);
	return result;
}

static int compare_predicates(const void *a, const void *b)
{
	const struct predicate *const *left = a, *const *right = b;
	return (*left)->variable < (*right)->variable ? -1 : (*left)->variable > (*right)->variable;
}

/* Predicates that are tested or counted, into their spaces, by variable. */
static int gather_predicates(struct build *build)
{
	const struct fields *fields = build->fields;
	size_t variables = diagram_variables(fields->diagram);
	const struct predicate **order =
	    calloc(fields->predicate_count + 1, sizeof(const struct predicate *));
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < build->region->unit_count; i++) {
		const struct predicate *predicate = build->region->units[i].predicate;
		if (predicate && predicate->kind != PREDICATE_OPAQUE && predicate->variable < variables)
			build->counted[predicate->variable] = true;
	}
	size_t count = 0;
	int result = 0;
	for (size_t i = 0; i < fields->predicate_count; i++) {
		const struct predicate *predicate = fields->predicates[i];
		if (predicate->kind == PREDICATE_OPAQUE)
			continue;
		if (predicate->variable >= variables)
			result = -EINVAL;
		else if (build->tested[predicate->variable])
			order[count++] = predicate;
	}
	qsort(order, count, sizeof(const struct predicate *), compare_predicates);
	for (size_t i = 0; i < count && result == 0; i++) {
		struct space *space = &build->spaces[predicate_space(order[i])];
		if (!space->predicates)
			space->predicates = calloc(count, sizeof(*space->predicates));
		if (!space->predicates) {
			result = -ENOMEM;
			break;
		}
		build->predicate_of[order[i]->variable] = (uint32_t)space->predicate_count;
		space->predicates[space->predicate_count++] =
		    (struct space_predicate){order[i], build->counted[order[i]->variable]};
	}
	free(order);
	return result;
}

/* Consecutive pair predicates over one kind of pair are one dimension. */
static int assign_pairs(struct build *build)
{
	size_t next[PLANE_PAIR_KINDS] = {0};
	struct dimension *run = NULL;
	for (;;) {
		const struct space *space = NULL;
		uint32_t kind = 0;
		for (uint32_t i = 0; i < PLANE_PAIR_KINDS; i++) {
			const struct space *other = &build->spaces[PLANE_SPACE_PAIRS + i];
			if (next[i] < other->predicate_count &&
			    (!space || other->predicates[next[i]].predicate->variable <
					   space->predicates[next[kind]].predicate->variable)) {
				space = other;
				kind = i;
			}
		}
		if (!space)
			return 0;
		if (!run || run->kind != kind) {
			if (build->dimension_count == PLANE_DIMENSION_MAX)
				return -E2BIG;
			run = &build->dimensions[build->dimension_count++];
			run->present = true;
			run->kind = kind;
			run->space = space;
			run->predicate_first = next[kind];
		}
		run->predicate_count++;
		build->dimension_of[space->predicates[next[kind]++].predicate->variable] =
		    (uint8_t)(build->dimension_count - 1);
	}
}

/* Which variable belongs to which dimension; checks that they come in the order of layout.h. */
static int assign_dimensions(struct build *build)
{
	const struct fields *fields = build->fields;
	uint32_t variables = diagram_variables(fields->diagram);
	memset(build->dimension_of, DIMENSION_UNSEEN, variables);
	build->dimension_count = PLANE_RUNS;
	for (size_t i = 0; i < FIELDS_OF_COUNT; i++) {
		struct dimension *dimension = &build->dimensions[fields_of[i].dimension];
		uint32_t first = fields->first[fields_of[i].field], bits = fields->bits[fields_of[i].field];
		uint32_t expected = field_bits[fields_of[i].dimension];
		if (bits != (expected ? expected : family_bits(build->family)) || first > variables ||
		    bits > variables - first)
			return -EINVAL;
		dimension->bit_first = first;
		dimension->bit_count = bits;
		memset(build->dimension_of + first, (int)fields_of[i].dimension, bits);
	}
	for (uint32_t i = 0; i < 2; i++) {
		const struct space *space = &build->spaces[PLANE_SPACE_SOURCE + i];
		struct dimension *dimension = &build->dimensions[PLANE_SOURCE + i];
		dimension->space = space;
		dimension->predicate_count = space->predicate_count;
		for (size_t k = 0; k < space->predicate_count; k++) {
			uint32_t variable = space->predicates[k].predicate->variable;
			if (variable >= dimension->bit_first)
				return -EINVAL;
			build->dimension_of[variable] = (uint8_t)(PLANE_SOURCE + i);
		}
	}
	int result = assign_pairs(build);
	if (result)
		return result;
	uint32_t last = 0;
	for (uint32_t variable = 0; variable < variables; variable++) {
		if (!build->tested[variable])
			continue;
		uint32_t dimension = build->dimension_of[variable];
		if (dimension == DIMENSION_UNSEEN || dimension < last)
			return -EINVAL;
		build->dimensions[dimension].present = true;
		last = dimension;
	}
	return 0;
}

int build_meet(struct build *build, diagram_node node)
{
	if (diagram_is_terminal(node))
		return diagram_value(node) < build->region->attribution_count || diagram_value(node) == 0
			   ? 0
			   : -EINVAL;
	if (node >= build->mark_count)
		return -EINVAL;
	if (build->base[node] != BUILD_NONE)
		return 0;
	uint32_t index = build->dimension_of[diagram_variable(build->fields->diagram, node)];
	if (index == DIMENSION_UNSEEN)
		return -EINVAL;
	struct dimension *dimension = &build->dimensions[index];
	int result = array_reserve((void **)&dimension->nodes, &dimension->node_capacity,
				   dimension->node_count + 1, sizeof(*dimension->nodes));
	if (result)
		return result;
	dimension->nodes[dimension->node_count++] = node;
	build->base[node] = 0; /* met; dimension_rows() places it */
	return 0;
}

static int build_table(struct build *build, struct dimension *dimension, uint32_t *table)
{
	int result = dimension_cells(build, dimension);
	if (result)
		return result;
	result = blob_reserve(build->blob, (size_t)2 << dimension->bit_count, 64, table);
	for (size_t i = 0; i < dimension->start_count && result == 0; i++) {
		uint32_t class = 0;
		result = dimension_class(dimension, 0, i, &class);
		address end = i + 1 < dimension->start_count ? dimension->starts[i + 1]
							     : (address)1 << dimension->bit_count;
		uint16_t *values = blob_at(build->blob, *table);
		for (address value = dimension->starts[i]; value < end; value++)
			values[value] = (uint16_t) class;
	}
	return result ? result : dimension_rows(build, dimension);
}

static uint32_t next_of_pair(const void *classes, uint32_t leaf)
{
	return ((const uint16_t *)classes)[leaf];
}

/* The first run's classes go into its table, and that becomes the fast one if it is of destinations. */
static void make_fast(struct build *build, struct plane_family *family, const struct plane_run *run)
{
	const struct plane_exact *table = &family->pairs[run->kind];
	exact_set_next(build, table, next_of_pair, blob_at(build->blob, run->classes));
	if (run->kind == PLANE_PAIR_FAST)
		family->fast = *table;
}

static int build_runs(struct build *build, struct plane_family *family)
{
	int result = 0;
	for (uint32_t kind = 0; kind < PLANE_PAIR_KINDS && result == 0; kind++) {
		struct space *space = &build->spaces[PLANE_SPACE_PAIRS + kind];
		if (space->predicate_count)
			result = pairs_build(build, space, &family->pairs[kind]);
	}
	if (result == 0)
		result =
		    blob_reserve(build->blob, PLANE_RUNS_MAX * sizeof(struct plane_run), 64, &family->runs);
	for (size_t i = PLANE_RUNS; i < build->dimension_count && result == 0; i++) {
		struct plane_run run = {0};
		result = pairs_run(build, &build->dimensions[i], &run);
		if (result == 0)
			((struct plane_run *)blob_at(build->blob, family->runs))[i - PLANE_RUNS] = run;
		if (result == 0 && i == PLANE_RUNS)
			make_fast(build, family, &run);
	}
	return result;
}

struct sources {
	const uint8_t *blob;
	const struct plane_family *family;
};

/* Where the root leads from a source with that leaf. */
static uint32_t row_of_source(const struct sources *sources, uint32_t leaf)
{
	const struct plane_family *family = sources->family;
	const uint32_t *rows = (const uint32_t *)(sources->blob + family->rows);

	return rows[(family->root & PLANE_BASE_MASK) +
		    plane_leaf_class(sources->blob, UINT64_MAX, &family->tries[0], leaf)];
}

static uint32_t next_of_source(const void *context, uint32_t value)
{
	const struct sources *sources = context;
	const struct plane_family *family = sources->family;
	const uint32_t *rows = (const uint32_t *)(sources->blob + family->rows);
	uint32_t entry = row_of_source(sources, value - 1);

	if (PLANE_AT(entry, PLANE_FRAGMENT))
		entry = rows[(entry & PLANE_BASE_MASK) + family->whole_class];
	return entry;
}

/* Whether all of a trie is one leaf. */
static bool is_one_leaf(const struct build *build, const struct plane_trie *trie, uint32_t *leaf)
{
	const uint32_t *roots = blob_at(build->blob, trie->roots);
	uint32_t width = build->family == FAMILY_IPV4 ? 32 : 64;

	for (size_t i = 0; i < (size_t)1 << (width - trie->root_shift); i++)
		if (!(roots[i] & PLANE_LEAF) || roots[i] != roots[0])
			return false;
	*leaf = roots[0] & ~PLANE_LEAF;
	return true;
}

/* Where the root leads whole packets from a single source, and from all others if that is nowhere. Rows are
 * whole by now. */
static void lead_sources(struct build *build, struct plane_family *family)
{
	struct sources sources = {build->blob->data, family};
	uint32_t leaf;

	if (!PLANE_AT(family->root, PLANE_SOURCE) || !family->source.entries)
		return;
	exact_set_next(build, &family->source, next_of_source, &sources);
	if (is_one_leaf(build, &family->tries[0], &leaf))
		family->others_pass = row_of_source(&sources, leaf) == PLANE_PASS;
}

static int build_dimensions(struct build *build, struct plane_family *family)
{
	size_t at = build->blob->size;
	int result = build_meet(build, build->region->root);
	for (uint32_t i = 0; i < 2 && result == 0; i++)
		if (build->dimensions[PLANE_SOURCE + i].present)
			result =
			    trie_build(build, &build->dimensions[PLANE_SOURCE + i],
				       &build->spaces[PLANE_SPACE_SOURCE + i],
				       i == 0 ? &family->source : &family->destination, &family->tries[i]);
	build->plane->statistics.trie_bytes += build->blob->size - at;
	at = build->blob->size;
	for (uint32_t i = PLANE_TABLE_FIRST; i < PLANE_RUNS && result == 0; i++)
		if (build->dimensions[i].present)
			result =
			    build_table(build, &build->dimensions[i], &family->tables[i - PLANE_TABLE_FIRST]);
	if (result == 0 && build->dimensions[PLANE_FRAGMENT].present) {
		const uint16_t *classes =
		    blob_at(build->blob, family->tables[PLANE_FRAGMENT - PLANE_TABLE_FIRST]);
		family->whole_class = classes[0];
	}
	build->plane->statistics.table_bytes += build->blob->size - at;
	at = build->blob->size;
	if (result == 0)
		result = build_runs(build, family);
	build->plane->statistics.pair_bytes += build->blob->size - at;
	return result;
}

static void build_fini(struct build *build)
{
	for (size_t i = 0; i < PLANE_SPACE_COUNT; i++) {
		struct space *space = &build->spaces[i];
		free(space->predicates);
		free(space->segments);
		free(space->points);
		free(space->truths);
		free(space->leaf_first);
		free(space->leaf_credits);
	}
	for (size_t i = 0; i < PLANE_DIMENSION_MAX; i++) {
		struct dimension *dimension = &build->dimensions[i];
		free(dimension->nodes);
		free(dimension->starts);
		free(dimension->cells);
		free(dimension->classes);
		free(dimension->class_cell);
		hash_map_fini(&dimension->class_of);
	}
	free(build->dimension_of);
	free(build->tested);
	free(build->counted);
	free(build->predicate_of);
	free(build->base);
	free(build->seen);
	free(build->rows);
}

static int build_init(struct build *build)
{
	size_t variables = diagram_variables(build->fields->diagram);
	build->mark_count = diagram_size(build->fields->diagram) + 1;
	build->dimension_of = malloc(variables + 1);
	build->tested = calloc(variables + 1, 1);
	build->counted = calloc(variables + 1, 1);
	build->predicate_of = malloc((variables + 1) * sizeof(*build->predicate_of));
	build->base = malloc(build->mark_count * sizeof(*build->base));
	build->seen = calloc(build->mark_count, sizeof(*build->seen));
	if (!build->dimension_of || !build->tested || !build->counted || !build->predicate_of ||
	    !build->base || !build->seen)
		return -ENOMEM;
	memset(build->predicate_of, 0xff, (variables + 1) * sizeof(*build->predicate_of));
	memset(build->base, 0xff, build->mark_count * sizeof(*build->base));
	return 0;
}

static int build_family(struct plane *plane, struct blob *blob, struct hot *hot, enum family index,
			const struct region *region)
{
	struct build *build = calloc(1, sizeof(*build));
	if (!build)
		return -ENOMEM;
	*build = (struct build){.family = index,
				.region = region,
				.fields = region->fields,
				.blob = blob,
				.hot = hot,
				.plane = plane};
	struct plane_family family = {0};
	int result = build_init(build);
	if (result == 0)
		result = find_tested(build);
	if (result == 0)
		result = gather_predicates(build);
	if (result == 0)
		result = assign_dimensions(build);
	if (result == 0)
		result = build_dimensions(build, &family);
	size_t at = blob->size;
	if (result == 0)
		result = credit_build(build, &family);
	if (result == 0)
		lead_sources(build, &family);
	if (result == 0) {
		struct plane_header *header = blob_at(blob, 0);
		header->families[index] = family;
		header->present[index] = index == FAMILY_IPV4 ? 4 : 6;
		plane->statistics.rows_bytes += blob->size - at;
		for (size_t i = 0; i < build->dimension_count; i++)
			plane->statistics.nodes += build->dimensions[i].node_count;
	}
	build_fini(build);
	free(build);
	return result;
}

/* Rounds the blob up to a power of two. */
static int finish(struct plane *plane, struct blob *blob)
{
	size_t size = PLANE_SIZE_MIN;
	while (size < blob->size)
		size *= 2;
	if (size > PLANE_BYTES_MAX)
		return -E2BIG;
	uint8_t *data = realloc(blob->data, size);
	if (!data)
		return -ENOMEM;
	memset(data + blob->size, 0, size - blob->size);
	struct plane_header *header = (struct plane_header *)data;
	header->magic = PLANE_MAGIC;
	header->version = PLANE_VERSION;
	header->size = (uint32_t)blob->size;
	blob->data = NULL;
	plane->blob = data;
	plane->size = size;
	return 0;
}

int plane_build(const struct region *const regions[FAMILY_COUNT], struct plane **plane)
{
	double begun = clock_seconds();
	struct blob blob = {0};
	struct plane *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->slot_count = 1;
	uint32_t header;
	struct hot hot = {sizeof(struct plane_header), PLANE_SIZE_MIN};
	int result = blob_reserve(&blob, PLANE_SIZE_MIN, 64, &header);
	for (int i = 0; i < FAMILY_COUNT && result == 0; i++)
		if (regions[i] && !regions[i]->undecided && regions[i]->root != DIAGRAM_FALSE)
			result = build_family(fresh, &blob, &hot, (enum family)i, regions[i]);
	if (result == 0)
		result = finish(fresh, &blob);
	free(blob.data);
	if (result) {
		plane_free(fresh);
		return result;
	}
	fresh->statistics.build_seconds = clock_seconds() - begun;
	*plane = fresh;
	return 0;
}

void plane_free(struct plane *plane)
{
	if (!plane)
		return;
	free(plane->blob);
	free(plane->credits);
	free(plane);
}
