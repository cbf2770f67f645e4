/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading a diagram: values, witnesses, sizes, and blocks of variables read back as ranges of numbers. */
#include "diagram/node.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

uint32_t diagram_evaluate(const struct diagram *diagram, diagram_node f, const bool *bits)
{
	if (!is_known(diagram, f))
		return DIAGRAM_UNDECIDED; /* no terminal has this value */
	while (!is_terminal(f))
		f = bits[diagram->nodes[f].variable] ? diagram->nodes[f].high : diagram->nodes[f].low;
	return diagram_value(f);
}

bool diagram_witness(const struct diagram *diagram, diagram_node f, uint64_t seed, int8_t *values)
{
	if (!is_known(diagram, f) || f == DIAGRAM_FALSE)
		return false;
	for (uint32_t i = 0; i < diagram->variables; i++)
		values[i] = -1;
	/* The diagram is reduced: whatever is not FALSE itself leads somewhere else. */
	while (!is_terminal(f)) {
		const struct node *node = &diagram->nodes[f];
		bool high = node->low == DIAGRAM_FALSE;
		if (!high && node->high != DIAGRAM_FALSE && seed)
			high = hash_mix(seed, node->variable) & 1;
		values[node->variable] = high;
		f = high ? node->high : node->low;
	}
	return true;
}

size_t diagram_count(const struct diagram *diagram, diagram_node f)
{
	if (!is_known(diagram, f) || is_terminal(f))
		return 0;
	struct memo seen = {0};
	size_t count = 0, waiting = 0, capacity = 0;
	diagram_node *stack = NULL;
	for (;;) {
		uint32_t ignored;
		if (!is_terminal(f) && !memo_find(&seen, f, &ignored)) {
			if (waiting == capacity) {
				capacity = capacity ? capacity * 2 : 256;
				diagram_node *moved = realloc(stack, capacity * sizeof(*stack));
				if (!moved)
					goto no_memory;
				stack = moved;
			}
			if (memo_keep(&seen, f, 0) != 0)
				goto no_memory;
			count++;
			stack[waiting++] = diagram->nodes[f].high;
			f = diagram->nodes[f].low;
			continue;
		}
		if (waiting == 0)
			break;
		f = stack[--waiting];
	}
	goto out;
no_memory:
	count = SIZE_MAX;
out:
	free(stack);
	memo_fini(&seen);
	return count;
}

struct shares {
	const struct diagram *diagram;
	struct memo memo; /* node to its index in share */
	double *share;
	size_t count, capacity;
};

static double share_below(struct shares *shares, diagram_node f)
{
	if (is_terminal(f))
		return f == DIAGRAM_FALSE ? 0 : 1;
	uint32_t index;
	if (shares->share && memo_find(&shares->memo, f, &index))
		return shares->share[index];
	double share = share_below(shares, shares->diagram->nodes[f].low);
	if (isnan(share))
		return share;
	share = (share + share_below(shares, shares->diagram->nodes[f].high)) / 2;
	if (isnan(share))
		return share;
	if (!shares->share || shares->count == shares->capacity) {
		size_t capacity = shares->capacity ? shares->capacity * 2 : 256;
		double *moved = realloc(shares->share, capacity * sizeof(*moved));
		if (!moved)
			return NAN;
		shares->share = moved;
		shares->capacity = capacity;
	}
	if (memo_keep(&shares->memo, f, (uint32_t)shares->count) != 0)
		return NAN;
	shares->share[shares->count++] = share;
	return share;
}

double diagram_share(struct diagram *diagram, diagram_node f)
{
	if (!is_known(diagram, f))
		return NAN;
	struct shares shares = {.diagram = diagram};
	double share = share_below(&shares, f);
	memo_fini(&shares.memo);
	free(shares.share);
	return share;
}

struct runs {
	const struct diagram *diagram;
	uint32_t end; /* first variable behind the block */
	diagram_visit visit;
	void *context;
	bool pending; /* a run that may still grow: low to high leads to rest */
	diagram_word low, high;
	diagram_node rest;
};

static int add_run(struct runs *runs, diagram_word low, diagram_word high, diagram_node rest)
{
	int result = 0;
	if (runs->pending && runs->rest == rest) {
		runs->high = high;
		return 0;
	}
	if (runs->pending)
		result = runs->visit(runs->context, runs->low, runs->high, runs->rest);
	runs->pending = true;
	runs->low = low;
	runs->high = high;
	runs->rest = rest;
	return result;
}

/* The values low..high, of which `variable` is the next bit to be tested. */
static int runs_below(struct runs *runs, diagram_node f, uint32_t variable, diagram_word low,
		      diagram_word high)
{
	if (variable_of(runs->diagram, f) >= runs->end)
		return add_run(runs, low, high, f);
	diagram_node f_low, f_high;
	branches(runs->diagram, f, variable, &f_low, &f_high);
	diagram_word middle = low + (high - low) / 2;
	int result = runs_below(runs, f_low, variable + 1, low, middle);
	return result ? result : runs_below(runs, f_high, variable + 1, middle + 1, high);
}

static bool is_block(const struct diagram *diagram, uint32_t first, uint32_t bits)
{
	return bits <= 128 && first <= diagram->variables && bits <= diagram->variables - first;
}

int diagram_intervals(const struct diagram *diagram, diagram_node f, uint32_t first, uint32_t bits,
		      diagram_visit visit, void *context)
{
	if (!is_known(diagram, f))
		return -EDOM;
	if (!is_block(diagram, first, bits) || variable_of(diagram, f) < first)
		return -EINVAL;
	struct runs runs = {.diagram = diagram, .end = first + bits, .visit = visit, .context = context};
	diagram_word all = bits == 0 ? 0 : ~(diagram_word)0 >> (128 - bits);
	int result = runs_below(&runs, f, first, 0, all);
	return result ? result : visit(context, runs.low, runs.high, runs.rest);
}

diagram_node diagram_descend(const struct diagram *diagram, diagram_node f, uint32_t first, uint32_t bits,
			     diagram_word value)
{
	if (!is_known(diagram, f) || !is_block(diagram, first, bits) || variable_of(diagram, f) < first)
		return DIAGRAM_UNDECIDED;
	while (variable_of(diagram, f) < first + bits) {
		unsigned bit = first + bits - 1 - diagram->nodes[f].variable;
		f = value >> bit & 1 ? diagram->nodes[f].high : diagram->nodes[f].low;
	}
	return f;
}
