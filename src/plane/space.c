/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Cuts the addresses, or the points of pairs, where the predicates on them change. A sweep over the ends of
 * all ranges keeps two sums: of the predicates that hold (truth), and of the elements credited by those that
 * are counted. */
#include "plane/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRUTHS_MAX ((size_t)1 << 26) /* bytes */

/* At this address the predicate's element becomes this one, or (not `inside`) it ends to hold. */
struct event {
	address at;
	uint32_t predicate;
	uint32_t element;
	bool inside;
};

struct sweep {
	struct space *space;
	struct hash_map truth_of;
	uint8_t *truth; /* by predicate, now */
	uint32_t *element;
	hash128 truth_hash, credit_hash;
};

static int sweep_init(struct sweep *sweep, struct space *space)
{
	*sweep = (struct sweep){.space = space};
	sweep->truth = calloc(space->predicate_count + 1, 1);
	sweep->element = calloc(space->predicate_count + 1, sizeof(*sweep->element));
	return sweep->truth && sweep->element ? 0 : -ENOMEM;
}

static void sweep_fini(struct sweep *sweep)
{
	hash_map_fini(&sweep->truth_of);
	free(sweep->truth);
	free(sweep->element);
}

static void sweep_set(struct sweep *sweep, uint32_t predicate, bool inside, uint32_t element)
{
	bool counted = sweep->space->predicates[predicate].counted;
	if (sweep->truth[predicate]) {
		sweep->truth_hash -= hash_pair(1, predicate);
		if (counted)
			sweep->credit_hash -= hash_pair(2 + (uint64_t)predicate, sweep->element[predicate]);
	}
	sweep->truth[predicate] = inside;
	sweep->element[predicate] = element;
	if (inside) {
		sweep->truth_hash += hash_pair(1, predicate);
		if (counted)
			sweep->credit_hash += hash_pair(2 + (uint64_t)predicate, element);
	}
}

/* The number of the truth as it is now. */
static int sweep_truth(struct sweep *sweep, uint32_t *truth)
{
	struct space *space = sweep->space;
	int result = hash_map_add(&sweep->truth_of, sweep->truth_hash, (uint32_t)space->truth_count, truth);
	if (result || *truth < space->truth_count)
		return result;
	size_t width = space->predicate_count;
	if ((space->truth_count + 1) * width > TRUTHS_MAX)
		return -E2BIG;
	result = array_reserve((void **)&space->truths, &space->truth_capacity,
			       (space->truth_count + 1) * (width + 1), 1);
	if (result)
		return result;
	memcpy(space->truths + space->truth_count++ * width, sweep->truth, width);
	return 0;
}

static int sweep_segment(struct sweep *sweep, address start, uint32_t point)
{
	struct space *space = sweep->space;
	struct segment segment = {.start = start, .point = point, .credit = sweep->credit_hash};
	int result = sweep_truth(sweep, &segment.truth);
	if (result == 0)
		result = array_reserve((void **)&space->segments, &space->segment_capacity,
				       space->segment_count + 1, sizeof(*space->segments));
	if (result == 0)
		space->segments[space->segment_count++] = segment;
	return result;
}

static size_t predicate_events(const struct predicate *predicate, uint32_t index, address max,
			       struct event *events)
{
	size_t count = 0;
	for (size_t i = 0; i < predicate->range_count; i++) {
		const struct predicate_range *range = &predicate->ranges[i];
		events[count++] = (struct event){range->low, index, range->element, true};
		bool last = i + 1 == predicate->range_count;
		if (range->high >= max || (!last && predicate->ranges[i + 1].low == range->high + 1))
			continue;
		events[count++] = (struct event){range->high + 1, index, 0, false};
	}
	return count;
}

/* Merges sorted runs [ends[i - 1], ends[i]) in pairs until one is left. The result is in *events or *spare.
 */
static void merge_runs(struct event **events, struct event **spare, size_t *ends, size_t run_count)
{
	while (run_count > 1) {
		size_t written = 0, runs = 0;
		for (size_t run = 0; run < run_count; run += 2) {
			size_t a = run ? ends[run - 1] : 0, a_end = ends[run];
			size_t b = a_end, b_end = run + 1 < run_count ? ends[run + 1] : a_end;
			while (a < a_end || b < b_end) {
				bool left = b == b_end || (a < a_end && (*events)[a].at <= (*events)[b].at);
				(*spare)[written++] = (*events)[left ? a++ : b++];
			}
			ends[runs++] = written;
		}
		run_count = runs;
		struct event *swap = *events;
		*events = *spare;
		*spare = swap;
	}
}

static int sweep_events(struct sweep *sweep, const struct event *events, size_t count)
{
	int result = 0;
	if (count == 0 || events[0].at != 0)
		result = sweep_segment(sweep, 0, 0);
	for (size_t i = 0; i < count && result == 0;) {
		address at = events[i].at;
		for (; i < count && events[i].at == at; i++)
			sweep_set(sweep, events[i].predicate, events[i].inside, events[i].element);
		result = sweep_segment(sweep, at, 0);
	}
	return result;
}

int space_cut_addresses(struct space *space, address max)
{
	size_t total = 0, count = 0;
	for (size_t i = 0; i < space->predicate_count; i++)
		total += space->predicates[i].predicate->range_count * 2;
	struct event *events = reallocarray(NULL, total + 1, sizeof(*events));
	struct event *spare = reallocarray(NULL, total + 1, sizeof(*spare));
	size_t *ends = calloc(space->predicate_count + 1, sizeof(*ends));
	struct sweep sweep;
	int result = sweep_init(&sweep, space);
	if (!events || !spare || !ends)
		result = -ENOMEM;
	if (result == 0) {
		for (size_t i = 0; i < space->predicate_count; i++) {
			count += predicate_events(space->predicates[i].predicate, (uint32_t)i, max,
						  events + count);
			ends[i] = count;
		}
		merge_runs(&events, &spare, ends, space->predicate_count);
		result = sweep_events(&sweep, events, count);
	}
	sweep_fini(&sweep);
	free(events);
	free(spare);
	free(ends);
	return result;
}

static int compare_points(const struct predicate_point *a, const struct predicate_point *b)
{
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	return a->port < b->port ? -1 : a->port > b->port;
}

struct point_event {
	const struct predicate_point *point;
	uint32_t predicate;
};

static int compare_point_events(const void *a, const void *b)
{
	const struct point_event *left = a, *right = b;
	return compare_points(left->point, right->point);
}

static int sweep_points(struct sweep *sweep, const struct point_event *events, size_t count)
{
	struct space *space = sweep->space;
	/* Segment 0 is every point that no predicate names. */
	int result = sweep_segment(sweep, 0, 0);
	for (size_t i = 0; i < count && result == 0;) {
		size_t end = i;
		while (end < count && compare_points(events[end].point, events[i].point) == 0) {
			sweep_set(sweep, events[end].predicate, true, events[end].point->element);
			end++;
		}
		space->points[space->segment_count] = events[i].point;
		result = sweep_segment(sweep, 0, (uint32_t)space->segment_count);
		for (; i < end; i++)
			sweep_set(sweep, events[i].predicate, false, 0);
	}
	return result;
}

int space_cut_points(struct space *space)
{
	size_t total = 0, count = 0;
	for (size_t i = 0; i < space->predicate_count; i++)
		total += space->predicates[i].predicate->point_count;
	if (total >= BUILD_SLOTS_MAX)
		return -E2BIG;
	struct point_event *events = reallocarray(NULL, total + 1, sizeof(*events));
	space->points = calloc(total + 1, sizeof(const struct predicate_point *));
	struct sweep sweep;
	int result = sweep_init(&sweep, space);
	if (!events || !space->points)
		result = -ENOMEM;
	if (result == 0) {
		for (uint32_t i = 0; i < space->predicate_count; i++) {
			const struct predicate *predicate = space->predicates[i].predicate;
			for (size_t k = 0; k < predicate->point_count; k++)
				events[count++] = (struct point_event){&predicate->points[k], i};
		}
		qsort(events, count, sizeof(*events), compare_point_events);
		result = sweep_points(&sweep, events, count);
	}
	sweep_fini(&sweep);
	free(events);
	return result;
}

static uint32_t range_element(const struct predicate *predicate, address value)
{
	size_t low = 0, high = predicate->range_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (predicate->ranges[middle].low <= value)
			low = middle;
		else
			high = middle;
	}
	return predicate->ranges[low].element;
}

static uint32_t point_element(const struct predicate *predicate, const struct predicate_point *point)
{
	size_t low = 0, high = predicate->point_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (compare_points(&predicate->points[middle], point) <= 0)
			low = middle;
		else
			high = middle;
	}
	return predicate->points[low].element;
}

int space_credit_leaves(struct space *space, bool pairs, const uint32_t *which)
{
	size_t capacity = 0;
	space->leaf_first = calloc((size_t)space->leaf_count + 1, sizeof(*space->leaf_first));
	if (!space->leaf_first)
		return -ENOMEM;
	for (uint32_t leaf = 0; leaf < space->leaf_count; leaf++) {
		space->leaf_first[leaf] = (uint32_t)space->leaf_credit_count;
		if (which[leaf] == BUILD_NONE) /* padding of a block */
			continue;
		const struct segment *segment = &space->segments[which[leaf]];
		for (uint32_t i = 0; i < space->predicate_count; i++) {
			const struct predicate *predicate = space->predicates[i].predicate;
			if (!space->predicates[i].counted || !space_truth(space, segment->truth, i))
				continue;
			int result =
			    array_reserve((void **)&space->leaf_credits, &capacity,
					  space->leaf_credit_count + 1, sizeof(*space->leaf_credits));
			if (result)
				return result;
			uint32_t element = pairs ? point_element(predicate, space->points[segment->point])
						 : range_element(predicate, segment->start);
			space->leaf_credits[space->leaf_credit_count++] = (struct leaf_credit){i, element};
		}
		if (space->leaf_credit_count > BUILD_SLOTS_MAX)
			return -E2BIG;
	}
	space->leaf_first[space->leaf_count] = (uint32_t)space->leaf_credit_count;
	return 0;
}
