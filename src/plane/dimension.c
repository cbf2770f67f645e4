/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Classes of a dimension, and the rows of its nodes.
 *
 * A node of the dimension is a function of (truth of the predicates, header bits). Header bits fall into
 * intervals on which every node is constant, so a cell (truth, interval) goes one way in each node. Cells
 * that go the same way in all of them are one class. Comparing them node by node would cost nodes x cells;
 * instead each node adds a hash of (itself, where it goes) to each cell, as differences where it changes, and
 * one pass of sums gives the cells' hashes. */
#include "plane/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STARTS_MAX ((size_t)1 << 23)

/* Where the node goes when the dimension's predicates stand like this: a node beyond them. */
static diagram_node settle(const struct build *build, const struct dimension *dimension, diagram_node node,
			   uint32_t truth)
{
	const struct diagram *diagram = build->fields->diagram;
	while (!diagram_is_terminal(node)) {
		uint32_t k = build->predicate_of[diagram_variable(diagram, node)];
		if (k == BUILD_NONE || k < dimension->predicate_first ||
		    k - dimension->predicate_first >= dimension->predicate_count ||
		    dimension->space->predicates[k].predicate->variable != diagram_variable(diagram, node))
			break;
		node = space_truth(dimension->space, truth, k) ? diagram_high(diagram, node)
							       : diagram_low(diagram, node);
	}
	return node;
}

static bool tests_bits(const struct build *build, const struct dimension *dimension, diagram_node node)
{
	if (diagram_is_terminal(node) || dimension->bit_count == 0)
		return false;
	uint32_t variable = diagram_variable(build->fields->diagram, node);
	return variable >= dimension->bit_first && variable - dimension->bit_first < dimension->bit_count;
}

static int compare_addresses(const void *a, const void *b)
{
	const address *left = a, *right = b;
	return *left < *right ? -1 : *left > *right;
}

static void sort_starts(struct dimension *dimension)
{
	qsort(dimension->starts, dimension->start_count, sizeof(address), compare_addresses);
	size_t count = 1;
	for (size_t i = 1; i < dimension->start_count; i++)
		if (dimension->starts[i] != dimension->starts[count - 1])
			dimension->starts[count++] = dimension->starts[i];
	dimension->start_count = count;
}

static int add_start(void *context, diagram_word low, diagram_word high, diagram_node rest)
{
	struct dimension *dimension = context;
	(void)high;
	(void)rest;
	if (dimension->start_count == dimension->start_capacity) {
		sort_starts(dimension);
		if (dimension->start_count > STARTS_MAX)
			return -E2BIG;
		if (dimension->start_count > dimension->start_capacity / 2) {
			int result = array_reserve((void **)&dimension->starts, &dimension->start_capacity,
						   dimension->start_capacity + 1, sizeof(address));
			if (result)
				return result;
		}
	}
	dimension->starts[dimension->start_count++] = low;
	return 0;
}

static int find_starts(struct build *build, struct dimension *dimension)
{
	int result =
	    array_reserve((void **)&dimension->starts, &dimension->start_capacity, 256, sizeof(address));
	if (result)
		return result;
	dimension->starts[dimension->start_count++] = 0;
	build->stamp++;
	for (size_t i = 0; i < dimension->node_count; i++)
		for (uint32_t truth = 0; truth < dimension->truth_count; truth++) {
			diagram_node node = settle(build, dimension, dimension->nodes[i], truth);
			if (!tests_bits(build, dimension, node) || build->seen[node] == build->stamp)
				continue;
			build->seen[node] = build->stamp;
			result = diagram_intervals(build->fields->diagram, node, dimension->bit_first,
						   dimension->bit_count, add_start, dimension);
			if (result)
				return result;
		}
	sort_starts(dimension);
	return 0;
}

/* The interval that begins at `start`. */
static size_t find_start(const struct dimension *dimension, address start)
{
	size_t low = 0, high = dimension->start_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (dimension->starts[middle] <= start)
			low = middle;
		else
			high = middle;
	}
	return low;
}

struct adding {
	const struct dimension *dimension;
	hash128 *cells; /* of one truth */
	diagram_node node;
	hash128 last; /* what the interval before got */
};

static int add_difference(void *context, diagram_word low, diagram_word high, diagram_node rest)
{
	struct adding *adding = context;
	hash128 hash = hash_pair(adding->node, rest);
	(void)high;
	adding->cells[find_start(adding->dimension, low)] += hash - adding->last;
	adding->last = hash;
	return 0;
}

int dimension_cells(struct build *build, struct dimension *dimension)
{
	dimension->truth_count = dimension->space ? dimension->space->truth_count : 1;
	if (dimension->node_count > BUILD_CELLS_MAX / dimension->truth_count)
		return -E2BIG;
	int result = find_starts(build, dimension);
	if (result)
		return result;
	if (dimension->start_count > BUILD_CELLS_MAX / dimension->truth_count)
		return -E2BIG;
	size_t count = dimension->start_count * dimension->truth_count;
	dimension->cells = calloc(count, sizeof(*dimension->cells));
	dimension->classes = malloc(count * sizeof(*dimension->classes));
	if (!dimension->cells || !dimension->classes)
		return -ENOMEM;
	memset(dimension->classes, 0xff, count * sizeof(*dimension->classes));
	for (uint32_t truth = 0; truth < dimension->truth_count; truth++) {
		hash128 *cells = dimension->cells + truth * dimension->start_count;
		for (size_t i = 0; i < dimension->node_count; i++) {
			diagram_node node = settle(build, dimension, dimension->nodes[i], truth);
			struct adding adding = {dimension, cells, dimension->nodes[i], 0};
			if (!tests_bits(build, dimension, node))
				cells[0] += hash_pair(dimension->nodes[i], node);
			else
				result = diagram_intervals(build->fields->diagram, node, dimension->bit_first,
							   dimension->bit_count, add_difference, &adding);
			if (result)
				return result;
		}
		for (size_t i = 1; i < dimension->start_count; i++)
			cells[i] += cells[i - 1];
	}
	return 0;
}

int dimension_class(struct dimension *dimension, uint32_t truth, size_t start, uint32_t *class)
{
	size_t cell = truth * dimension->start_count + start;
	if (dimension->classes[cell] == BUILD_NONE) {
		uint32_t number;
		int result = hash_map_add(&dimension->class_of, dimension->cells[cell],
					  dimension->class_count, &number);
		if (result)
			return result;
		if (number == dimension->class_count) {
			result = array_reserve((void **)&dimension->class_cell, &dimension->class_capacity,
					       (size_t)number + 1, sizeof(*dimension->class_cell));
			if (result)
				return result;
			dimension->class_cell[dimension->class_count++] = (uint32_t)cell;
		}
		dimension->classes[cell] = number;
	}
	*class = dimension->classes[cell];
	return 0;
}

/* A class and a cell of it. */
struct sample {
	uint32_t cell, class;
};

static int compare_samples(const void *a, const void *b)
{
	const struct sample *left = a, *right = b;
	return left->cell < right->cell ? -1 : left->cell > right->cell;
}

struct filling {
	struct build *build;
	const struct dimension *dimension;
	uint32_t *row;
	const struct sample *next, *end; /* samples of this truth */
};

static int fill_interval(void *context, diagram_word low, diagram_word high, diagram_node rest)
{
	struct filling *filling = context;
	const struct dimension *dimension = filling->dimension;
	(void)low;
	bool any = false;
	while (filling->next < filling->end &&
	       dimension->starts[filling->next->cell % dimension->start_count] <= high) {
		filling->row[filling->next++->class] = rest;
		any = true;
	}
	return any ? build_meet(filling->build, rest) : 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): row is filled through the structure */
static int fill_row(struct build *build, const struct dimension *dimension, diagram_node of, uint32_t *row,
		    const struct sample *samples)
{
	int result = 0;
	for (size_t at = 0; at < dimension->class_count && result == 0;) {
		uint32_t truth = samples[at].cell / (uint32_t)dimension->start_count;
		size_t end = at;
		while (end < dimension->class_count && samples[end].cell / dimension->start_count == truth)
			end++;
		diagram_node node = settle(build, dimension, of, truth);
		struct filling filling = {build, dimension, row, samples + at, samples + end};
		if (tests_bits(build, dimension, node))
			result = diagram_intervals(build->fields->diagram, node, dimension->bit_first,
						   dimension->bit_count, fill_interval, &filling);
		else
			result = fill_interval(&filling, 0, ~(diagram_word)0, node);
		at = end;
	}
	return result;
}

int dimension_rows(struct build *build, struct dimension *dimension)
{
	struct sample *samples = malloc((dimension->class_count + 1) * sizeof(*samples));
	if (!samples)
		return -ENOMEM;
	for (uint32_t i = 0; i < dimension->class_count; i++)
		samples[i] = (struct sample){dimension->class_cell[i], i};
	qsort(samples, dimension->class_count, sizeof(*samples), compare_samples);
	int result = 0;
	for (size_t i = 0; i < dimension->node_count && result == 0; i++) {
		diagram_node node = dimension->nodes[i];
		size_t base = build->row_count;
		if (base + dimension->class_count > PLANE_BASE_MASK ||
		    (base + dimension->class_count) * sizeof(uint32_t) > PLANE_BYTES_MAX)
			result = -E2BIG;
		else
			result = array_reserve((void **)&build->rows, &build->row_capacity,
					       base + dimension->class_count, sizeof(*build->rows));
		if (result)
			break;
		build->base[node] = (uint32_t)base;
		build->row_count += dimension->class_count;
		result = fill_row(build, dimension, node, build->rows + base, samples);
	}
	free(samples);
	return result;
}
