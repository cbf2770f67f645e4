/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The options by which the targets MARK and CONNMARK say what a mark becomes. Nobody above this folder
 * includes it. */
#ifndef WEIR_EXTENSION_MARK_H
#define WEIR_EXTENSION_MARK_H

#include "extension/guided.h"

/* (mark & ~mask) ^ value */
struct mark_change {
	uint32_t value, mask;
};

/* Both tables of guides begin with these; of them one is given. */
enum mark_option { MARK_SET_XMARK, MARK_SET_MARK, MARK_AND, MARK_OR, MARK_XOR, MARK_COUNT };
#define MARK_OPTIONS ((1u << MARK_COUNT) - 1)
/* An option that does not go together with any of `others`. */
#define MARK_GUIDE(index, option, option_kind, others)                                                       \
	[index] = {.name = (option),                                                                         \
		   .kind = (option_kind),                                                                    \
		   .max = UINT32_MAX,                                                                        \
		   .excludes = (others) & ~(1u << (index))}

/* What one option says: of an index below MARK_COUNT. */
static inline struct mark_change mark_change_of(enum mark_option option, const struct guided_value *value)
{
	uint32_t number = (uint32_t)value->number, mask = (uint32_t)value->second;

	switch (option) {
	case MARK_SET_MARK:
		return (struct mark_change){number, number | mask};
	case MARK_AND:
		return (struct mark_change){0, ~number};
	case MARK_OR:
		return (struct mark_change){number, number};
	case MARK_XOR:
		return (struct mark_change){number, 0};
	case MARK_SET_XMARK:
	case MARK_COUNT:
		break;
	}
	return (struct mark_change){number, mask};
}

/* The option that was given. false: none of them was. */
static inline bool mark_change_read(const struct guided *guided, struct mark_change *change)
{
	for (unsigned i = 0; i < MARK_COUNT; i++)
		if (guided_seen(guided, i)) {
			*change = mark_change_of((enum mark_option)i, &guided->values[i]);
			return true;
		}
	return false;
}

#endif
