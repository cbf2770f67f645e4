/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m statistic --mode random: how often it holds is chance, yet not just anything. */
#ifndef WEIR_TEST_PARITY_CHANCE_H
#define WEIR_TEST_PARITY_CHANCE_H

#include "base/text.h"

#include <stdbool.h>

/* Sends many packets to rules of several probabilities, in both flavours, and gives them to the engine, too:
 * how often each rule counts must lie where chance puts it but for one run in 10^9. 0, or -errno; *why: those
 * that do not, empty where all do. */
int chance_check(struct buffer *why);
/* Of `count` tries that succeed with `probability` each: at least *low and at most *high succeed, but for a
 * chance of `tail` on either side. */
void chance_bounds(unsigned count, double probability, double tail, unsigned *low, unsigned *high);

#endif
