/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ends and what happened before them, in words. */
#include "meaning/behaviour_private.h"

#include <string.h>

/* Which of those with one text. */
static void print_asking(const struct behaviour *behaviour, size_t place, struct buffer *out)
{
	const struct places *places = &behaviour->places;
	size_t alike = 0, own = 0;
	for (size_t i = 0; i < places->count; i++) {
		alike += strcmp(places->all[i].name, places->all[place].name) == 0;
		if (i == place)
			own = alike;
	}
	buffer_printf(out, "asks %s", places->all[place].name);
	if (alike > 1)
		buffer_printf(out, " (%zu of %zu)", own, alike);
}

static void print_event(const struct behaviour *behaviour, const struct event *event, struct buffer *out)
{
	if (event->marks && event->mask == UINT32_MAX)
		buffer_printf(out, "MARK 0x%x", event->value);
	else if (event->marks)
		buffer_printf(out, "MARK 0x%x/0x%x", event->value, event->mask);
	else if (event->asks)
		print_asking(behaviour, event->place - 1, out);
	else
		buffer_puts(out, event->text);
}

void behaviour_print_events(const struct behaviour *behaviour, uint32_t number, struct buffer *out)
{
	enum { SHOWN = 16 };
	uint32_t events[SHOWN], trace = behaviour->traces.ends[number].trace;
	size_t count = 0, more = 0;
	for (; trace; trace = behaviour->traces.traces[trace].before) {
		if (count < SHOWN)
			events[count++] = behaviour->traces.traces[trace].event;
		else
			more++;
	}
	if (more)
		buffer_printf(out, "(%zu more)", more);
	while (count-- > 0) {
		buffer_puts(out, out->size ? ", " : "");
		print_event(behaviour, &behaviour->traces.events[events[count]], out);
	}
}

void behaviour_print_end(const struct behaviour *behaviour, uint32_t number, struct buffer *out)
{
	const struct end *end = &behaviour->traces.ends[number];
	switch (end->kind) {
	case END_ACCEPT:
		buffer_puts(out, "ACCEPT");
		break;
	case END_DROP:
		buffer_puts(out, "DROP");
		break;
	case END_RETURN:
	case END_CONTINUE:
		buffer_puts(out, "goes on");
		break;
	case END_OTHER:
		buffer_puts(out, behaviour->traces.events[end->text].text);
		break;
	}
}
