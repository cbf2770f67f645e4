/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Builders for blocks of variables that hold a number, made from the last bit up: no operation, no node that
 * is not part of the result. */
#include "diagram/node.h"

static bool is_block(const struct diagram *diagram, uint32_t first, uint32_t bits)
{
	return bits <= 128 && first <= diagram->variables && bits <= diagram->variables - first;
}

static diagram_word word_max(uint32_t bits)
{
	return bits == 0 ? 0 : ~(diagram_word)0 >> (128 - bits);
}

/* The node that goes on to `rest` when the variable is `bit`, else to FALSE. */
static diagram_node make_bit(struct diagram *diagram, uint32_t variable, bool bit, diagram_node rest)
{
	return bit ? diagram_make(diagram, variable, DIAGRAM_FALSE, rest)
		   : diagram_make(diagram, variable, rest, DIAGRAM_FALSE);
}

diagram_node diagram_cube(struct diagram *diagram, uint32_t first, uint32_t bits, diagram_word value,
			  diagram_word mask)
{
	if (!is_block(diagram, first, bits))
		return DIAGRAM_UNDECIDED;
	diagram_node node = DIAGRAM_TRUE;
	for (uint32_t i = 0; i < bits; i++)
		if (mask >> i & 1)
			node = make_bit(diagram, first + bits - 1 - i, value >> i & 1, node);
	return node;
}

diagram_node diagram_interval(struct diagram *diagram, uint32_t first, uint32_t bits, diagram_word low,
			      diagram_word high)
{
	if (!is_block(diagram, first, bits))
		return DIAGRAM_UNDECIDED;
	if (high > word_max(bits))
		high = word_max(bits);
	if (low > high)
		return DIAGRAM_FALSE;
	uint32_t split = bits; /* bits below the common prefix of low and high */
	while (split > 0 && ((low ^ high) >> (split - 1)) == 0)
		split--;
	diagram_node node = DIAGRAM_TRUE;
	if (split > 0) {
		diagram_node from = DIAGRAM_TRUE,
			     to = DIAGRAM_TRUE; /* rest >= that of low; rest <= that of high */
		for (uint32_t i = 0; i + 1 < split; i++) {
			uint32_t variable = first + bits - 1 - i;
			from = low >> i & 1 ? diagram_make(diagram, variable, DIAGRAM_FALSE, from)
					    : diagram_make(diagram, variable, from, DIAGRAM_TRUE);
			to = high >> i & 1 ? diagram_make(diagram, variable, DIAGRAM_TRUE, to)
					   : diagram_make(diagram, variable, to, DIAGRAM_FALSE);
		}
		node = diagram_make(diagram, first + bits - split, from, to);
	}
	for (uint32_t i = split; i < bits; i++)
		node = make_bit(diagram, first + bits - 1 - i, low >> i & 1, node);
	return node;
}

/* Ranges within the values low..high, of which `variable` is the next bit; the first and the last range may
 * reach beyond. */
static diagram_node ranges_below(struct diagram *diagram, uint32_t variable, diagram_word low,
				 diagram_word high, const struct diagram_range *ranges, size_t count,
				 diagram_node otherwise)
{
	if (count == 0)
		return otherwise;
	if (ranges[0].low <= low && ranges[0].high >= high)
		return ranges[0].rest;
	diagram_word middle = low + (high - low) / 2;
	size_t begin = 0, end = count; /* first range that ends behind the middle */
	while (begin < end) {
		size_t probe = begin + (end - begin) / 2;
		if (ranges[probe].high > middle)
			end = probe;
		else
			begin = probe + 1;
	}
	size_t below = begin < count && ranges[begin].low <= middle ? begin + 1 : begin;
	diagram_node f_low = ranges_below(diagram, variable + 1, low, middle, ranges, below, otherwise);
	if (f_low == DIAGRAM_UNDECIDED)
		return f_low;
	diagram_node f_high =
	    ranges_below(diagram, variable + 1, middle + 1, high, ranges + begin, count - begin, otherwise);
	return diagram_make(diagram, variable, f_low, f_high);
}

diagram_node diagram_ranges(struct diagram *diagram, uint32_t first, uint32_t bits,
			    const struct diagram_range *ranges, size_t count, diagram_node otherwise)
{
	if (!is_block(diagram, first, bits) || !is_known(diagram, otherwise) ||
	    variable_of(diagram, otherwise) < first + bits)
		return DIAGRAM_UNDECIDED;
	for (size_t i = 0; i < count; i++)
		if (ranges[i].low > ranges[i].high || ranges[i].high > word_max(bits) ||
		    (i > 0 && ranges[i].low <= ranges[i - 1].high) || !is_known(diagram, ranges[i].rest) ||
		    variable_of(diagram, ranges[i].rest) < first + bits)
			return DIAGRAM_UNDECIDED;
	return ranges_below(diagram, first, 0, word_max(bits), ranges, count, otherwise);
}
