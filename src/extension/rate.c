/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What limit, hashlimit and others that count share. */
#include "extension/rate.h"

#include "extension/session.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;    /* iptables takes any beginning of it */
	const char *printed; /* and prints this */
	uint32_t seconds;
} units[] = {{"day", "day", 86400}, {"hour", "hour", 3600}, {"minute", "min", 60}, {"second", "sec", 1}};
#define UNIT_COUNT (sizeof(units) / sizeof(*units))

int64_t rate_integer(struct text text)
{
	size_t at = 0;
	bool negative = false;
	uint64_t value = 0;

	while (at < text.size && isspace((unsigned char)text.data[at]))
		at++;
	if (at < text.size && (text.data[at] == '-' || text.data[at] == '+'))
		negative = text.data[at++] == '-';
	for (; at < text.size && isdigit((unsigned char)text.data[at]); at++) {
		value = value * 10 + (uint64_t)(text.data[at] - '0');
		if (value > INT64_MAX)
			return negative ? INT64_MIN : INT64_MAX;
	}
	return negative ? -(int64_t)value : (int64_t)value;
}

int rate_parse(struct text text, uint64_t scale, uint64_t *period, uint32_t *seconds)
{
	const char *slash = text.size ? memchr(text.data, '/', text.size) : NULL;
	size_t unit = UNIT_COUNT - 1;

	if (slash) {
		struct text name = {slash + 1, text.size - (size_t)(slash - text.data) - 1};
		for (unit = UNIT_COUNT; unit-- > 0;)
			if (text_abbreviates(name, units[unit].name))
				break;
		if (unit >= UNIT_COUNT)
			return -EINVAL;
	}
	uint64_t number = (uint64_t)rate_integer(text);
	if (!number)
		return -EINVAL;
	if (scale * units[unit].seconds / number == 0)
		return -ERANGE;
	*period = scale * units[unit].seconds / number;
	*seconds = units[unit].seconds;
	return 0;
}

uint32_t rate_print(uint64_t period, uint64_t scale, struct buffer *out)
{
	size_t unit = 1;

	if (period == 0) {
		buffer_puts(out, " inf");
		return 0;
	}
	for (; unit < UNIT_COUNT; unit++) {
		uint64_t whole = scale * units[unit].seconds;
		if (period > whole || whole / period < whole % period)
			break;
	}
	unit--;
	buffer_printf(out, " %llu/%s", (unsigned long long)(scale * units[unit].seconds / period),
		      units[unit].printed);
	return units[unit].seconds;
}

void *rate_memory(const struct match *match, const struct rule *rule, const char *name, size_t size,
		  bool known, struct evaluation *evaluation)
{
	char own[16];
	struct rate_memory *memory;

	if (!evaluation->session)
		return NULL;
	if (name) {
		memory = session_memory(evaluation->session, NULL, name, size);
	} else {
		snprintf(own, sizeof(own), "%u", (unsigned)(match - rule->matches));
		memory = session_memory(evaluation->session, rule, own, size);
	}
	if (!memory)
		return NULL;
	if (!known || !evaluation->certain)
		memory->lost = true;
	return memory->lost ? NULL : memory;
}
