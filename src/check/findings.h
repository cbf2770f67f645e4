/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The findings of this folder, each defined in the file of its name, for registry.c. Nobody above includes
 * it. */
#ifndef WEIR_CHECK_FINDINGS_H
#define WEIR_CHECK_FINDINGS_H

#include "check/context.h"
#include "packet/address.h"

#include <errno.h>

extern const struct finding_type finding_accept_before_ban, finding_balance_skew, finding_chain_empty,
    finding_chain_unused, finding_conntrack_for_nothing, finding_dnat_catches_all, finding_dnat_return,
    finding_established_late, finding_family_gap, finding_invalid_dropped, finding_list_as_set,
    finding_notrack_one_sided, finding_rule_contradicts, finding_rule_dead, finding_rule_overlaps,
    finding_rule_redundant, finding_rule_shadowed, finding_set_duplicate, finding_set_everything,
    finding_set_grows, finding_set_nearly_full, finding_set_never_matches, finding_set_overlap,
    finding_set_stays, finding_set_unused, finding_spoof_loopback, finding_spoof_own, finding_ssh_locked_out,
    finding_state_matches_all, finding_stateless_hole, finding_tee_dropped, finding_tee_gateway,
    finding_tee_loop, finding_tee_twice, finding_walks_on;

#endif
