/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Exact tables: keys of an address and a point, in lines of one hash (layout.h). */
#include "plane/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FACTORS 16

/* Odd numbers without a pattern (splitmix64). */
static uint64_t factor_of(uint32_t i)
{
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15ull;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) | 1;
}

static uint32_t line_of(const struct plane_exact *exact, enum family family, const struct exact_key *key)
{
	return (uint32_t)(family == FAMILY_IPV4
			      ? plane_exact_line(exact, (uint64_t)key->address, 0, key->point, 4)
			      : plane_exact_line(exact, (uint64_t)(key->address >> 64),
						 (uint64_t)key->address, key->point, 6));
}

/* Gives each key its line; UINT32_MAX to what finds no room within the probes. How many those are. */
static size_t place(const struct plane_exact *exact, enum family family, const struct exact_key *keys,
		    size_t count, uint8_t *used, uint32_t *line)
{
	uint32_t ways = family == FAMILY_IPV4 ? 4 : 2;
	size_t left = 0;
	memset(used, 0, (size_t)exact->mask + 1);
	for (size_t i = 0; i < count; i++) {
		uint32_t at = line_of(exact, family, &keys[i]), probe = 0;
		while (probe < exact->probes && used[(at + probe) & exact->mask] == ways)
			probe++;
		line[i] = probe < exact->probes ? (at + probe) & exact->mask : UINT32_MAX;
		if (probe < exact->probes)
			used[line[i]]++;
		else
			left++;
	}
	return left;
}

static void write_entry(uint8_t *entry, enum family family, const struct exact_key *key)
{
	if (family == FAMILY_IPV4) {
		struct plane_exact4 four = {(uint64_t)key->address << 24 | key->point, key->value,
					    key->class};
		memcpy(entry, &four, sizeof(four));
		return;
	}
	struct plane_exact6 six = {.address = {(uint64_t)(key->address >> 64), (uint64_t)key->address},
				   .value = key->value,
				   .class = key->class,
				   .point = key->point};
	memcpy(entry, &six, sizeof(six));
}

static int write_lines(struct build *build, struct plane_exact *exact, const struct exact_key *keys,
		       size_t count, uint8_t *used, const uint32_t *line)
{
	size_t size =
	    build->family == FAMILY_IPV4 ? sizeof(struct plane_exact4) : sizeof(struct plane_exact6);
	int result =
	    blob_reserve(build->blob, ((size_t)exact->mask + 1) * PLANE_LINE, PLANE_LINE, &exact->lines);
	if (result)
		return result;
	memset(used, 0, (size_t)exact->mask + 1);
	uint8_t *lines = blob_at(build->blob, exact->lines);
	for (size_t i = 0; i < count; i++)
		if (line[i] != UINT32_MAX)
			write_entry(lines + (size_t)line[i] * PLANE_LINE + used[line[i]]++ * size,
				    build->family, &keys[i]);
	return 0;
}

int exact_build(struct build *build, struct exact_key *keys, size_t count, uint32_t bits, uint32_t probes,
		struct plane_exact *exact, bool *all)
{
	uint8_t *used = calloc((size_t)1 << bits, 1);
	uint32_t *line = calloc(count + 1, sizeof(*line));
	struct plane_exact made = {.mask = (uint32_t)(((uint64_t)1 << bits) - 1), .shift = 64 - bits};
	struct plane_exact best = made;
	size_t fewest = SIZE_MAX;
	int result = used && line ? 0 : -ENOMEM;
	/* One probe when some factor makes that enough. */
	for (uint32_t depth = 1; depth <= probes && fewest && result == 0;
	     depth = depth < probes ? probes : depth + 1)
		for (uint32_t i = 0; i < (count > 65536 ? 1 : FACTORS) && fewest; i++) {
			made.factor = factor_of(i);
			made.probes = depth;
			size_t left = place(&made, build->family, keys, count, used, line);
			if (left < fewest) {
				fewest = left;
				best = made;
			}
		}
	if (result == 0) {
		place(&best, build->family, keys, count, used, line);
		*all = fewest == 0;
		for (size_t i = 0; i < count; i++)
			keys[i].placed = line[i] != UINT32_MAX;
		if (*all || probes == 1)
			result = write_lines(build, &best, keys, count, used, line);
	}
	if (result == 0)
		*exact = best;
	free(used);
	free(line);
	return result;
}

void exact_set_class(const struct build *build, const struct plane_exact *exact, const uint16_t *classes)
{
	size_t size =
	    build->family == FAMILY_IPV4 ? sizeof(struct plane_exact4) : sizeof(struct plane_exact6);
	uint8_t *lines = blob_at(build->blob, exact->lines);
	size_t value = build->family == FAMILY_IPV4 ? offsetof(struct plane_exact4, value)
						    : offsetof(struct plane_exact6, value);
	for (size_t at = 0; at < ((size_t)exact->mask + 1) * PLANE_LINE; at += size) {
		uint32_t words[2]; /* value and class, side by side in both */
		memcpy(words, lines + at + value, sizeof(words));
		if (!words[0])
			continue;
		words[1] = classes[words[0]];
		memcpy(lines + at + value, words, sizeof(words));
	}
}
