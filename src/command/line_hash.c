/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A hash for each line of a text, over its first hundred characters and those of the lines behind it that it
 * takes to have a hundred. Blanks do not count, and line ends of all kinds are one; characters are units of
 * UTF-16. Equal hashes are told apart by counting them from the start of the text.
 *
 * It must come out as the action that uploads SARIF to GitHub computes it (fingerprints.ts of codeql-action),
 * which compares: the sum of c[i] * 37^(99-i), modulo 2^64, where 65535 follows the last character, and then
 * zeros. */
#include "command/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#define WINDOW 100u
#define FACTOR 37u
#define END_MARK 0xffffu
#define REPLACEMENT 0xfffdu

struct line_hashes {
	size_t count;
	struct line_hash {
		uint64_t hash;
		uint32_t line, nth; /* nth: among equal ones */
	} lines[];                  /* by line */
};

struct units {
	uint16_t *data;
	size_t count;
	uint32_t *starts; /* of lines, in data */
	size_t line_count;
};

/* The next character, and how many bytes it has; what is no UTF-8 is replaced byte by byte. */
static uint32_t decode(const unsigned char *data, size_t size, size_t *length)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t bytes = data[0] < 0x80    ? 1
		       : data[0] >= 0xf0 ? 4
		       : data[0] >= 0xe0 ? 3
		       : data[0] >= 0xc2 ? 2
					 : 0;
	uint32_t value;

	*length = 1;
	if (bytes == 1)
		return data[0];
	if (!bytes || bytes > size)
		return REPLACEMENT;
	value = data[0] & (0x7fu >> bytes);
	for (size_t i = 1; i < bytes; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		value = value << 6 | (data[i] & 0x3fu);
	}
	if (value < least[bytes] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return REPLACEMENT;
	*length = bytes;
	return value;
}

static void add_unit(struct units *units, uint16_t unit, bool *line_start)
{
	if (*line_start)
		units->starts[units->line_count++] = (uint32_t)units->count;
	*line_start = unit == '\n';
	units->data[units->count++] = unit;
}

/* No more units than bytes, as none has fewer bytes than units; and no more lines than units. */
static void read_units(const struct source *source, struct units *units)
{
	const unsigned char *data = (const unsigned char *)source->data;
	bool line_start = true, after_return = false;
	size_t length;

	for (size_t at = 0; at < source->size; at += length) {
		uint32_t value = decode(data + at, source->size - at, &length);
		bool skip = value == ' ' || value == '\t' || (after_return && value == '\n');

		after_return = value == '\r' && !skip;
		if (skip)
			continue;
		if (value == '\r')
			value = '\n';
		if (value >= 0x10000) {
			add_unit(units, (uint16_t)(0xd7c0 + (value >> 10)), &line_start);
			value = 0xdc00 | (value & 0x3ff);
		}
		add_unit(units, (uint16_t)value, &line_start);
	}
	add_unit(units, END_MARK, &line_start);
}

static uint64_t hash_from(const struct units *units, size_t start)
{
	uint64_t hash = 0;

	for (size_t i = start; i < start + WINDOW; i++)
		hash = hash * FACTOR + (i < units->count ? units->data[i] : 0);
	return hash;
}

static int compare(const void *a, const void *b)
{
	const struct line_hash *first = *(struct line_hash *const *)a,
			       *second = *(struct line_hash *const *)b;

	if (first->hash != second->hash)
		return first->hash < second->hash ? -1 : 1;
	return (first->line > second->line) - (first->line < second->line);
}

static int number_equal(struct line_hashes *hashes)
{
	struct line_hash **order = calloc(hashes->count ? hashes->count : 1, sizeof(struct line_hash *));

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < hashes->count; i++)
		order[i] = &hashes->lines[i];
	qsort(order, hashes->count, sizeof(struct line_hash *), compare);
	for (size_t i = 0; i < hashes->count; i++)
		order[i]->nth = i && order[i - 1]->hash == order[i]->hash ? order[i - 1]->nth + 1 : 1;
	free(order);
	return 0;
}

int line_hashes_new(const struct source *source, struct line_hashes **hashes)
{
	struct units units = {.data = calloc((size_t)source->size + 1, sizeof(*units.data)),
			      .starts = calloc((size_t)source->size + 1, sizeof(*units.starts))};
	struct line_hashes *made = NULL;
	int error = -ENOMEM;

	if (units.data && units.starts) {
		read_units(source, &units);
		made = malloc(sizeof(*made) + units.line_count * sizeof(made->lines[0]));
	}
	if (made) {
		made->count = units.line_count;
		for (size_t i = 0; i < made->count; i++)
			made->lines[i] = (struct line_hash){.hash = hash_from(&units, units.starts[i]),
							    .line = (uint32_t)i + 1};
		error = number_equal(made);
	}
	free(units.data);
	free(units.starts);
	if (error)
		free(made);
	else
		*hashes = made;
	return error;
}

void line_hashes_free(struct line_hashes *hashes)
{
	free(hashes);
}

void line_hash_print(const struct line_hashes *hashes, uint32_t line, struct buffer *out)
{
	if (line && line <= hashes->count)
		buffer_printf(out, "%" PRIx64 ":%" PRIu32, hashes->lines[line - 1].hash,
			      hashes->lines[line - 1].nth);
}
