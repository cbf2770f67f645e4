/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All kinds of findings: those of one place are shown in this order. */
#include "check/findings.h"

const struct finding_type *const finding_types[] = {
    &finding_rule_shadowed,
    &finding_stateless_hole,
    &finding_set_never_matches,
    &finding_set_duplicate,
    &finding_set_everything,
    &finding_set_nearly_full,
    &finding_set_grows,
    &finding_set_stays,
    &finding_set_overlap,
    &finding_set_unused,
    &finding_ssh_locked_out,
    &finding_family_gap,
    &finding_accept_before_ban,
    &finding_spoof_own,
    &finding_spoof_loopback,
    &finding_notrack_one_sided,
    &finding_conntrack_for_nothing,
    &finding_state_matches_all,
    &finding_invalid_dropped,
    &finding_established_late,
    &finding_walks_on,
    &finding_list_as_set,
    &finding_rule_dead,
    &finding_rule_contradicts,
    &finding_rule_overlaps,
    &finding_rule_redundant,
    &finding_balance_skew,
    &finding_dnat_return,
    &finding_dnat_catches_all,
    &finding_tee_twice,
    &finding_tee_loop,
    &finding_tee_dropped,
    &finding_tee_gateway,
    &finding_chain_unused,
    &finding_chain_empty,
};
const size_t finding_type_count = sizeof(finding_types) / sizeof(finding_types[0]);
