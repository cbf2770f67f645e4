/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A disagreement between the engine and the kernel, with rules and frames left out as long as it stays. */
#ifndef WEIR_TEST_PARITY_SMALLER_H
#define WEIR_TEST_PARITY_SMALLER_H

#include "trial.h"

/* Prints the smallest: its rules, its packets and frames, and what was counted. */
void smaller_print(const struct trial *trial, bool nft);

#endif
