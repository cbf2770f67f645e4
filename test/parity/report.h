/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Results as TAP: one test a property, judged over many rulesets and packets. A property that was never
 * looked at has failed: what was not compared is not equal. */
#ifndef WEIR_TEST_PARITY_REPORT_H
#define WEIR_TEST_PARITY_REPORT_H

#include "frames.h"
#include "rules.h"

struct property {
	const char *name;
	uint64_t compared, wrong;
};

/* Where we are, for messages. */
struct report_place {
	uint64_t seed; /* of this ruleset: give it to the program to do this one alone */
	const struct drawn_rules *text;
	const struct packet *packet; /* may be NULL */
	const struct frame *frame;   /* may be NULL */
};

/* Counts one comparison; when it is wrong says so (the first few for each property, all in full), with seed,
 * files that hold the ruleset, and the packet. Returns `right`. */
__attribute__((format(printf, 4, 5))) bool report(struct property *property, const struct report_place *place,
						  bool right, const char *format, ...);
/* Prints the TAP lines and the plan; 0, or 1 when one failed. */
int report_finish(const struct property *properties, size_t count);

#endif
