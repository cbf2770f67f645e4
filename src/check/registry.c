/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check/findings.h"

const struct finding_type *const finding_types[] = {
    &finding_walks_on,          &finding_list_as_set,    &finding_established_late,
    &finding_ssh_locked_out,    &finding_stateless_hole, &finding_notrack_one_sided,
    &finding_balance_skew,      &finding_dnat_return,    &finding_dnat_catches_all,
    &finding_set_never_matches, &finding_set_everything, &finding_set_nearly_full,
    &finding_set_grows,         &finding_set_stays,      &finding_set_overlap,
    &finding_set_unused,        &finding_chain_unused,   &finding_chain_empty,
    &finding_invalid_dropped,
};
const size_t finding_type_count = sizeof(finding_types) / sizeof(finding_types[0]);
