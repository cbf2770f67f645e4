/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meaning/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS_MAX                                                                                          \
	(1u << 22) /* of ends, and of traces: lists of rules that all go on make products of them */
#define TRACE_LENGTH_MAX 4096 /* events of one trace, when they are joined */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
	hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
	return hash ^ hash >> 31;
}

static uint64_t end_hash(const struct end *end)
{
	return mix(mix(end->kind, end->text), end->trace);
}

static uint64_t trace_hash(const struct trace *trace)
{
	return mix(trace->before, trace->event);
}

static uint64_t event_hash(const struct event *event)
{
	uint64_t hash = mix(mix(event->look, event->value), (uint64_t)event->mask << 32 | event->place);
	for (const char *at = event->text ? event->text : ""; *at; at++)
		hash = mix(hash, (unsigned char)*at);
	return hash;
}

static bool event_same(const struct event *a, const struct event *b)
{
	bool same_text = a->text && b->text ? strcmp(a->text, b->text) == 0 : a->text == b->text;
	return same_text && a->look == b->look && a->tracks == b->tracks && a->rewrites == b->rewrites &&
	       a->marks == b->marks && a->value == b->value && a->mask == b->mask && a->asks == b->asks &&
	       a->place == b->place && a->where == b->where && a->fades == b->fades &&
	       a->routing == b->routing;
}

/* What is kept under a number, by kind of table. */
enum kept { KEPT_END, KEPT_TRACE, KEPT_EVENT };

static uint64_t kept_hash(const struct traces *traces, enum kept kept, uint32_t number)
{
	switch (kept) {
	case KEPT_END:
		return end_hash(&traces->ends[number]);
	case KEPT_TRACE:
		return trace_hash(&traces->traces[number]);
	case KEPT_EVENT:
		break;
	}
	return event_hash(&traces->events[number]);
}

static bool slots_grow(const struct traces *traces, enum kept kept, struct trace_slots *slots, size_t count)
{
	struct trace_slots grown = {.capacity = slots->capacity ? slots->capacity * 2 : 256};
	grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
	if (!grown.slots)
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t place = kept_hash(traces, kept, (uint32_t)i) & (grown.capacity - 1);
		while (grown.slots[place])
			place = (place + 1) & (grown.capacity - 1);
		grown.slots[place] = (uint32_t)i + 1;
	}
	free(slots->slots);
	*slots = grown;
	return true;
}

int traces_init(struct traces *traces, struct arena *arena)
{
	*traces = (struct traces){.arena = arena};
	struct trace *nothing = arena_push(arena, (void **)&traces->traces, &traces->trace_count,
					   &traces->trace_capacity, sizeof(*nothing));
	return nothing ? 0 : -ENOMEM;
}

void traces_fini(struct traces *traces)
{
	free(traces->end_slots.slots);
	free(traces->trace_slots.slots);
	free(traces->event_slots.slots);
}

/* Room for one more; false when there is none. */
static bool slots_ready(struct traces *traces, enum kept kept, struct trace_slots *slots, size_t count)
{
	if (count >= NUMBERS_MAX)
		return false;
	return 2 * (count + 1) <= slots->capacity || slots_grow(traces, kept, slots, count);
}

uint32_t traces_event(struct traces *traces, const struct event *event)
{
	struct trace_slots *slots = &traces->event_slots;
	if (!slots_ready(traces, KEPT_EVENT, slots, traces->event_count))
		return TRACE_FAILED;
	size_t place = event_hash(event) & (slots->capacity - 1);
	for (; slots->slots[place]; place = (place + 1) & (slots->capacity - 1))
		if (event_same(&traces->events[slots->slots[place] - 1], event))
			return slots->slots[place] - 1;
	struct event *fresh = arena_push(traces->arena, (void **)&traces->events, &traces->event_count,
					 &traces->event_capacity, sizeof(*fresh));
	if (!fresh)
		return TRACE_FAILED;
	*fresh = *event;
	slots->slots[place] = (uint32_t)traces->event_count;
	return (uint32_t)traces->event_count - 1;
}

static uint32_t keep_trace(struct traces *traces, const struct trace *trace)
{
	struct trace_slots *slots = &traces->trace_slots;
	if (!slots_ready(traces, KEPT_TRACE, slots, traces->trace_count))
		return TRACE_FAILED;
	size_t place = trace_hash(trace) & (slots->capacity - 1);
	for (; slots->slots[place]; place = (place + 1) & (slots->capacity - 1)) {
		const struct trace *known = &traces->traces[slots->slots[place] - 1];
		if (slots->slots[place] > 1 && known->before == trace->before && known->event == trace->event)
			return slots->slots[place] - 1;
	}
	struct trace *fresh = arena_push(traces->arena, (void **)&traces->traces, &traces->trace_count,
					 &traces->trace_capacity, sizeof(*fresh));
	if (!fresh)
		return TRACE_FAILED;
	*fresh = *trace;
	slots->slots[place] = (uint32_t)traces->trace_count;
	return (uint32_t)traces->trace_count - 1;
}

/* m -> ((m & ~a.mask) ^ a.value & ~b.mask) ^ b.value */
static uint32_t join_marks(struct traces *traces, const struct event *a, const struct event *b)
{
	struct event both = {
	    .look = LOOK_CHANGES, .marks = true, .fades = true, .routing = a->routing | b->routing};
	both.mask = a->mask | b->mask;
	both.value = (a->value & ~b->mask) ^ b->value;
	return traces_event(traces, &both);
}

uint32_t traces_add(struct traces *traces, uint32_t trace, uint32_t event)
{
	if (trace == TRACE_FAILED || event == TRACE_FAILED)
		return TRACE_FAILED;
	const struct event *added = &traces->events[event];
	const struct trace *before = &traces->traces[trace];
	if (added->tracks && before->tracked)
		return trace;
	if (added->marks && !added->mask && !added->value)
		return trace;
	if (added->marks && trace && traces->events[before->event].marks) {
		uint32_t rest = before->before;
		return traces_add(traces, rest, join_marks(traces, &traces->events[before->event], added));
	}
	/* Asked again it may say otherwise: one unknown cannot stand for both answers. */
	for (uint32_t at = added->asks ? trace : 0; at; at = traces->traces[at].before)
		if (traces->traces[at].event == event)
			return TRACE_FAILED;
	struct trace fresh = {.before = trace,
			      .event = event,
			      .tracked = before->tracked || added->tracks,
			      .rewritten = before->rewritten || added->rewrites};
	return keep_trace(traces, &fresh);
}

uint32_t traces_join(struct traces *traces, uint32_t first, uint32_t second)
{
	uint32_t events[TRACE_LENGTH_MAX];
	size_t count = 0;
	if (first == TRACE_FAILED || second == TRACE_FAILED)
		return TRACE_FAILED;
	if (!first)
		return second;
	for (; second; second = traces->traces[second].before) {
		if (count == TRACE_LENGTH_MAX)
			return TRACE_FAILED;
		events[count++] = traces->traces[second].event;
	}
	while (count-- > 0)
		first = traces_add(traces, first, events[count]);
	return first;
}

uint32_t traces_keep(struct traces *traces, uint32_t trace,
		     bool (*keep)(const void *context, const struct event *event), const void *context)
{
	uint32_t events[TRACE_LENGTH_MAX], kept = 0;
	size_t count = 0;
	if (trace == TRACE_FAILED)
		return TRACE_FAILED;
	for (uint32_t at = trace; at; at = traces->traces[at].before) {
		if (count == TRACE_LENGTH_MAX)
			return TRACE_FAILED;
		events[count++] = traces->traces[at].event;
	}
	while (count-- > 0)
		if (keep(context, &traces->events[events[count]]))
			kept = traces_add(traces, kept, events[count]);
	return kept;
}

/* Texts are kept as events of that text. */
static uint32_t keep_text(struct traces *traces, const char *text)
{
	const struct event event = {.text = arena_copy(traces->arena, text, strlen(text))};
	return event.text ? traces_event(traces, &event) : TRACE_FAILED;
}

static uint32_t keep_end(struct traces *traces, const struct end *end)
{
	struct trace_slots *slots = &traces->end_slots;
	if (end->trace == TRACE_FAILED || end->text == TRACE_FAILED ||
	    !slots_ready(traces, KEPT_END, slots, traces->end_count))
		return TRACE_FAILED;
	size_t place = end_hash(end) & (slots->capacity - 1);
	for (; slots->slots[place]; place = (place + 1) & (slots->capacity - 1)) {
		const struct end *known = &traces->ends[slots->slots[place] - 1];
		if (known->kind == end->kind && known->text == end->text && known->trace == end->trace)
			return slots->slots[place] - 1;
	}
	struct end *fresh = arena_push(traces->arena, (void **)&traces->ends, &traces->end_count,
				       &traces->end_capacity, sizeof(*fresh));
	if (!fresh)
		return TRACE_FAILED;
	*fresh = *end;
	slots->slots[place] = (uint32_t)traces->end_count;
	return (uint32_t)traces->end_count - 1;
}

uint32_t traces_end(struct traces *traces, enum end_kind kind, const char *text, uint32_t trace)
{
	struct end end = {.kind = kind, .text = text ? keep_text(traces, text) : 0, .trace = trace};
	return keep_end(traces, &end);
}

uint32_t traces_end_with(struct traces *traces, uint32_t end, uint32_t trace)
{
	if (end == TRACE_FAILED)
		return TRACE_FAILED;
	struct end other = traces->ends[end];
	other.trace = trace;
	return keep_end(traces, &other);
}
