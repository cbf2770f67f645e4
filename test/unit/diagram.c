/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every operation of diagram/ is held against truth tables: functions of up to 10 variables are made from
 * random tables, under several variable orders, and results are compared point by point. Since nodes are
 * unique, a function built twice must be the same number. */
#include "diagram/diagram.h"
#include "base/clock.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VARIABLES 10
#define POINTS (1u << VARIABLES)
#define BUDGET 1000000

static uint64_t state;

static uint64_t random_next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int seed_random(void **context)
{
	(void)context;
	const char *seed = getenv("WEIR_TEST_SEED");
	state = seed ? strtoull(seed, NULL, 0) | 1 : 0x9e3779b97f4a7c15u;
	print_message("# WEIR_TEST_SEED=%#llx\n", (unsigned long long)state);
	return 0;
}

/* Which bit of a point of the table each variable of the diagram tests. */
struct order {
	uint32_t variables;
	uint32_t place[VARIABLES];
};

static struct order random_order(uint32_t variables)
{
	struct order order = {.variables = variables};
	for (uint32_t i = 0; i < variables; i++)
		order.place[i] = i;
	for (uint32_t i = variables; i > 1; i--) {
		uint32_t other = random_next() % i, swap = order.place[i - 1];
		order.place[i - 1] = order.place[other];
		order.place[other] = swap;
	}
	return order;
}

static void point_bits(const struct order *order, uint32_t point, bool *bits)
{
	for (uint32_t v = 0; v < order->variables; v++)
		bits[v] = point >> order->place[v] & 1;
}

static diagram_node build(struct diagram *diagram, const struct order *order, const uint32_t *table,
			  uint32_t variable, uint32_t point)
{
	if (variable == order->variables)
		return diagram_terminal(table[point]);
	diagram_node low = build(diagram, order, table, variable + 1, point);
	diagram_node high = build(diagram, order, table, variable + 1, point | 1u << order->place[variable]);
	return diagram_make(diagram, variable, low, high);
}

/* Values below `values`; smooth tables (few distinct blocks) and rough ones. */
static void random_table(const struct order *order, uint32_t values, uint32_t *table)
{
	uint32_t used = (uint32_t)random_next(); /* bits of the point that matter */
	if (random_next() % 2)
		used = UINT32_MAX;
	uint64_t salt = random_next() | 1;
	unsigned bias = random_next() % 4;
	for (uint32_t point = 0; point < 1u << order->variables; point++) {
		uint64_t x = ((point & used) + 1) * salt;
		x ^= x >> 29;
		x *= 0xbf58476d1ce4e5b9u;
		x ^= x >> 32;
		table[point] = x % 4 < bias ? 0 : x / 4 % values;
	}
}

static void check(const struct diagram *diagram, const struct order *order, diagram_node f,
		  const uint32_t *table)
{
	bool bits[VARIABLES];
	assert_int_not_equal(f, DIAGRAM_UNDECIDED);
	for (uint32_t point = 0; point < 1u << order->variables; point++) {
		point_bits(order, point, bits);
		assert_int_equal(diagram_evaluate(diagram, f, bits), table[point]);
	}
}

/* The diagram is that table's, and it is the very node that the table gives. */
static void check_same(struct diagram *diagram, const struct order *order, diagram_node f,
		       const uint32_t *table)
{
	check(diagram, order, f, table);
	assert_int_equal(f, build(diagram, order, table, 0, 0));
}

static void test_nodes_are_unique_and_reduced(void **context)
{
	(void)context;
	struct diagram *diagram = diagram_new(3, 4);
	diagram_node a = diagram_make(diagram, 2, DIAGRAM_FALSE, DIAGRAM_TRUE);
	assert_int_equal(diagram_make(diagram, 2, DIAGRAM_FALSE, DIAGRAM_TRUE), a);
	assert_int_equal(diagram_make(diagram, 1, a, a), a);
	assert_int_equal(diagram_size(diagram), 1);
	assert_int_equal(diagram_variable(diagram, a), 2);
	assert_int_equal(diagram_low(diagram, a), DIAGRAM_FALSE);
	assert_int_equal(diagram_high(diagram, a), DIAGRAM_TRUE);
	assert_int_equal(diagram_variable(diagram, DIAGRAM_TRUE), 3);
	assert_true(diagram_is_terminal(diagram_terminal(DIAGRAM_TERMINAL_MAX)));
	assert_int_equal(diagram_value(diagram_terminal(DIAGRAM_TERMINAL_MAX)), DIAGRAM_TERMINAL_MAX);
	assert_int_equal(diagram_terminal(DIAGRAM_TERMINAL_MAX + 1), DIAGRAM_UNDECIDED);
	diagram_free(diagram);
}

static void test_misuse_is_undecided(void **context)
{
	(void)context;
	struct diagram *diagram = diagram_new(4, 100);
	diagram_node a = diagram_make(diagram, 1, DIAGRAM_FALSE, DIAGRAM_TRUE);
	assert_int_equal(diagram_make(diagram, 1, a, DIAGRAM_TRUE), DIAGRAM_UNDECIDED);
	assert_int_equal(diagram_make(diagram, 2, a, DIAGRAM_TRUE), DIAGRAM_UNDECIDED);
	assert_int_equal(diagram_make(diagram, 4, DIAGRAM_FALSE, DIAGRAM_TRUE), DIAGRAM_UNDECIDED);
	assert_int_equal(diagram_make(diagram, 0, 77, DIAGRAM_TRUE), DIAGRAM_UNDECIDED);
	assert_int_equal(diagram_cube(diagram, 2, 3, 0, 7), DIAGRAM_UNDECIDED);
	assert_int_equal(diagram_interval(diagram, 5, 0, 0, 0), DIAGRAM_UNDECIDED);
	assert_null(diagram_new(DIAGRAM_VARIABLES_MAX + 1, 1));
	assert_null(diagram_new(1, (size_t)1 << 30));
	assert_false(diagram_exhausted(diagram));
	diagram_free(diagram);
}

static diagram_node operation_mix(void *context, uint32_t a, uint32_t b)
{
	return diagram_terminal((a * 3 + b * 5 + *(uint32_t *)context) % 7);
}

static diagram_node operation_give_up(void *context, uint32_t a, uint32_t b)
{
	(void)context;
	return a == 1 && b == 1 ? DIAGRAM_UNDECIDED : DIAGRAM_FALSE;
}

struct boolean_case {
	diagram_node (*operation)(struct diagram *, diagram_node, diagram_node);
	bool table[4]; /* by 2 * f + g */
};

static const struct boolean_case boolean_cases[] = {
    {diagram_and, {0, 0, 0, 1}},
    {diagram_or, {0, 1, 1, 1}},
    {diagram_minus, {0, 0, 1, 0}},
};

static void check_operations(uint32_t variables, uint32_t values)
{
	struct diagram *diagram = diagram_new(variables, BUDGET);
	struct order order = random_order(variables);
	uint32_t size = 1u << variables, f_table[POINTS], g_table[POINTS], h_table[POINTS], expected[POINTS];
	for (int round = 0; round < 20; round++) {
		random_table(&order, values, f_table);
		random_table(&order, values, g_table);
		random_table(&order, values, h_table);
		diagram_node f = build(diagram, &order, f_table, 0, 0),
			     g = build(diagram, &order, g_table, 0, 0),
			     h = build(diagram, &order, h_table, 0, 0);
		check(diagram, &order, f, f_table);
		for (size_t i = 0; i < sizeof(boolean_cases) / sizeof(*boolean_cases); i++) {
			for (uint32_t p = 0; p < size; p++)
				expected[p] = boolean_cases[i].table[2 * !!f_table[p] + !!g_table[p]];
			check_same(diagram, &order, boolean_cases[i].operation(diagram, f, g), expected);
		}
		for (uint32_t p = 0; p < size; p++)
			expected[p] = !f_table[p];
		check_same(diagram, &order, diagram_not(diagram, f), expected);
		for (uint32_t p = 0; p < size; p++)
			expected[p] = f_table[p] ? g_table[p] : h_table[p];
		check_same(diagram, &order, diagram_if(diagram, f, g, h), expected);
		for (uint32_t salt = 0; salt < 2; salt++) {
			for (uint32_t p = 0; p < size; p++)
				expected[p] = (f_table[p] * 3 + g_table[p] * 5 + salt) % 7;
			check_same(diagram, &order, diagram_apply(diagram, operation_mix, &salt, f, g),
				   expected);
			diagram_forget(diagram); /* the same context, with another content */
		}
	}
	diagram_free(diagram);
}

static void test_operations_agree_with_truth_tables(void **context)
{
	(void)context;
	for (uint32_t variables = 1; variables <= VARIABLES; variables++)
		for (uint32_t values = 2; values <= 5; values += 3)
			check_operations(variables, values);
}

static void test_apply_tells_contexts_apart(void **context)
{
	(void)context;
	struct diagram *diagram = diagram_new(2, 100);
	diagram_node f = diagram_make(diagram, 0, DIAGRAM_FALSE, DIAGRAM_TRUE);
	diagram_node g = diagram_make(diagram, 1, DIAGRAM_FALSE, DIAGRAM_TRUE);
	uint32_t salts[40];
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 40; i++) {
			salts[i] = i;
			bool bits[2] = {true, true};
			diagram_node result = diagram_apply(diagram, operation_mix, &salts[i], f, g);
			assert_int_equal(diagram_evaluate(diagram, result, bits), (8 + i) % 7);
		}
	assert_int_equal(diagram_apply(diagram, operation_give_up, NULL, f, g), DIAGRAM_UNDECIDED);
	assert_int_equal(diagram_apply(diagram, operation_give_up, NULL, f, DIAGRAM_FALSE), DIAGRAM_FALSE);
	assert_false(diagram_exhausted(diagram));
	diagram_free(diagram);
}

struct replacements {
	diagram_node nodes[5];
	unsigned calls;
};

static diagram_node replace_value(void *context, uint32_t value)
{
	struct replacements *replacements = context;
	replacements->calls++;
	return replacements->nodes[value];
}

static void test_replace_composes_pointwise(void **context)
{
	(void)context;
	struct diagram *diagram = diagram_new(7, BUDGET);
	struct order order = random_order(7);
	uint32_t f_table[POINTS], tables[5][POINTS], expected[POINTS];
	for (int round = 0; round < 30; round++) {
		struct replacements replacements = {.calls = 0};
		random_table(&order, 5, f_table);
		for (int i = 0; i < 5; i++) {
			random_table(&order, 6, tables[i]);
			replacements.nodes[i] =
			    i < round % 5 ? diagram_terminal(i * 3) : build(diagram, &order, tables[i], 0, 0);
		}
		for (uint32_t p = 0; p < 1u << 7; p++) {
			uint32_t value = f_table[p];
			expected[p] = value < (uint32_t)round % 5 ? value * 3 : tables[value][p];
		}
		diagram_node f = build(diagram, &order, f_table, 0, 0);
		check_same(diagram, &order, diagram_replace(diagram, replace_value, &replacements, f),
			   expected);
		assert_true(replacements.calls <= 5); /* once for each value */
		replacements.nodes[f_table[0]] = DIAGRAM_UNDECIDED;
		assert_int_equal(diagram_replace(diagram, replace_value, &replacements, f),
				 DIAGRAM_UNDECIDED);
	}
	diagram_free(diagram);
}

static void test_quantifiers_and_restriction(void **context)
{
	(void)context;
	const uint32_t variables = 8, size = 1u << variables;
	struct diagram *diagram = diagram_new(variables, BUDGET);
	struct order order = random_order(variables);
	uint32_t table[POINTS], every[POINTS], some[POINTS], fixed[POINTS];
	for (int round = 0; round < 60; round++) {
		bool quantified[VARIABLES];
		int8_t values[VARIABLES];
		uint32_t free_mask = 0, fixed_mask = 0, fixed_value = 0;
		random_table(&order, round % 2 ? 2 : 4, table);
		for (uint32_t v = 0; v < variables; v++) {
			quantified[v] = random_next() % 3 == 0;
			values[v] = (int8_t)(random_next() % 3) - 1;
			free_mask |= (uint32_t)quantified[v] << order.place[v];
			fixed_mask |= (uint32_t)(values[v] >= 0) << order.place[v];
			fixed_value |= (uint32_t)(values[v] == 1) << order.place[v];
		}
		for (uint32_t p = 0; p < size; p++) {
			every[p] = 1;
			some[p] = 0;
			for (uint32_t q = 0; q < size; q++)
				if (((p ^ q) & ~free_mask) == 0) {
					every[p] &= table[q] != 0;
					some[p] |= table[q] != 0;
				}
			fixed[p] = table[(p & ~fixed_mask) | fixed_value];
		}
		diagram_node f = build(diagram, &order, table, 0, 0);
		check_same(diagram, &order, diagram_forall(diagram, f, quantified), every);
		check_same(diagram, &order, diagram_exists(diagram, f, quantified), some);
		check_same(diagram, &order, diagram_restrict(diagram, f, values), fixed);
	}
	diagram_free(diagram);
}

static void test_witness_share_and_count(void **context)
{
	(void)context;
	const uint32_t variables = 9, size = 1u << variables;
	struct diagram *diagram = diagram_new(variables, BUDGET);
	struct order order = random_order(variables);
	uint32_t table[POINTS];
	int8_t values[VARIABLES];
	bool bits[VARIABLES];
	for (int round = 0; round < 50; round++) {
		random_table(&order, 1 + random_next() % 4, table);
		diagram_node f = build(diagram, &order, table, 0, 0);
		uint32_t ones = 0;
		for (uint32_t p = 0; p < size; p++)
			ones += table[p] != 0;
		assert_true(fabs(diagram_share(diagram, f) - (double)ones / size) < 1e-12);
		for (uint64_t seed = 0; seed < 8; seed++) {
			assert_int_equal(diagram_witness(diagram, f, seed, values), ones != 0);
			for (int fill = 0; ones && fill < 2; fill++) { /* "either" may be anything */
				for (uint32_t v = 0; v < variables; v++)
					bits[v] = values[v] < 0 ? fill : values[v];
				assert_int_not_equal(diagram_evaluate(diagram, f, bits), 0);
			}
		}
	}
	assert_int_equal(diagram_count(diagram, DIAGRAM_TRUE), 0);
	diagram_node parity = DIAGRAM_FALSE, odd = DIAGRAM_TRUE;
	for (uint32_t v = variables; v-- > 0;) {
		diagram_node even = diagram_make(diagram, v, parity, odd);
		odd = diagram_make(diagram, v, odd, parity);
		parity = even;
	}
	assert_int_equal(diagram_count(diagram, parity), 2 * variables - 1);
	assert_false(diagram_witness(diagram, DIAGRAM_UNDECIDED, 0, values));
	assert_true(isnan(diagram_share(diagram, DIAGRAM_UNDECIDED)));
	diagram_free(diagram);
}

static void test_cubes_and_intervals(void **context)
{
	(void)context;
	const uint32_t bits = 6, first = 2;
	struct diagram *diagram = diagram_new(VARIABLES, BUDGET);
	bool point[VARIABLES] = {0};
	for (uint32_t low = 0; low < 64; low++)
		for (uint32_t high = 0; high < 80; high++) {
			diagram_node between = diagram_interval(diagram, first, bits, low, high);
			diagram_node cube = diagram_cube(diagram, first, bits, low, high);
			for (uint32_t value = 0; value < 64; value++) {
				for (uint32_t i = 0; i < bits; i++)
					point[first + i] = value >> (bits - 1 - i) & 1;
				assert_int_equal(diagram_evaluate(diagram, between, point),
						 value >= low && value <= high);
				assert_int_equal(diagram_evaluate(diagram, cube, point),
						 ((value ^ low) & high & 63) == 0);
			}
		}
	/* Nothing is made that is not part of the result. */
	struct diagram *other = diagram_new(128, BUDGET);
	diagram_word word = (diagram_word)0x20010db8u << 96;
	diagram_node f = diagram_interval(other, 0, 128, word | 5, word | 0xffff0000u);
	assert_int_equal(diagram_count(other, f), diagram_size(other));
	assert_int_equal(diagram_interval(other, 0, 128, 0, ~(diagram_word)0), DIAGRAM_TRUE);
	assert_int_equal(diagram_interval(other, 128, 0, 0, 0), DIAGRAM_TRUE);
	assert_int_equal(diagram_cube(other, 0, 128, word, 0), DIAGRAM_TRUE);
	diagram_free(other);
	diagram_free(diagram);
}

struct run {
	diagram_word low, high;
	diagram_node rest;
};
struct run_list {
	size_t count, stop_after;
	struct run runs[300];
};

static int add_run(void *context, diagram_word low, diagram_word high, diagram_node rest)
{
	struct run_list *list = context;
	assert_true(list->count < 300);
	list->runs[list->count++] = (struct run){low, high, rest};
	return list->count == list->stop_after ? 42 : 0;
}

static void test_blocks_read_back_as_ranges(void **context)
{
	(void)context;
	struct diagram *diagram = diagram_new(VARIABLES, BUDGET);
	struct order order = {.variables = VARIABLES};
	for (uint32_t v = 0; v < VARIABLES; v++)
		order.place[v] = VARIABLES - 1 - v;
	uint32_t table[POINTS];
	for (int round = 0; round < 40; round++) {
		const uint32_t bits = (uint32_t)round % 9, shift = VARIABLES - bits;
		struct run_list list = {.count = 0};
		random_table(&order, 3, table);
		diagram_node f = build(diagram, &order, table, 0, 0);
		assert_int_equal(diagram_intervals(diagram, f, 0, bits, add_run, &list), 0);
		uint32_t next = 0;
		for (size_t i = 0; i < list.count; i++) {
			const struct run *run = &list.runs[i];
			assert_true(run->low == next && run->high >= run->low);
			assert_true(diagram_variable(diagram, run->rest) >= bits);
			assert_true(i == 0 || list.runs[i - 1].rest != run->rest); /* maximal */
			for (uint32_t value = run->low; value <= run->high; value++) {
				assert_int_equal(build(diagram, &order, table, bits, value << shift),
						 run->rest);
				assert_int_equal(diagram_descend(diagram, f, 0, bits, value), run->rest);
			}
			next = (uint32_t)run->high + 1;
		}
		assert_int_equal(next, 1u << bits);
		struct run_list stopped = {.stop_after = 1};
		assert_int_equal(diagram_intervals(diagram, f, 0, bits, add_run, &stopped), 42);
		assert_int_equal(stopped.count, 1);

		/* And back: the same ranges give the same node, with any of the rests as the default. */
		struct diagram_range ranges[300];
		diagram_node otherwise = list.runs[round % list.count].rest;
		size_t count = 0;
		for (size_t i = 0; i < list.count; i++)
			if (list.runs[i].rest != otherwise || random_next() % 2)
				ranges[count++] = (struct diagram_range){list.runs[i].low, list.runs[i].high,
									 list.runs[i].rest};
		assert_int_equal(diagram_ranges(diagram, 0, bits, ranges, count, otherwise), f);
	}
	diagram_free(diagram);
}

static void test_ranges_refuse_disorder(void **context)
{
	(void)context;
	struct diagram *diagram = diagram_new(140, BUDGET);
	diagram_word top = ~(diagram_word)0;
	diagram_node later = diagram_make(diagram, 130, DIAGRAM_FALSE, DIAGRAM_TRUE);
	diagram_node early = diagram_make(diagram, 100, DIAGRAM_FALSE, DIAGRAM_TRUE);
	struct diagram_range ranges[] = {{1, 5, later}, {6, top, DIAGRAM_TRUE}};
	diagram_node f = diagram_ranges(diagram, 0, 128, ranges, 2, DIAGRAM_FALSE);
	assert_int_equal(diagram_descend(diagram, f, 0, 128, 0), DIAGRAM_FALSE);
	assert_int_equal(diagram_descend(diagram, f, 0, 128, 5), later);
	assert_int_equal(diagram_descend(diagram, f, 0, 128, top), DIAGRAM_TRUE);
	assert_int_equal(diagram_ranges(diagram, 0, 128, NULL, 0, later), later);
	ranges[1].low = 5;
	assert_int_equal(diagram_ranges(diagram, 0, 128, ranges, 2, DIAGRAM_FALSE), DIAGRAM_UNDECIDED);
	ranges[1].low = 6;
	ranges[0].rest = early;
	assert_int_equal(diagram_ranges(diagram, 0, 128, ranges, 2, DIAGRAM_FALSE), DIAGRAM_UNDECIDED);
	ranges[0].rest = DIAGRAM_UNDECIDED;
	assert_int_equal(diagram_ranges(diagram, 0, 128, ranges, 2, DIAGRAM_FALSE), DIAGRAM_UNDECIDED);
	ranges[0].rest = later;
	assert_int_equal(diagram_ranges(diagram, 0, 2, ranges, 2, DIAGRAM_FALSE), DIAGRAM_UNDECIDED);
	diagram_free(diagram);
}

static void test_undecided_stays_undecided(void **context)
{
	(void)context;
	struct diagram *diagram = diagram_new(4, 100);
	const diagram_node no = DIAGRAM_UNDECIDED;
	const bool quantified[4] = {true, true, true, true};
	const int8_t values[4] = {0};
	struct replacements replacements = {.nodes = {DIAGRAM_FALSE}};
	struct run_list list = {.count = 0};
	uint32_t salt = 0;
	for (diagram_node f = DIAGRAM_FALSE; f <= DIAGRAM_TRUE; f++) {
		assert_int_equal(diagram_and(diagram, f, no), no);
		assert_int_equal(diagram_and(diagram, no, f), no);
		assert_int_equal(diagram_or(diagram, f, no), no);
		assert_int_equal(diagram_or(diagram, no, f), no);
		assert_int_equal(diagram_minus(diagram, f, no), no);
		assert_int_equal(diagram_minus(diagram, no, f), no);
		assert_int_equal(diagram_if(diagram, f, no, f), no);
		assert_int_equal(diagram_if(diagram, f, f, no), no);
		assert_int_equal(diagram_if(diagram, no, f, f), no);
		assert_int_equal(diagram_make(diagram, 0, f, no), no);
		assert_int_equal(diagram_make(diagram, 0, no, no), no);
		assert_int_equal(diagram_apply(diagram, operation_mix, &salt, f, no), no);
		assert_int_equal(diagram_apply(diagram, operation_mix, &salt, no, f), no);
	}
	assert_int_equal(diagram_not(diagram, no), no);
	assert_int_equal(diagram_replace(diagram, replace_value, &replacements, no), no);
	assert_int_equal(diagram_forall(diagram, no, quantified), no);
	assert_int_equal(diagram_exists(diagram, no, quantified), no);
	assert_int_equal(diagram_restrict(diagram, no, values), no);
	assert_int_equal(diagram_descend(diagram, no, 0, 2, 0), no);
	assert_int_equal(diagram_ranges(diagram, 0, 2, NULL, 0, no), no);
	assert_int_equal(diagram_intervals(diagram, no, 0, 2, add_run, &list), -33 /* EDOM */);
	assert_int_equal(list.count, 0);
	diagram_free(diagram);
}

/* The same work at every budget: each result is either undecided or right, and undecided exactly below what
 * the work needs. */
static void test_every_budget(void **context)
{
	(void)context;
	struct order order = random_order(5);
	uint32_t f_table[POINTS], g_table[POINTS], expected[POINTS], every[POINTS];
	const bool quantified[5] = {false, true, false, true, false};
	for (uint32_t p = 0; p < 32; p++) {
		f_table[p] = random_next() % 2;
		g_table[p] = random_next() % 3;
	}
	for (uint32_t p = 0; p < 32; p++) {
		expected[p] = f_table[p] ? g_table[p] : !g_table[p];
		every[p] = 1;
	}
	for (uint32_t p = 0; p < 32; p++)
		for (uint32_t q = 0; q < 32; q++)
			if (((p ^ q) & ~(1u << order.place[1] | 1u << order.place[3])) == 0)
				every[p] &= expected[q] != 0;
	bool enough = false;
	for (size_t budget = 0; budget < 200; budget++) {
		struct diagram *diagram = diagram_new(5, budget);
		diagram_node f = build(diagram, &order, f_table, 0, 0),
			     g = build(diagram, &order, g_table, 0, 0);
		diagram_node mixed = diagram_if(diagram, f, g, diagram_not(diagram, g));
		diagram_node all = diagram_forall(diagram, mixed, quantified);
		assert_true(diagram_size(diagram) <= budget);
		if (f != DIAGRAM_UNDECIDED)
			check(diagram, &order, f, f_table);
		if (mixed != DIAGRAM_UNDECIDED)
			check(diagram, &order, mixed, expected);
		if (all != DIAGRAM_UNDECIDED) {
			check(diagram, &order, all, every);
			enough = true;
		} else {
			assert_true(diagram_exhausted(diagram));
			assert_false(enough);
		}
		diagram_free(diagram);
	}
	assert_true(enough);
}

/* As deep as diagrams get: recursion must fit an ordinary stack. */
static void test_deepest_diagrams(void **context)
{
	(void)context;
	struct diagram *diagram = diagram_new(DIAGRAM_VARIABLES_MAX, BUDGET);
	bool *quantified = calloc(DIAGRAM_VARIABLES_MAX, sizeof(*quantified));
	struct replacements replacements = {.nodes = {DIAGRAM_TRUE}};
	diagram_node even = DIAGRAM_FALSE, odd = DIAGRAM_TRUE, all = DIAGRAM_TRUE;
	for (uint32_t v = DIAGRAM_VARIABLES_MAX; v-- > 0;) {
		diagram_node next = diagram_make(diagram, v, even, odd);
		odd = diagram_make(diagram, v, odd, even);
		even = next;
		all = diagram_make(diagram, v, DIAGRAM_FALSE, all);
		quantified[v] = v % 2;
	}
	assert_int_equal(diagram_not(diagram, even), odd);
	assert_int_equal(diagram_and(diagram, even, odd), DIAGRAM_FALSE);
	assert_int_equal(diagram_if(diagram, even, odd, even), DIAGRAM_FALSE);
	assert_int_equal(diagram_exists(diagram, even, quantified), DIAGRAM_TRUE);
	assert_int_equal(diagram_and(diagram, all, even), DIAGRAM_FALSE); /* an even number of ones */
	assert_int_equal(diagram_and(diagram, all, odd), all);
	replacements.nodes[1] = DIAGRAM_FALSE;
	assert_int_equal(diagram_replace(diagram, replace_value, &replacements, even), odd);
	assert_int_equal(diagram_minus(diagram, diagram_if(diagram, all, even, DIAGRAM_TRUE), all),
			 diagram_not(diagram, all));
	assert_true(fabs(diagram_share(diagram, even) - 0.5) < 1e-9);
	free(quantified);
	diagram_free(diagram);
}

/* Far more than are made between two looks at the clock. */
static diagram_node many_nodes(struct diagram *diagram)
{
	diagram_node all = DIAGRAM_FALSE;
	for (uint32_t i = 0; i < 4096; i++)
		all = diagram_or(diagram, all, diagram_cube(diagram, 0, 32, i * 2654435761u, UINT32_MAX));
	return all;
}

static void past_the_deadline_nothing_is_decided(void **unused)
{
	(void)unused;
	struct diagram *late = diagram_new(32, 1u << 22), *never = diagram_new(32, 1u << 22);
	assert_non_null(late);
	assert_non_null(never);
	diagram_until(late, clock_seconds() - 1);
	diagram_until(never, 0);
	assert_int_equal(many_nodes(late), DIAGRAM_UNDECIDED);
	assert_true(diagram_exhausted(late));
	assert_true(diagram_size(late) < 4096);
	assert_int_not_equal(many_nodes(never), DIAGRAM_UNDECIDED);
	assert_false(diagram_exhausted(never));
	diagram_free(late);
	diagram_free(never);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(past_the_deadline_nothing_is_decided),
	    cmocka_unit_test(test_nodes_are_unique_and_reduced),
	    cmocka_unit_test(test_misuse_is_undecided),
	    cmocka_unit_test(test_operations_agree_with_truth_tables),
	    cmocka_unit_test(test_apply_tells_contexts_apart),
	    cmocka_unit_test(test_replace_composes_pointwise),
	    cmocka_unit_test(test_quantifiers_and_restriction),
	    cmocka_unit_test(test_witness_share_and_count),
	    cmocka_unit_test(test_cubes_and_intervals),
	    cmocka_unit_test(test_blocks_read_back_as_ranges),
	    cmocka_unit_test(test_ranges_refuse_disorder),
	    cmocka_unit_test(test_undecided_stays_undecided),
	    cmocka_unit_test(test_every_budget),
	    cmocka_unit_test(test_deepest_diagrams),
	};
	return cmocka_run_group_tests(tests, seed_random, NULL);
}
