/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which of the lines of matches and targets this kernel and its iptables load. */
#ifndef WEIR_TEST_PARITY_PROBE_H
#define WEIR_TEST_PARITY_PROBE_H

#include "rules.h"

/* Switches off what is not modelled, and what is not loaded by iptables-legacy; *both: what iptables-nft does
 * not load, too. Prints which. Lines that are modelled and load, but that weir does not read: how many, with
 * the reasons. */
size_t probe_extensions(struct extension_choice *legacy, struct extension_choice *both, struct buffer *why);

#endif
