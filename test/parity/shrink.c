/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>

static size_t kept(const bool *keep, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += keep[i];
	return sum;
}

/* Leaves `size` of those that are kept out, from the `from`-th on. */
static void leave_out(const bool *keep, size_t count, size_t from, size_t size, bool *next)
{
	for (size_t i = 0, n = 0; i < count; i++) {
		next[i] = keep[i] && (n < from || n >= from + size);
		n += keep[i];
	}
}

unsigned shrink(bool *keep, size_t count, unsigned attempts, shrink_holds holds, void *context)
{
	bool *next = calloc(count + 1, sizeof(*next));

	for (size_t size = (kept(keep, count) + 1) / 2; next && size;) {
		bool smaller = false;

		for (size_t from = 0; from < kept(keep, count) && attempts;) {
			leave_out(keep, count, from, size, next);
			attempts--;
			if (holds(context, next)) {
				memcpy(keep, next, count * sizeof(*keep));
				smaller = true;
			} else {
				from += size;
			}
		}
		if (!attempts)
			break;
		if (size > 1)
			size = (size + 1) / 2;
		else if (!smaller)
			break;
	}
	free(next);
	return attempts;
}
