/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Points in time as RFC 3339 writes them: 2026-01-31T10:00:00Z, with up to nine digits of a second's
 * fraction. */
#ifndef WEIR_PACKET_TIMESTAMP_H
#define WEIR_PACKET_TIMESTAMP_H

#include "base/text.h"

/* *time: nanoseconds since 1970. Z or an offset from UTC must be given: there is no local time here. 0, or
 * -EINVAL: not such a text, or before 1970 or after what 64 bits hold (the year 2554). */
int timestamp_parse(struct text text, uint64_t *time);
/* In UTC; parses to the same number. */
void timestamp_print(uint64_t time, struct buffer *out);

#endif
