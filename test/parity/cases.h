/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fixed cases: what once was believed wrongly, or would be easy to get wrong. */
#ifndef WEIR_TEST_PARITY_CASES_H
#define WEIR_TEST_PARITY_CASES_H

#include "frames.h"

struct case_packet {
	bool early;             /* dropped early, or left to the kernel */
	struct frame_plan plan; /* addresses 0: those below */
	const char *source, *destination;
};

struct fixed_case {
	const char *name;
	enum family family;
	bool tracked; /* conntrack is in use once it is loaded */
	bool forwarding;
	bool session;              /* the packets come in order, as of one capture */
	const char *sets, *tables; /* without the first comment; those that name the sentinel are tried on the
				      kernel, too */
	struct case_packet packets[8];
	size_t count;
};

extern const struct fixed_case fixed_cases[];
extern const size_t fixed_case_count;

void case_plan(const struct fixed_case *fixed, size_t packet, struct frame_plan *plan);

#endif
