/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The matches and targets of this folder, each defined in its own file, for registry.c. Nobody above includes
 * it. */
#ifndef WEIR_EXTENSION_TYPES_H
#define WEIR_EXTENSION_TYPES_H

#include "extension/fields.h"
#include "ruleset/rule_parser.h"

extern const struct match_type match_tcp, match_udp, match_icmp, match_icmp6, match_multiport, match_state,
    match_conntrack, match_set, match_comment;
extern const struct target_type target_accept, target_drop, target_return, target_notrack, target_ct,
    target_reject, target_log;
extern const struct target_type target_dnat, target_snat, target_masquerade, target_redirect, target_netmap,
    target_mark;
extern const struct target_type target_ct_with_template, target_nflog, target_nfqueue, target_tee_type, target_set,
    target_set_map, target_set_map_late;

bool match_tcp_single_port(const struct match *match, bool *source, uint16_t *port);
bool match_udp_single_port(const struct match *match, bool *source, uint16_t *port);
bool match_set_reads_state(const struct match *match);
bool match_opaque_reads_state(const struct match *match);

#endif
