/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lists of connection states, for -m state and -m conntrack --ctstate. */
#ifndef WEIR_EXTENSION_STATE_H
#define WEIR_EXTENSION_STATE_H

#include "extension/option.h"

/* Bits 1 << enum connection_state, and the two virtual states of conntrack. */
#define STATE_SNAT (1u << STATE_COUNT)
#define STATE_DNAT (1u << (STATE_COUNT + 1))
#define STATES_TRACKED (1u << STATE_NEW | 1u << STATE_ESTABLISHED | 1u << STATE_RELATED)
/* The packet has no connection (nf_ct_get() gives NULL). */
#define STATES_WITHOUT (1u << STATE_INVALID | 1u << STATE_UNTRACKED)

/* Reads `word`, the option's argument. `nat`: SNAT and DNAT too. 0 or -EINVAL. */
int state_list_parse(struct rule_parser *parser, const struct word *word, bool nat, unsigned *states);
void state_list_print(unsigned states, struct buffer *out);
/* The states that the packet may have. */
unsigned state_possible(const struct evaluation *evaluation);
/* The packets that have one of the states (without SNAT and DNAT). */
diagram_node state_list_mean(const struct fields *fields, unsigned states);

#endif
