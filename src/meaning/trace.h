/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: ends, traces and events, each kept once, so that equal ones have equal numbers. */
#ifndef WEIR_MEANING_TRACE_H
#define WEIR_MEANING_TRACE_H

#include "meaning/behaviour.h"

struct trace_slots {
	uint32_t *slots; /* number + 1; 0: free */
	size_t capacity;
};

struct traces {
	struct arena *arena;
	size_t end_count, end_capacity, trace_count, trace_capacity, event_count, event_capacity;
	struct end *ends;
	struct trace *traces; /* [0]: nothing happened */
	struct event *events;
	struct trace_slots end_slots, trace_slots, event_slots;
};

#define TRACE_FAILED UINT32_MAX /* memory is short, or there are too many */

int traces_init(struct traces *traces, struct arena *arena); /* 0 or -ENOMEM */
void traces_fini(struct traces *traces);
uint32_t traces_event(struct traces *traces, const struct event *event);
/* The trace with one more event. Of tracking the first counts (skb->_nfct is set once), marks that follow
 * each other are one. One match asked twice: TRACE_FAILED. */
uint32_t traces_add(struct traces *traces, uint32_t trace, uint32_t event);
/* One after the other. */
uint32_t traces_join(struct traces *traces, uint32_t first, uint32_t second);
/* Without the events that are not to be kept. */
uint32_t traces_keep(struct traces *traces, uint32_t trace,
		     bool (*keep)(const void *context, const struct event *event), const void *context);
uint32_t traces_end(struct traces *traces, enum end_kind kind, const char *text, uint32_t trace);
/* The end with another trace. */
uint32_t traces_end_with(struct traces *traces, uint32_t end, uint32_t trace);

#endif
