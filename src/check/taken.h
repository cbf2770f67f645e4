/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that others take all packets from. Nobody above this folder includes it. */
#ifndef WEIR_CHECK_TAKEN_H
#define WEIR_CHECK_TAKEN_H

#include "check/reaches.h"

/* It decides, and so do all that take its packets, the other way. */
bool taken_by_opposite(const struct rule *rule, const struct rule_reach *reach);

/* Reports those of which `wanted` is true; rules in a row with the same takers together. */
typedef bool (*taken_filter)(const struct rule *rule, const struct rule_reach *reach);
int taken_report(struct check *check, taken_filter wanted, const char *one, const char *many);

#endif
