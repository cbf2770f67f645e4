/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where iptables-legacy and iptables-nft count the same packet differently. The engine is of x_tables, and
 * random packets that meet one of these are not sent where both are compared (predict.c). */
#ifndef WEIR_TEST_PARITY_FLAVOURS_H
#define WEIR_TEST_PARITY_FLAVOURS_H

#include "frames.h"

struct flavour_case {
	const char *name;
	enum family family;
	const char *rule; /* behind "-A PREROUTING" in raw */
	struct frame_plan plan;
	bool counted[2];    /* by iptables-legacy, by iptables-nft */
	const char *tables; /* behind raw, with one rule, which is then the one that counts; NULL: none */
};

extern const struct flavour_case flavour_cases[];
extern const size_t flavour_case_count;

#endif
