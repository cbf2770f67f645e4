/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Arithmetic of sets: rectangles of addresses and ports are cut so that any two have the same ports or none
 * in common; then each run of the same ports is intervals of addresses, which are merged and taken off as
 * such.
 *
 * What must stay true of merged ones: sorted by protocol, port_low, low; no address (with a protocol and
 * port) in two elements. */
#include "read/policy/parse.h"

#include <errno.h>
#include <stdlib.h>

/* --- Order --------------------------------------------------------------------------------------- */

static int compare(const struct policy_element *a, const struct policy_element *b)
{
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->port_low != b->port_low)
		return a->port_low < b->port_low ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	if (a->high != b->high)
		return a->high > b->high ? -1 : 1; /* the wider one first */
	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	return a->begin < b->begin ? -1 : a->begin > b->begin;
}

static int compare_elements(const void *left, const void *right)
{
	return compare(left, right);
}

static bool same_ports(const struct policy_element *a, const struct policy_element *b)
{
	return a->protocol == b->protocol && a->port_low == b->port_low;
}

/* Whether they are merged as they stand: most lists are, or are soon sorted. */
static bool is_merged(const struct policy_elements *elements)
{
	for (size_t i = 1; i < elements->count; i++) {
		const struct policy_element *a = &elements->elements[i - 1], *b = &elements->elements[i];
		if (compare(a, b) >= 0 || (same_ports(a, b) && b->low <= a->high))
			return false;
	}
	return true;
}

/* --- Growing lists on the heap ------------------------------------------------------------------- */

static int heap_push(struct policy_elements *list, const struct policy_element *element)
{
	if (list->count >= POLICY_ELEMENTS_MAX)
		return -E2BIG;
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 64;
		void *grown = reallocarray(list->elements, capacity, sizeof(*element));
		if (!grown)
			return -ENOMEM;
		list->elements = grown;
		list->capacity = capacity;
	}
	list->elements[list->count++] = *element;
	return 0;
}

/* The heap's list becomes the arena's, when all went well. */
static int heap_give(struct arena *arena, struct policy_elements *list, int result,
		     struct policy_elements *elements)
{
	if (result == 0 && list->count > elements->capacity) {
		struct policy_element *fresh = arena_array(arena, list->count, sizeof(*fresh));
		if (fresh)
			*elements = (struct policy_elements){fresh, 0, list->count};
		else
			result = -ENOMEM;
	}
	if (result == 0) {
		if (list->count)
			memcpy(elements->elements, list->elements, list->count * sizeof(*list->elements));
		elements->count = list->count;
	}
	free(list->elements);
	return result;
}

/* --- Ports --------------------------------------------------------------------------------------- */

#define PORTS 65536

/* For each protocol, at which ports a range begins or another has ended. */
struct port_cuts {
	uint8_t *at[256]; /* PORTS + 1 of them, NULL: the protocol does not occur */
	bool needed;      /* some range is more than one port */
};

static void cuts_fini(struct port_cuts *cuts)
{
	for (size_t i = 0; i < COUNT_OF(cuts->at); i++)
		free(cuts->at[i]);
}

static int cuts_add(struct port_cuts *cuts, const struct policy_elements *elements)
{
	for (size_t i = 0; i < elements->count; i++) {
		const struct policy_element *element = &elements->elements[i];
		uint8_t **at = &cuts->at[element->protocol];
		if (!*at)
			*at = calloc(PORTS + 1, 1);
		if (!*at)
			return -ENOMEM;
		(*at)[element->port_low] = 1;
		(*at)[element->port_high + 1] = 1;
		cuts->needed |= element->port_low != element->port_high;
	}
	return 0;
}

static int cut_one(const struct port_cuts *cuts, const struct policy_element *element,
		   struct policy_elements *out)
{
	const uint8_t *at = cuts->at[element->protocol];
	uint32_t low = element->port_low, end = (uint32_t)element->port_high + 1;

	while (low < end) {
		struct policy_element part = *element;
		const uint8_t *next = memchr(at + low + 1, 1, PORTS - low);
		uint32_t high = next ? (uint32_t)(next - at) : PORTS;
		part.port_low = (uint16_t)low;
		part.port_high = (uint16_t)(high - 1);
		int result = heap_push(out, &part);
		if (result < 0)
			return result;
		low = high;
	}
	return 0;
}

/* The same, cut: *out is on the heap. */
static int cut_ports(const struct port_cuts *cuts, const struct policy_elements *elements,
		     struct policy_elements *out)
{
	int result = 0;

	for (size_t i = 0; i < elements->count && result == 0; i++)
		result = cuts->needed ? cut_one(cuts, &elements->elements[i], out)
				      : heap_push(out, &elements->elements[i]);
	return result;
}

/* --- Merging ------------------------------------------------------------------------------------- */

/* The elements that reach over the present address, the one that counts on top. */
struct cover {
	const struct policy_element **elements;
	size_t count;
};

/* Longer lasting first; then as they are sorted, which is by their place in the array. */
static bool counts_before(const struct policy_element *a, const struct policy_element *b)
{
	uint32_t a_until = a->expires - 1, b_until = b->expires - 1; /* 0, for ever, becomes the greatest */

	return a_until != b_until ? a_until > b_until : a < b;
}

static void cover_add(struct cover *cover, const struct policy_element *element)
{
	size_t at = cover->count++;

	for (; at > 0 && counts_before(element, cover->elements[(at - 1) / 2]); at = (at - 1) / 2)
		cover->elements[at] = cover->elements[(at - 1) / 2];
	cover->elements[at] = element;
}

static void cover_remove(struct cover *cover)
{
	const struct policy_element *last = cover->elements[--cover->count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < cover->count) {
		if (child + 1 < cover->count &&
		    counts_before(cover->elements[child + 1], cover->elements[child]))
			child++;
		if (!counts_before(cover->elements[child], last))
			break;
		cover->elements[at] = cover->elements[child];
		at = child;
	}
	cover->elements[at] = last;
}

/* Sorted elements of the same ports; what overlaps is given to the one that counts. */
static int merge_run(const struct policy_element *elements, size_t count, struct cover *cover,
		     struct policy_elements *out)
{
	size_t next = 0;
	address at = 0;

	cover->count = 0;
	while (next < count || cover->count) {
		while (cover->count && cover->elements[0]->high < at)
			cover_remove(cover);
		if (cover->count == 0) {
			if (next == count)
				break;
			at = elements[next].low > at ? elements[next].low : at;
		}
		while (next < count && elements[next].low <= at) {
			if (elements[next].high >= at)
				cover_add(cover, &elements[next]);
			next++;
		}
		if (cover->count == 0)
			continue;
		/* up to its end, or to where one begins that counts more */
		const struct policy_element *top = cover->elements[0];
		struct policy_element part = *top;
		part.low = at;
		while (next < count && elements[next].low <= top->high &&
		       !counts_before(&elements[next], top)) {
			if (elements[next].high > top->high)
				cover_add(cover, &elements[next]);
			next++;
		}
		if (next < count && elements[next].low <= top->high)
			part.high = elements[next].low - 1;
		int result = heap_push(out, &part);
		if (result < 0)
			return result;
		if (part.high == ~(address)0)
			break;
		at = part.high + 1;
	}
	return 0;
}

static int merge_all(const struct policy_elements *sorted, struct policy_elements *out)
{
	struct cover cover = {.elements = calloc(sorted->count + 1, sizeof(const struct policy_element *))};
	int result = cover.elements ? 0 : -ENOMEM;

	for (size_t i = 0; i < sorted->count && result == 0;) {
		size_t end = i + 1;
		while (end < sorted->count && same_ports(&sorted->elements[i], &sorted->elements[end]))
			end++;
		result = merge_run(sorted->elements + i, end - i, &cover, out);
		i = end;
	}
	free(cover.elements);
	return result;
}

int policy_elements_merge(struct arena *arena, enum family family, struct policy_elements *elements)
{
	struct policy_elements cut = {0}, out = {0};
	struct port_cuts cuts = {0};
	int result = cuts_add(&cuts, elements);

	(void)family; /* an address is below the family's end in both */
	if (result == 0 && !cuts.needed && is_merged(elements)) {
		cuts_fini(&cuts);
		return 0;
	}
	if (result == 0)
		result = cut_ports(&cuts, elements, &cut);
	cuts_fini(&cuts);
	if (result == 0 && cut.count) {
		qsort(cut.elements, cut.count, sizeof(*cut.elements), compare_elements);
		result = merge_all(&cut, &out);
	}
	free(cut.elements);
	return heap_give(arena, &out, result, elements);
}

/* --- Taking off ---------------------------------------------------------------------------------- */

/* The first element of b, with these ports, that ends at the address or behind it. */
static size_t first_behind(const struct policy_elements *b, const struct policy_element *ports, address at)
{
	size_t low = 0, high = b->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct policy_element *element = &b->elements[middle];
		bool before = element->protocol != ports->protocol   ? element->protocol < ports->protocol
			      : element->port_low != ports->port_low ? element->port_low < ports->port_low
								     : element->high < at;
		if (before)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What b, whose elements have these ports, leaves of one element. */
static int subtract_one(const struct policy_element *element, const struct policy_elements *b,
			const struct policy_element *ports, struct policy_elements *out)
{
	struct policy_element rest = *element;

	for (size_t i = first_behind(b, ports, rest.low); i < b->count && same_ports(&b->elements[i], ports);
	     i++) {
		const struct policy_element *off = &b->elements[i];
		if (off->low > rest.high)
			break;
		if (off->low > rest.low) {
			struct policy_element part = rest;
			part.high = off->low - 1;
			int result = heap_push(out, &part);
			if (result < 0)
				return result;
		}
		if (off->high >= rest.high)
			return 0;
		rest.low = off->high + 1;
	}
	return heap_push(out, &rest);
}

/* b is of addresses, with all ports. */
static int subtract_addresses(const struct policy_elements *a, const struct policy_elements *b,
			      struct policy_elements *out)
{
	static const struct policy_element no_ports;
	int result = 0;

	for (size_t i = 0; i < a->count && result == 0; i++)
		result = subtract_one(&a->elements[i], b, &no_ports, out);
	return result;
}

static int subtract_ports(const struct policy_elements *a, const struct policy_elements *b,
			  struct policy_elements *out)
{
	struct policy_elements cut_a = {0}, cut_b = {0};
	struct port_cuts cuts = {0};
	int result = cuts_add(&cuts, a);

	if (result == 0)
		result = cuts_add(&cuts, b);
	if (result == 0)
		result = cut_ports(&cuts, a, &cut_a);
	if (result == 0)
		result = cut_ports(&cuts, b, &cut_b);
	cuts_fini(&cuts);
	if (result == 0 && cut_a.count)
		qsort(cut_a.elements, cut_a.count, sizeof(*cut_a.elements), compare_elements);
	if (result == 0 && cut_b.count)
		qsort(cut_b.elements, cut_b.count, sizeof(*cut_b.elements), compare_elements);
	for (size_t i = 0; i < cut_a.count && result == 0; i++)
		result = subtract_one(&cut_a.elements[i], &cut_b, &cut_a.elements[i], out);
	free(cut_a.elements);
	free(cut_b.elements);
	return result;
}

int policy_elements_subtract(struct arena *arena, struct policy_elements *a, const struct policy_elements *b)
{
	struct policy_elements out = {0};

	if (a->count == 0 || b->count == 0)
		return 0;
	int result = b->elements[0].protocol ? subtract_ports(a, b, &out) : subtract_addresses(a, b, &out);
	return heap_give(arena, &out, result, a);
}

/* --- Looking ------------------------------------------------------------------------------------- */

const struct policy_element *policy_elements_meet(const struct policy_elements *elements,
						  struct address_range range)
{
	if (elements->count && elements->elements[0].protocol) {
		for (size_t i = 0; i < elements->count; i++)
			if (elements->elements[i].low <= range.high &&
			    elements->elements[i].high >= range.low)
				return &elements->elements[i];
		return NULL;
	}
	static const struct policy_element no_ports;
	size_t at = first_behind(elements, &no_ports, range.low);
	return at < elements->count && elements->elements[at].low <= range.high ? &elements->elements[at]
										: NULL;
}

unsigned policy_prefix(enum family family, address low, address high, address *end)
{
	unsigned bits = family_bits(family), length = bits;

	/* as wide as low's zeros and the distance to high let it be */
	while (length > 0) {
		address wider = family_max(family) & ~prefix_mask(family, length - 1);
		if ((low & wider) || high - low < wider)
			break;
		length--;
	}
	*end = low | (family_max(family) & ~prefix_mask(family, length));
	return length;
}
