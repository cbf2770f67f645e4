/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * plane_prove(): the blob's tables are the region, for every packet.
 *
 * The proof walks plane and diagram side by side. It keeps, for each diagram node that begins a dimension,
 * the one plane node that must be it; the roots correspond; and where two nodes correspond, then for each way
 * the dimension's predicates can stand together with an interval of its header bits, the diagram's successor
 * must correspond to what the plane's row has for the class that the tries and tables, read back, give to
 * those very values. So every word that a look-up can come by is looked at, and no class is taken on trust.
 */
#include "plane/prove.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int proof_differs(struct proof *proof, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	buffer_puts(proof->why, proof->family == FAMILY_IPV4 ? "IPv4: " : "IPv6: ");
	buffer_vprintf(proof->why, format, arguments);
	va_end(arguments);
	return -EILSEQ;
}

int proof_room(void **array, size_t *room, size_t count, size_t size)
{
	if (count <= *room)
		return 0;
	size_t wanted = *room * 2 > count ? *room * 2 : count + 16;
	void *grown = reallocarray(*array, wanted, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = wanted;
	return 0;
}

uint32_t proof_space_of(const struct predicate *predicate)
{
	if (predicate->kind == PREDICATE_PAIR)
		return PLANE_SPACE_PAIRS + (predicate->pair_source_address ? 0 : 1) +
		       (predicate->pair_source_port ? 0 : 2);
	return predicate->kind == PREDICATE_SOURCE        ? PLANE_SPACE_SOURCE
	       : predicate->kind == PREDICATE_DESTINATION ? PLANE_SPACE_DESTINATION
							  : PLANE_SPACE_NONE;
}

static int find_tested(struct proof *proof)
{
	const struct diagram *diagram = proof->fields->diagram;
	uint8_t *met = calloc(proof->node_limit, 1);
	diagram_node *stack = NULL;
	size_t room = 0, count = 0;
	int result = met ? proof_room((void **)&stack, &room, 1, sizeof(*stack)) : -ENOMEM;
	if (result == 0)
		stack[count++] = proof->region->root;
	while (count && result == 0) {
		diagram_node node = stack[--count];
		if (diagram_is_terminal(node))
			continue;
		if (node >= proof->node_limit)
			result = proof_differs(proof, "the region is undecided");
		else if (!met[node]) {
			met[node] = 1;
			proof->tested[diagram_variable(diagram, node)] = true;
			result = proof_room((void **)&stack, &room, count + 2, sizeof(*stack));
			if (result == 0) {
				stack[count++] = diagram_low(diagram, node);
				stack[count++] = diagram_high(diagram, node);
			}
		}
	}
	free(stack);
	free(met);
	return result;
}

/* Variables to dimensions, by the order of the variables. */
static int find_dimensions(struct proof *proof)
{
	static const enum field fields[PLANE_RUNS] = {FIELD_SOURCE,    FIELD_DESTINATION, FIELD_PROTOCOL,
						      FIELD_ICMP,      FIELD_SPORT,       FIELD_DPORT,
						      FIELD_TCP_FLAGS, FIELD_FRAGMENT,    FIELD_PAYLOAD};
	memset(proof->dimension_of, 255, proof->variables + 1);
	for (uint32_t i = 0; i < PLANE_RUNS; i++) {
		proof->dimensions[i].bit_first = proof->fields->first[fields[i]];
		proof->dimensions[i].bit_count = proof->fields->bits[fields[i]];
		for (uint32_t bit = 0; bit < proof->dimensions[i].bit_count; bit++)
			proof->dimension_of[proof->dimensions[i].bit_first + bit] = (uint8_t)i;
	}
	proof->dimension_count = PLANE_RUNS;
	for (uint32_t variable = 0; variable < proof->variables; variable++) {
		const struct predicate *predicate = NULL;
		for (size_t i = 0;
		     i < proof->fields->predicate_count && proof->tested[variable] && !predicate; i++)
			if (proof->fields->predicates[i]->variable == variable)
				predicate = proof->fields->predicates[i];
		if (!predicate || predicate->kind == PREDICATE_OPAQUE)
			continue;
		uint32_t index = proof_space_of(predicate), dimension = index - PLANE_SPACE_SOURCE;
		struct proof_space *space = &proof->spaces[index];
		if (predicate->kind == PREDICATE_PAIR) {
			struct proof_dimension *last = &proof->dimensions[proof->dimension_count - 1];
			if (proof->dimension_count == PLANE_RUNS || last->space != space) {
				if (proof->dimension_count == PLANE_DIMENSION_MAX)
					return proof_differs(proof, "more runs of pairs than dimensions");
				last = &proof->dimensions[proof->dimension_count++];
				last->kind = index - PLANE_SPACE_PAIRS;
			}
			last->space = space;
			dimension = (uint32_t)proof->dimension_count - 1;
		}
		proof->dimensions[dimension].space = space;
		proof->dimension_of[variable] = (uint8_t)dimension;
		proof->predicate_of[variable] = (uint32_t)space->predicate_count;
		space->predicates = space->predicates ? space->predicates
						      : calloc(proof->fields->predicate_count,
							       sizeof(const struct predicate *));
		space->counted = space->counted ? space->counted : calloc(proof->fields->predicate_count, 1);
		if (!space->predicates || !space->counted)
			return -ENOMEM;
		space->counted[space->predicate_count] = proof->counted[variable];
		space->predicates[space->predicate_count++] = predicate;
	}
	return 0;
}

/* The plane's entry must be what the diagram's node is. */
static int correspond(struct proof *proof, diagram_node node, uint32_t entry)
{
	if (diagram_is_terminal(node)) {
		uint32_t value = diagram_value(node);
		if (value >= proof->region->attribution_count && value != 0)
			return proof_differs(proof, "the region has an unknown terminal");
		uint32_t limit = value ? proof->region->attributions[value].limit : 0;
		bool drop = (entry & PLANE_END) && (entry & PLANE_DROP);
		if (!(entry & PLANE_END) || drop != (value != 0 && limit == 0))
			return proof_differs(proof, "the tables %s what the region %s",
					     drop ? "drop" : "let through",
					     limit   ? "limits"
					     : value ? "drops"
						     : "does not drop");
		if (value == 0)
			return entry == PLANE_PASS
				   ? 0
				   : proof_differs(proof, "the tables limit what the region lets through");
		if (limit && proof->terminal_entry[value] == PROOF_NONE) {
			int result = proof_limit(proof, entry, limit);
			if (result)
				return result;
		}
		if (proof->terminal_entry[value] == PROOF_NONE)
			proof->terminal_entry[value] = entry;
		if (proof->terminal_entry[value] != entry)
			return proof_differs(proof, "one way of being dropped is counted in two ways");
		return 0;
	}
	if (node >= proof->node_limit)
		return proof_differs(proof, "the region is undecided");
	uint32_t variable = diagram_variable(proof->fields->diagram, node);
	uint32_t index = proof->dimension_of[variable];
	if (index == 255)
		return proof_differs(proof, "the region asks what a look-up cannot see");
	if (entry & PLANE_END || entry >> PLANE_BASE_BITS != index)
		return proof_differs(proof, "a plane node asks another dimension than the region");
	if (proof->entry_of[node] == entry)
		return 0;
	if (proof->entry_of[node] != PROOF_NONE)
		return proof_differs(proof, "one node of the region is two of the plane");
	proof->entry_of[node] = entry;
	struct proof_dimension *dimension = &proof->dimensions[index];
	int result = proof_room((void **)&dimension->nodes, &dimension->node_room, dimension->node_count + 1,
				sizeof(*dimension->nodes));
	if (result == 0)
		dimension->nodes[dimension->node_count++] = node;
	return result;
}

/* Past the dimension's predicates, as they stand. */
static diagram_node pass_predicates(const struct proof *proof, const struct proof_dimension *dimension,
				    uint32_t number, diagram_node node, uint32_t truth)
{
	const struct diagram *diagram = proof->fields->diagram;
	while (!diagram_is_terminal(node)) {
		uint32_t variable = diagram_variable(diagram, node);
		uint32_t index = proof->predicate_of[variable];
		if (proof->dimension_of[variable] != number || index == PROOF_NONE)
			break;
		bool holds = dimension->space->truths[truth * dimension->space->predicate_count + index];
		node = holds ? diagram_high(diagram, node) : diagram_low(diagram, node);
	}
	return node;
}

static bool in_bits(const struct proof *proof, uint32_t number, diagram_node node)
{
	return !diagram_is_terminal(node) &&
	       proof->dimension_of[diagram_variable(proof->fields->diagram, node)] == number;
}

/* Values of a dimension that the region cannot tell apart, by what their class is in the plane. */
struct cell {
	uint32_t truth, class;
	address start; /* first of the interval of header bits */
};

struct cells {
	size_t start_count, start_room;
	address *starts;
	size_t count, room;
	struct cell *cells;
};

static int compare_starts(const void *a, const void *b)
{
	const address *left = a, *right = b;
	return *left < *right ? -1 : *left > *right;
}

static int compare_cells(const void *a, const void *b)
{
	const struct cell *left = a, *right = b;
	if (left->truth != right->truth)
		return left->truth < right->truth ? -1 : 1;
	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return left->class < right->class ? -1 : left->class > right->class;
}

static void unique_starts(struct cells *cells)
{
	size_t kept = 0;
	if (cells->start_count)
		qsort(cells->starts, cells->start_count, sizeof(address), compare_starts);
	for (size_t i = 0; i < cells->start_count; i++)
		if (kept == 0 || cells->starts[kept - 1] != cells->starts[i])
			cells->starts[kept++] = cells->starts[i];
	cells->start_count = kept;
}

static int take_start(void *context, diagram_word low, diagram_word high, diagram_node rest)
{
	struct cells *cells = context;
	(void)high;
	(void)rest;
	if (cells->start_count == cells->start_room)
		unique_starts(cells);
	int result = proof_room((void **)&cells->starts, &cells->start_room, cells->start_count * 2 + 2,
				sizeof(address));
	if (result == 0)
		cells->starts[cells->start_count++] = low;
	return result;
}

static int find_starts(struct proof *proof, uint32_t number, uint32_t truths, struct cells *cells)
{
	struct proof_dimension *dimension = &proof->dimensions[number];
	uint8_t *met = calloc(proof->node_limit, 1);
	int result = met ? take_start(cells, 0, 0, 0) : -ENOMEM;
	for (size_t i = 0; i < dimension->node_count && result == 0; i++)
		for (uint32_t truth = 0; truth < truths && result == 0; truth++) {
			diagram_node node =
			    pass_predicates(proof, dimension, number, dimension->nodes[i], truth);
			if (!in_bits(proof, number, node) || node >= proof->node_limit || met[node])
				continue;
			met[node] = 1;
			result = diagram_intervals(proof->fields->diagram, node, dimension->bit_first,
						   dimension->bit_count, take_start, cells);
		}
	free(met);
	unique_starts(cells);
	return result;
}

static void unique_cells(struct cells *cells)
{
	size_t kept = 0;
	if (cells->count)
		qsort(cells->cells, cells->count, sizeof(*cells->cells), compare_cells);
	for (size_t i = 0; i < cells->count; i++)
		if (kept == 0 || compare_cells(&cells->cells[kept - 1], &cells->cells[i]) != 0)
			cells->cells[kept++] = cells->cells[i];
	cells->count = kept;
}

static int add_cell(struct cells *cells, uint32_t truth, address start, uint32_t class)
{
	if (cells->count && cells->cells[cells->count - 1].truth == truth &&
	    cells->cells[cells->count - 1].start == start && cells->cells[cells->count - 1].class == class)
		return 0;
	if (cells->count == cells->room)
		unique_cells(cells);
	int result = 0;
	if (cells->count > cells->room / 2 || cells->room == 0)
		result = proof_room((void **)&cells->cells, &cells->room, cells->count * 2 + 64,
				    sizeof(*cells->cells));
	if (result == 0)
		cells->cells[cells->count++] = (struct cell){truth, class, start};
	return result;
}

/* Cells of an address: each piece, with each interval of header bits that it reaches into. */
static int address_cells(struct proof *proof, struct proof_space *space, const struct plane_trie *trie,
			 struct cells *cells)
{
	size_t at = 0;
	address max = family_max(proof->family);
	for (size_t i = 0; i < space->piece_count; i++) {
		const struct piece *piece = &space->pieces[i];
		address last = i + 1 < space->piece_count ? space->pieces[i + 1].start - 1 : max;
		uint32_t class = plane_leaf_class(proof->blob, proof->mask, trie, piece->leaf);
		while (at + 1 < cells->start_count && cells->starts[at + 1] <= piece->start)
			at++;
		for (;;) {
			int result = add_cell(cells, piece->truth, cells->starts[at], class);
			if (result)
				return result;
			if (at + 1 == cells->start_count || cells->starts[at + 1] > last)
				break;
			at++;
		}
	}
	return 0;
}

static int table_cells(struct proof *proof, uint32_t number, struct cells *cells)
{
	size_t at = 0;
	uint64_t table = proof->tables->tables[number - PLANE_TABLE_FIRST];
	for (uint32_t value = 0; value < 1u << proof->dimensions[number].bit_count; value++) {
		while (at + 1 < cells->start_count && cells->starts[at + 1] <= value)
			at++;
		int result = add_cell(cells, 0, cells->starts[at],
				      plane_load16(proof->blob, proof->mask, table + (uint64_t)value * 2));
		if (result)
			return result;
	}
	return 0;
}

/* The first steps have the class of whole packets from elsewhere. */
static int check_whole_class(struct proof *proof)
{
	uint64_t table = proof->tables->tables[PLANE_FRAGMENT - PLANE_TABLE_FIRST];
	if (plane_load16(proof->blob, proof->mask, table) != proof->tables->whole_class)
		return proof_differs(proof, "whole packets have another class than their table says");
	return 0;
}

static int run_cells(struct proof *proof, uint32_t number, struct cells *cells)
{
	const struct proof_dimension *dimension = &proof->dimensions[number];
	uint64_t run = proof->tables->runs + (uint64_t)(number - PLANE_RUNS) * sizeof(struct plane_run);
	if ((plane_load32(proof->blob, proof->mask, run) & 3) != dimension->kind)
		return proof_differs(proof, "a run is of another kind of pair");
	uint64_t classes = plane_load32(proof->blob, proof->mask, run + 4);
	for (size_t i = 0; i < dimension->space->piece_count; i++) {
		const struct piece *piece = &dimension->space->pieces[i];
		int result =
		    add_cell(cells, piece->truth, 0,
			     plane_load16(proof->blob, proof->mask, classes + (uint64_t)piece->leaf * 2));
		if (result)
			return result;
	}
	return 0;
}

struct comparing {
	struct proof *proof;
	const struct cell *next, *end; /* of this truth */
	uint32_t entry;
};

static int compare_interval(void *context, diagram_word low, diagram_word high, diagram_node rest)
{
	struct comparing *comparing = context;
	struct proof *proof = comparing->proof;
	(void)low;
	for (; comparing->next < comparing->end && comparing->next->start <= high; comparing->next++) {
		uint32_t entry = plane_step(proof->blob, proof->mask, proof->tables->rows, comparing->entry,
					    comparing->next->class);
		int result = correspond(proof, rest, entry);
		if (result)
			return result;
	}
	return 0;
}

static int compare_node(struct proof *proof, uint32_t number, diagram_node of, const struct cells *cells)
{
	const struct proof_dimension *dimension = &proof->dimensions[number];
	int result = 0;
	for (size_t at = 0; at < cells->count && result == 0;) {
		size_t end = at;
		while (end < cells->count && cells->cells[end].truth == cells->cells[at].truth)
			end++;
		diagram_node node = pass_predicates(proof, dimension, number, of, cells->cells[at].truth);
		struct comparing comparing = {proof, cells->cells + at, cells->cells + end,
					      proof->entry_of[of]};
		if (in_bits(proof, number, node))
			result = diagram_intervals(proof->fields->diagram, node, dimension->bit_first,
						   dimension->bit_count, compare_interval, &comparing);
		else
			result = compare_interval(&comparing, 0, ~(diagram_word)0, node);
		if (result == 0 && comparing.next != comparing.end)
			result = proof_differs(proof, "not all values were compared");
		at = end;
	}
	return result;
}

static int prove_dimension(struct proof *proof, uint32_t number)
{
	struct proof_dimension *dimension = &proof->dimensions[number];
	if (dimension->node_count == 0)
		return 0;
	struct cells cells = {0};
	struct proof_space *space =
	    number < PLANE_TABLE_FIRST ? &proof->spaces[PLANE_SPACE_SOURCE + number] : NULL;
	int result = number == PLANE_FRAGMENT ? check_whole_class(proof) : 0;
	if (space) {
		dimension->space = space;
		result = proof_read_addresses(proof, space,
					      number == PLANE_SOURCE ? &proof->tables->source
								     : &proof->tables->destination,
					      &proof->tables->tries[number]);
	}
	if (result == 0)
		result = find_starts(proof, number,
				     dimension->space ? (uint32_t)dimension->space->truth_count : 1, &cells);
	if (result == 0)
		result = space ? address_cells(proof, space, &proof->tables->tries[number], &cells)
			 : number < PLANE_RUNS ? table_cells(proof, number, &cells)
					       : run_cells(proof, number, &cells);
	if (result == 0)
		unique_cells(&cells);
	for (size_t i = 0; i < dimension->node_count && result == 0; i++)
		result = compare_node(proof, number, dimension->nodes[i], &cells);
	free(cells.starts);
	free(cells.cells);
	return result;
}

/* For parts of fragmented packets a look-up takes ports, type, flags and payload as 0 and pairs as not found:
 * that is right only where the region does not ask for them. */
static int prove_fragments(struct proof *proof)
{
	struct diagram *diagram = proof->fields->diagram;
	uint32_t first = proof->fields->first[FIELD_FRAGMENT], bits = proof->fields->bits[FIELD_FRAGMENT];
	int8_t *values = malloc(proof->variables + 1);
	uint8_t *met = NULL;
	diagram_node *stack = NULL;
	size_t room = 0, count = 0;
	int result = values ? 0 : -ENOMEM;
	if (result == 0) {
		memset(values, -1, proof->variables + 1);
		for (uint32_t i = 0; i < bits; i++)
			values[first + i] = (FRAGMENT_FIRST >> (bits - 1 - i)) & 1;
		diagram_node whole = diagram_restrict(diagram, proof->region->root, values);
		size_t limit = diagram_size(diagram) + 1;
		if (whole == DIAGRAM_UNDECIDED)
			result = proof_differs(proof, "fragments: the node budget is used up");
		met = calloc(limit, 1);
		if (result == 0)
			result = met ? proof_room((void **)&stack, &room, 1, sizeof(*stack)) : -ENOMEM;
		if (result == 0)
			stack[count++] = whole;
	}
	while (count && result == 0) {
		diagram_node node = stack[--count];
		if (diagram_is_terminal(node) || met[node])
			continue;
		met[node] = 1;
		if (proof->dimension_of[diagram_variable(diagram, node)] >= PLANE_ICMP)
			result = proof_differs(proof,
					       "the region judges fragments by what only a whole packet has");
		else
			result = proof_room((void **)&stack, &room, count + 2, sizeof(*stack));
		if (result == 0) {
			stack[count++] = diagram_low(diagram, node);
			stack[count++] = diagram_high(diagram, node);
		}
	}
	free(values);
	free(met);
	free(stack);
	return result;
}

static int proof_init(struct proof *proof)
{
	size_t variables = proof->variables + 1;
	proof->tested = calloc(variables, 1);
	proof->counted = calloc(variables, 1);
	proof->dimension_of = calloc(variables, 1);
	proof->predicate_of = malloc(variables * sizeof(*proof->predicate_of));
	proof->entry_of = malloc(proof->node_limit * sizeof(*proof->entry_of));
	proof->terminal_entry =
	    malloc((proof->region->attribution_count + 1) * sizeof(*proof->terminal_entry));
	if (!proof->tested || !proof->counted || !proof->dimension_of || !proof->predicate_of ||
	    !proof->entry_of || !proof->terminal_entry)
		return -ENOMEM;
	memset(proof->predicate_of, 0xff, variables * sizeof(*proof->predicate_of));
	memset(proof->entry_of, 0xff, proof->node_limit * sizeof(*proof->entry_of));
	memset(proof->terminal_entry, 0xff,
	       (proof->region->attribution_count + 1) * sizeof(*proof->terminal_entry));
	for (size_t i = 0; i < proof->region->unit_count; i++) {
		const struct predicate *predicate = proof->region->units[i].predicate;
		if (predicate && predicate->kind != PREDICATE_OPAQUE &&
		    predicate->variable < proof->variables)
			proof->counted[predicate->variable] = true;
	}
	return 0;
}

static void proof_fini(struct proof *proof)
{
	for (size_t i = 0; i < PLANE_SPACE_COUNT; i++) {
		free(proof->spaces[i].predicates);
		free(proof->spaces[i].counted);
		free(proof->spaces[i].pieces);
		free(proof->spaces[i].truths);
		free(proof->spaces[i].leaf_met);
		free(proof->spaces[i].elements);
	}
	for (size_t i = 0; i < PLANE_DIMENSION_MAX; i++)
		free(proof->dimensions[i].nodes);
	free(proof->tested);
	free(proof->counted);
	free(proof->dimension_of);
	free(proof->predicate_of);
	free(proof->entry_of);
	free(proof->terminal_entry);
}

static int prove_family(struct proof *proof)
{
	int result = proof_init(proof);
	if (result == 0)
		result = find_tested(proof);
	if (result == 0)
		result = find_dimensions(proof);
	for (uint32_t kind = 0; kind < PLANE_PAIR_KINDS && result == 0; kind++) {
		struct proof_space *space = &proof->spaces[PLANE_SPACE_PAIRS + kind];
		if (space->predicate_count)
			result = proof_read_points(proof, space, kind);
	}
	const struct plane_family *tables = proof->tables;
	/* A kind without predicates has no table, and none is fast that was not read above. */
	for (uint32_t kind = 0; kind < PLANE_PAIR_KINDS && result == 0; kind++)
		if (!proof->spaces[PLANE_SPACE_PAIRS + kind].predicate_count &&
		    (tables->pairs[kind].entries || (tables->fast.entries && kind == PLANE_PAIR_FAST)))
			result = proof_differs(proof, "there is a table of pairs that no rule asks for");
	if (result == 0)
		result = correspond(proof, proof->region->root, proof->tables->root);
	for (uint32_t i = 0; i < proof->dimension_count && result == 0; i++)
		result = prove_dimension(proof, i);
	if (result == 0 && proof->limit_used != tables->limit_count)
		result = proof_differs(proof, "there are limits that the region does not have");
	if (result == 0)
		result = proof_credits(proof);
	if (result == 0)
		result = prove_fragments(proof);
	return result;
}

int plane_prove(const struct plane *plane, const struct region *const regions[FAMILY_COUNT],
		struct buffer *why)
{
	const struct plane_header *header = (const struct plane_header *)plane->blob;
	struct proof *proof = calloc(1, sizeof(*proof));
	if (!proof)
		return -ENOMEM;
	int result = 0;
	size_t limits = 0;
	for (int i = 0; i < FAMILY_COUNT && result == 0; i++) {
		const struct region *region = regions[i];
		*proof = (struct proof){.plane = plane,
					.blob = plane->blob,
					.mask = plane->size - 1,
					.region = region,
					.family = (enum family)i,
					.tables = &header->families[i],
					.why = why};
		if (plane->size < PLANE_SIZE_MIN || plane->size & (plane->size - 1) ||
		    header->magic != PLANE_MAGIC || header->version != PLANE_VERSION ||
		    header->size > plane->size) {
			result = proof_differs(proof, "this is no blob of tables");
			break;
		}
		bool empty = !region || region->undecided || region->root == DIAGRAM_FALSE;
		bool present = header->present[i] == (i == FAMILY_IPV4 ? 4 : 6);
		if (present == empty)
			result = proof_differs(proof, empty ? "there are tables, and no region"
							    : "there are no tables");
		if (result || empty)
			continue;
		proof->fields = region->fields;
		proof->variables = diagram_variables(region->fields->diagram);
		proof->node_limit = diagram_size(region->fields->diagram) + 1;
		result = prove_family(proof);
		limits += proof->limit_used;
		proof_fini(proof);
	}
	/* The program has no part that limits where this says 0. */
	if (result == 0 && limits != plane->limit_count)
		result = proof_differs(proof, "the tables have another number of limits");
	free(proof);
	return result;
}
