/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The smallest part of a list for which something still holds (delta debugging, ddmin of Zeller and
 * Hildebrandt 2002). */
#ifndef WEIR_TEST_PARITY_SHRINK_H
#define WEIR_TEST_PARITY_SHRINK_H

#include <stdbool.h>
#include <stddef.h>

/* Whether it still holds with just those items for which keep[i] is true. */
typedef bool (*shrink_holds)(void *context, const bool *keep);

/* On entry keep[] is what it is known to hold for; on return nothing of it can be left out one by one, or
 * `attempts` were made. Gives the attempts that are left. */
unsigned shrink(bool *keep, size_t count, unsigned attempts, shrink_holds holds, void *context);

#endif
