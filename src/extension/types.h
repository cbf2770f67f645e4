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
extern const struct match_type match_mac, match_limit, match_mark, match_connmark, match_pkttype,
    match_iprange, match_owner, match_statistic, match_addrtype, match_quota, match_ttl, match_hl;
extern const struct match_type match_length, match_string, match_u32, match_dscp, match_tos, match_ah,
    match_esp, match_ipcomp, match_ipv6header, match_rt, match_frag, match_hbh, match_dst, match_mh,
    match_dccp, match_tcpmss, match_ecn, match_eui64, match_srh, match_bpf;
extern const struct match_type match_hashlimit;
extern const struct match_type match_helper, match_connlabel, match_cluster, match_socket, match_rpfilter,
    match_cpu, match_realm, match_devgroup, match_cgroup, match_osf, match_nfacct, match_rateest, match_ipvs;
extern const struct match_type match_recent;
extern const struct match_type match_connbytes, match_connlimit, match_physdev, match_policy;
extern const struct match_type match_sctp, match_time;
extern const struct target_type target_accept, target_drop, target_return, target_notrack, target_ct,
    target_reject, target_log;
extern const struct target_type target_dnat, target_snat, target_masquerade, target_redirect, target_netmap,
    target_mark, target_connmark, target_connmark_restore, target_classify, target_dscp, target_tos,
    target_ttl, target_hl, target_ecn, target_checksum, target_tcpmss, target_tcpmss_clamp,
    target_tcpoptstrip;
extern const struct target_type target_ct_with_template, target_nflog, target_nfqueue, target_tee_type,
    target_set, target_set_map, target_set_map_late, target_audit, target_trace, target_synproxy,
    target_secmark, target_connsecmark, target_idletimer, target_rateest, target_snpt, target_dnpt,
    target_tproxy, target_led, target_ulog, target_clusterip, target_hmark;

bool match_tcp_port_range(const struct match *match, bool *source, uint16_t *first, uint16_t *last);
/* It asks for SYN, whatever else: what TCPMSS needs. */
bool match_tcp_wants_syn(const struct match *match);
bool match_udp_port_range(const struct match *match, bool *source, uint16_t *first, uint16_t *last);
struct port_bounds;
void match_tcp_port_bounds(const struct match *match, struct port_bounds *bounds);
void match_udp_port_bounds(const struct match *match, struct port_bounds *bounds);
bool match_set_reads_state(const struct match *match);
/* Whether it asks what a member of its set has counted. */
bool match_set_reads_counters(const struct match *match);
/* Whether the packet is in the set as the input has it. */
struct set_reference;
enum truth match_set_content(const struct set_reference *reference, struct arena *arena,
			     const struct packet *packet, const struct evaluation *evaluation,
			     bool return_nomatch);
enum truth match_set_port(const struct packet *packet, bool source, uint16_t *port);

#endif
