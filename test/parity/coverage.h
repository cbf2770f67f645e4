/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How often each match and target was compared: what was not compared is not known to agree. */
#ifndef WEIR_TEST_PARITY_COVERAGE_H
#define WEIR_TEST_PARITY_COVERAGE_H

#include "tally.h"

/* Adds the rules of a tally that agreed with the kernel's. */
void coverage_add(const struct rule_tally *tally);
/* One line for each match and target of each family, as comments of TAP. */
void coverage_print(void);
/* Rules that were compared, and packets that they counted. */
extern uint64_t coverage_rules, coverage_packets;

#endif
