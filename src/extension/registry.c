/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The matches and targets that are modelled, by name, and what the layers above ask about any of them. */
#include "extension/extension.h"
#include "extension/types.h"
#include "ruleset/rule_parser.h"

#define FOR_IPV4 (1u << FAMILY_IPV4)
#define FOR_IPV6 (1u << FAMILY_IPV6)
#define FOR_BOTH (FOR_IPV4 | FOR_IPV6)

const char *const effect_names[EFFECT_COUNT] = {"log", "reject", "counter", "state", "conntrack", "unknown"};

static const struct {
	const char *name; /* iptables knows some by several */
	unsigned families;
	const struct match_type *type;
} matches[] = {
    {"tcp", FOR_BOTH, &match_tcp},
    {"udp", FOR_BOTH, &match_udp},
    {"icmp", FOR_IPV4, &match_icmp},
    {"icmp6", FOR_IPV6, &match_icmp6},
    {"icmpv6", FOR_IPV6, &match_icmp6},
    {"ipv6-icmp", FOR_IPV6, &match_icmp6},
    {"multiport", FOR_BOTH, &match_multiport},
    {"state", FOR_BOTH, &match_state},
    {"conntrack", FOR_BOTH, &match_conntrack},
    {"set", FOR_BOTH, &match_set},
    {"comment", FOR_BOTH, &match_comment},
    {"mac", FOR_BOTH, &match_mac},
    {"limit", FOR_BOTH, &match_limit},
    {"mark", FOR_BOTH, &match_mark},
    {"connmark", FOR_BOTH, &match_connmark},
    {"pkttype", FOR_BOTH, &match_pkttype},
    {"iprange", FOR_BOTH, &match_iprange},
    {"owner", FOR_BOTH, &match_owner},
    {"statistic", FOR_BOTH, &match_statistic},
    {"addrtype", FOR_BOTH, &match_addrtype},
    {"quota", FOR_BOTH, &match_quota},
    {"sctp", FOR_BOTH, &match_sctp},
    {"time", FOR_BOTH, &match_time},
    {"connbytes", FOR_BOTH, &match_connbytes},
    {"connlimit", FOR_BOTH, &match_connlimit},
    {"physdev", FOR_BOTH, &match_physdev},
    {"policy", FOR_BOTH, &match_policy},
    {"recent", FOR_BOTH, &match_recent},
    {"hashlimit", FOR_BOTH, &match_hashlimit},
    {"ttl", FOR_IPV4, &match_ttl},
    {"hl", FOR_IPV6, &match_hl},
    {"length", FOR_BOTH, &match_length},
    {"string", FOR_BOTH, &match_string},
    {"u32", FOR_BOTH, &match_u32},
    {"dscp", FOR_BOTH, &match_dscp},
    {"tos", FOR_BOTH, &match_tos},
    {"ah", FOR_BOTH, &match_ah},
    {"esp", FOR_BOTH, &match_esp},
    {"ipcomp", FOR_BOTH, &match_ipcomp},
    {"ipv6header", FOR_IPV6, &match_ipv6header},
    {"rt", FOR_IPV6, &match_rt},
    {"frag", FOR_IPV6, &match_frag},
    {"hbh", FOR_IPV6, &match_hbh},
    {"dst", FOR_IPV6, &match_dst},
    {"mh", FOR_IPV6, &match_mh},
    {"dccp", FOR_BOTH, &match_dccp},
    {"tcpmss", FOR_BOTH, &match_tcpmss},
    {"ecn", FOR_BOTH, &match_ecn},
    {"eui64", FOR_IPV6, &match_eui64},
    {"srh", FOR_IPV6, &match_srh},
    {"bpf", FOR_BOTH, &match_bpf},
    {"helper", FOR_BOTH, &match_helper},
    {"connlabel", FOR_BOTH, &match_connlabel},
    {"cluster", FOR_BOTH, &match_cluster},
    {"socket", FOR_BOTH, &match_socket},
    {"rpfilter", FOR_BOTH, &match_rpfilter},
    {"cpu", FOR_BOTH, &match_cpu},
    {"realm", FOR_IPV4, &match_realm},
    {"devgroup", FOR_BOTH, &match_devgroup},
    {"cgroup", FOR_BOTH, &match_cgroup},
    {"osf", FOR_IPV4, &match_osf},
    {"nfacct", FOR_BOTH, &match_nfacct},
    {"rateest", FOR_BOTH, &match_rateest},
    {"ipvs", FOR_BOTH, &match_ipvs},
};

static const struct {
	const struct target_type *type;
	unsigned families;
} targets[] = {
    {&target_accept, FOR_BOTH},     {&target_drop, FOR_BOTH},        {&target_return, FOR_BOTH},
    {&target_notrack, FOR_BOTH},    {&target_ct, FOR_BOTH},          {&target_reject, FOR_BOTH},
    {&target_log, FOR_BOTH},        {&target_dnat, FOR_BOTH},        {&target_snat, FOR_BOTH},
    {&target_masquerade, FOR_BOTH}, {&target_redirect, FOR_BOTH},    {&target_netmap, FOR_BOTH},
    {&target_mark, FOR_BOTH},       {&target_connmark, FOR_BOTH},    {&target_classify, FOR_BOTH},
    {&target_dscp, FOR_BOTH},       {&target_tos, FOR_BOTH},         {&target_ttl, FOR_IPV4},
    {&target_hl, FOR_IPV6},         {&target_ecn, FOR_IPV4},         {&target_checksum, FOR_BOTH},
    {&target_tcpmss, FOR_BOTH},     {&target_tcpoptstrip, FOR_BOTH}, {&target_nflog, FOR_BOTH},
    {&target_nfqueue, FOR_BOTH},    {&target_tee_type, FOR_BOTH},    {&target_set, FOR_BOTH},
    {&target_audit, FOR_BOTH},      {&target_trace, FOR_BOTH},       {&target_synproxy, FOR_BOTH},
    {&target_secmark, FOR_BOTH},    {&target_connsecmark, FOR_BOTH}, {&target_idletimer, FOR_BOTH},
    {&target_rateest, FOR_BOTH},    {&target_snpt, FOR_IPV6},        {&target_dnpt, FOR_IPV6},
    {&target_tproxy, FOR_BOTH},     {&target_led, FOR_BOTH},         {&target_ulog, FOR_IPV4},
    {&target_clusterip, FOR_IPV4},  {&target_hmark, FOR_BOTH},
};

const struct match_type *match_type_find(struct text name, enum family family)
{
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
		if (matches[i].families & 1u << family && text_is(name, matches[i].name))
			return matches[i].type;
	}
	return NULL;
}

const struct target_type *target_type_find(struct text name, enum family family)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		if (targets[i].families & 1u << family && text_is(name, targets[i].type->name))
			return targets[i].type;
	}
	return NULL;
}

bool match_reads_state(const struct match *match)
{
	if (match->type == &match_set)
		return match_set_reads_state(match);
	return match->type->reads_state;
}

/* NAT's targets choose a mapping for a connection that begins; whether one does is what the packet itself
 * says as long as no rule lets state decide. Sorted by no order: there are few. */
bool target_reads_state(const struct target *target)
{
	static const char *const stateless[] = {
	    "AUDIT",  "CHECKSUM",    "CLASSIFY", "DNAT",  "DSCP",    "ECN",      "HL",  "LED",
	    "MARK",   "MASQUERADE",  "NETMAP",   "NFLOG", "RATEEST", "REDIRECT", "SET", "SNAT",
	    "TCPMSS", "TCPOPTSTRIP", "TEE",      "TOS",   "TRACE",   "TTL"};
	const struct opaque_data *opaque = target->data;
	struct text name = target->type->name ? text_of(target->type->name) : (struct text){0};
	if (target->type->modelled && target->type->kind != TARGET_CHANGE &&
	    target->type->kind != TARGET_REWRITE && target->type->kind != TARGET_QUEUE)
		return false;
	if (!target->type->modelled)
		name = opaque ? opaque->name : (struct text){0};
	for (size_t i = 0; name.size && i < sizeof(stateless) / sizeof(stateless[0]); i++)
		if (text_is(name, stateless[i]))
			return false;
	return true;
}

bool match_is_comment(const struct match *match)
{
	return match->type == &match_comment;
}

bool match_port_range(const struct match *match, bool *source, uint16_t *first, uint16_t *last)
{
	if (match->type == &match_tcp)
		return match_tcp_port_range(match, source, first, last);
	return match->type == &match_udp && match_udp_port_range(match, source, first, last);
}

bool match_single_port(const struct match *match, bool *source, uint16_t *port)
{
	uint16_t last;

	return match_port_range(match, source, port, &last) && *port == last;
}

bool match_port_bounds(const struct match *match, struct port_bounds *bounds)
{
	if (match->type != &match_tcp && match->type != &match_udp)
		return false;
	if (match->type == &match_tcp)
		match_tcp_port_bounds(match, bounds);
	else
		match_udp_port_bounds(match, bounds);
	return true;
}
